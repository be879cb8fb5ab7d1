"""Leapfrog steps per second of the Bayesian neural network's samplers, beside the same model in plain Pyro."""

import math
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import mcmc
from rich.console import Console
from rich.table import Table
from torch import Tensor

from archbo import catalog
from archbo.encodings import default_encoding
from archbo.predictors.bayesian_networks.bnn_hmc import MarginalPotential
from archbo.predictors.bayesian_networks.hmc import sample_batched, sample_pyro
from archbo.predictors.bayesian_networks.mlp import StandardFeatures
from archbo.predictors.warps import RankWarp

SIZES = (50, 150)
HIDDEN = (32, 16)
CHAINS = 4


def main() -> None:
    """Sample posteriors of nets trained on the embedded NAS-Bench-201 table, every sampler for a few trajectories."""
    torch.set_num_threads(1)
    benchmark = catalog.benchmark("nb201")
    features = StandardFeatures(default_encoding(benchmark.space))
    table = Table("observations", "sampler", "leapfrogs/s, all chains", "times plain Pyro")
    for size in SIZES:
        order = np.random.default_rng(0).permutation(len(benchmark.X))[:size]
        X, Y = features(benchmark.X[order].float()), benchmark.objective().Y[order].flatten()
        y = RankWarp().fit(Y).forward(Y).float().numpy()
        potential = MarginalPotential(X, y, features.groups, HIDDEN)
        start = 0.5 * np.random.default_rng(0).standard_normal(
            (CHAINS, potential.n_parameters), "f"
        )
        ours: Callable[..., Any] = partial(sample_batched, potential, start, max_steps=64)
        theirs: Callable[..., Any] = partial(sample_pyro, potential, start[:1], nuts=True)
        plain = plain_rate(torch.tensor(X), torch.tensor(y), features.groups)
        rates = {
            f"{CHAINS} chains in one batch": rate(ours, warmup=50, samples=50),
            "Pyro's NUTS, fused potential": rate(theirs, warmup=5, samples=5),
            "Pyro's NUTS, plain model": plain,
        }
        for name, value in rates.items():
            table.add_row(str(size), name, f"{value:,.0f}", f"{value / plain:,.1f}")
    console = Console()
    console.print(f"{os.cpu_count()} processors, one thread, hidden layers of {HIDDEN} units")
    console.print(table)


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
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
