"""Leapfrog steps per second of the Bayesian neural network's samplers, beside the same model in plain Pyro."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import mcmc
from torch import Tensor

from archbo.encodings import default_encoding
from archbo.predictors.bayesian_networks.bnn_hmc import MarginalPotential
from archbo.predictors.bayesian_networks.hmc import sample_batched, sample_pyro
from archbo.predictors.bayesian_networks.mlp import StandardFeatures
from archbo.predictors.warps import RankWarp
from archbo.randomness import global_seed
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import EMBEDDED, load

__all__ = ["MEASUREMENT", "pyro_model"]

SIZES = (50, 150)
HIDDEN = (32, 16)
CHAINS = 4


def measure(settings: Settings) -> Section:
    """The rates of each sampler for two numbers of observations."""
    tasks = [(size, seed) for size in SIZES for seed in settings.seeds]
    found = dict(zip(tasks, each(rates, tasks, workers=settings.workers), strict=True))
    rows = []
    for size in SIZES:
        of_size = [found[size, seed] for seed in settings.seeds]
        medians = {name: median(rates[name] for rates in of_size) for name in of_size[0]}
        *_, plain = medians.values()
        rows += [
            [str(size), name, f"{value:,.0f}", f"{value / plain:,.1f}"]
            for name, value in medians.items()
        ]
    header = ["observations", "sampler", "leapfrog steps per s, all chains", "times plain Pyro"]
    return Section(
        "Samplers of the Bayesian neural network",
        [Grid(header, rows)],
        [
            f"Hidden layers of {' and '.join(map(str, HIDDEN))} units, a few trajectories each; medians."
        ],
    )


def rates(task: tuple[int, int]) -> dict[str, float]:
    """Sample posteriors of nets trained on ``size`` cells of the embedded table, plain Pyro last."""
    size, seed = task
    benchmark = load(EMBEDDED)
    features = StandardFeatures(default_encoding(benchmark.space))
    order = np.random.default_rng(seed).permutation(len(benchmark.X))[:size]
    X, Y = features(benchmark.X[order].float()), benchmark.evaluator().gains[order].flatten()
    y = RankWarp().fit(Y).forward(Y).float().numpy()
    potential = MarginalPotential(X, y, features.groups, HIDDEN)
    draws = np.random.default_rng(seed).standard_normal((CHAINS, potential.n_parameters), "f")
    start = 0.5 * draws
    ours: Callable[..., Any] = partial(sample_batched, potential, start, max_steps=64)
    theirs: Callable[..., Any] = partial(sample_pyro, potential, start[:1], nuts=True)
    return {
        f"{CHAINS} chains in one batch": rate(ours, warmup=50, samples=50),
        "Pyro's NUTS, fused potential": rate(theirs, warmup=5, samples=5),
        "Pyro's NUTS, plain model": plain_rate(torch.tensor(X), torch.tensor(y), features.groups),
    }


def rate(sample: Callable[..., Any], *, warmup: int, samples: int) -> float:
    """Leapfrog steps per second, summed over chains."""
    started = time.perf_counter()
    draws = sample(warmup=warmup, samples=samples, generator=np.random.default_rng(0))
    return float(draws.leapfrogs / (time.perf_counter() - started))


def plain_rate(X: Tensor, y: Tensor, groups: Sequence[int]) -> float:
    """Those of Pyro's NUTS on a model of ``pyro.sample`` statements; each asks for one gradient."""
    calls = 0

    def counted(*arguments: Any) -> None:  # noqa: ANN401
        nonlocal calls
        calls += 1
        pyro_model(*arguments)

    library: Any = mcmc  # without types
    kernel = library.NUTS(counted, max_tree_depth=6)
    sampler = library.MCMC(kernel, num_samples=5, warmup_steps=5, disable_progbar=True)
    with global_seed(0):
        started = time.perf_counter()
        sampler.run(X, y, groups, HIDDEN, False)
    return calls / (time.perf_counter() - started)


def pyro_model(
    X: Tensor, y: Tensor, groups: Sequence[int], hidden: Sequence[int], marginal: bool = True
) -> None:
    """The model of ``MarginalPotential`` in Pyro's own words.

    Args:
        X: ``n x D``, inputs, the last a constant.
        y: ``n``, values.
        groups: ``D`` integers, the group of each input.
        hidden: The number of units of each layer.
        marginal: Integrate the output weights out; otherwise they are sampled too.
    """
    inputs = [len(groups), *(units + 1 for units in hidden)]
    n_weights = sum(units * width for units, width in zip(hidden, inputs, strict=False))

    def standard(name: str, *shape: int) -> Tensor:
        law: Any = dist.Normal(torch.zeros(shape), 1.0)
        normal: Tensor = pyro.sample(name, law.to_event(len(shape)))
        return normal

    G = max(groups)
    w, t = standard("w", n_weights), standard("t", G + 1 + 2 * (len(hidden) - 1))
    t_0, z = standard("t_0"), standard("z")
    scale = torch.cat([(t[:G] - 0.5 * math.log(G)).exp(), (0.3 * t[G : G + 1]).exp()])[list(groups)]
    values, rest = X.to(w), t[G + 1 :]
    for units, width in zip(hidden, inputs, strict=False):
        layer, w = w[: units * width].reshape(units, width), w[units * width :]
        values = torch.nn.functional.pad(torch.tanh(values @ (scale * layer).T), (0, 1), value=1.0)
        if len(rest):
            wide = (0.3 * rest[0] - 0.5 * math.log(units / 2)).exp().expand(units)
            scale, rest = torch.cat([wide, (0.3 * rest[1:2]).exp()]), rest[2:]
    height = (0.5 * t_0).exp() / math.sqrt(hidden[-1])
    basis = torch.cat([height * values[:, :-1], values[:, -1:]], 1)
    noise = (z - 4).exp()
    law: Any
    if marginal:
        law = dist.LowRankMultivariateNormal(
            torch.zeros_like(basis[:, 0]), basis, noise.expand(len(y))
        )
    else:
        law = dist.Normal(basis @ standard("v", basis.shape[1]), noise.sqrt())
        law = law.to_event(1)
    pyro.sample("y", law, obs=y.to(w))


MEASUREMENT = Measurement(measure, repeats=1, has_rows=False)
