"""Hamiltonian Monte Carlo against Gaussians, autograd and Pyro; the network against its model."""

import sys
import warnings

import numpy as np
import pytest
import torch
from pyro.infer.mcmc.util import initialize_model
from pyro.ops import stats
from scipy.stats import norm

from archbo.errors import FitError, NumericalWarning, UsageError
from archbo.predictors.bayesian_networks.bnn_hmc import BNNHMC, MarginalPotential
from archbo.predictors.bayesian_networks.hmc import (
    Diagnostics,
    Draws,
    descend,
    leapfrog,
    sample_batched,
    sample_pyro,
)
from archbo.predictors.bayesian_networks.mlp import WhiteNetwork
from archbo.spaces import CategoricalSpace, EdgeCellSpace
from perf.bnn import pyro_model

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
GROUPS = (0, 0, 1, 1, 1, 2)
HIDDEN = pytest.mark.parametrize("hidden", [(4,), (5, 3)], ids=str)


def rng(seed=0):
    return np.random.default_rng(seed)


class Gaussian:
    """The posterior of a linear model: known mean and covariance, and a potential that is finite everywhere."""

    def __init__(self, p=4, n=30):
        X, y = rng(1).standard_normal((n, p)), rng(2).standard_normal(n)
        self.precision = np.eye(p) + X.T @ X / 0.5
        self.covariance = np.linalg.inv(self.precision)
        self.mean = self.covariance @ X.T @ y / 0.5
        self.p = p

    def __call__(self, position):
        away = position - self.mean
        gradient = away @ self.precision
        return 0.5 * (away * gradient).sum(-1), gradient.astype(np.float32)


def start(p, c=4):
    return rng(3).standard_normal((c, p), np.float32)


@pytest.mark.parametrize("sampler", [sample_batched, sample_pyro])
def test_moments_are_those_of_the_conjugate_posterior(sampler):
    target = Gaussian()
    many = {"warmup": 100, "samples": 1000 if sampler is sample_batched else 150}
    options = {} if sampler is sample_batched else {"nuts": True}
    draws = sampler(target, start(4), generator=rng(), **many, **options)
    flat = draws.positions.reshape(-1, 4)
    independent = stats.effective_sample_size(torch.from_numpy(draws.positions)).numpy()
    assert (independent > 150).all()
    std = np.sqrt(target.covariance.diagonal())
    assert (np.abs(flat.mean(0) - target.mean) < 4.5 * std / np.sqrt(independent)).all()
    correlation = target.covariance / np.outer(std, std)
    error = np.cov(flat.T) / np.outer(std, std) - correlation
    # The standard error of a second moment is at most sqrt(2 / n).
    assert np.abs(error).max() < 4.5 * np.sqrt(2 / independent.min())
    assert draws.divergences == 0
    assert 0.6 < draws.acceptance <= 1


def test_plain_hmc_of_pyro_samples_too():
    target = Gaussian()
    draws = sample_pyro(target, start(4, 2), warmup=50, samples=50, generator=rng(), nuts=False)
    std = np.sqrt(target.covariance.diagonal())
    assert (np.abs(draws.positions.mean((0, 1)) - target.mean) < std).all()
    assert draws.leapfrogs > 200


def test_a_batch_of_chains_moves_as_each_chain_alone():
    potential, position = posterior_of_toy((5, 3)), None
    position, momentum = start(potential.n_parameters, 3), start(potential.n_parameters, 3)[::-1]
    inverse_mass = rng(5).uniform(0.5, 2, potential.n_parameters).astype(np.float32)
    options = {"step_size": 0.02, "n_steps": 10, "inverse_mass": inverse_mass}
    together = leapfrog(potential, position, momentum, potential(position)[1], **options)
    for index in range(3):
        own = slice(index, index + 1)
        gradient = potential(position[own])[1]
        alone = leapfrog(potential, position[own], momentum[own], gradient, **options)
        for one, all_ in zip(alone, together, strict=True):
            np.testing.assert_allclose(all_[own], one, rtol=1e-3, atol=1e-3)


def test_leapfrogs_turn_back_and_keep_the_energy():
    target, position, momentum = Gaussian(), start(4), start(4)[::-1]
    ones = np.ones(4, np.float32)
    options = {"step_size": 0.01, "n_steps": 100, "inverse_mass": ones}
    energy, gradient = target(position)
    end, speed, end_energy, end_gradient = leapfrog(target, position, momentum, gradient, **options)
    before, after = energy + 0.5 * (momentum**2).sum(-1), end_energy + 0.5 * (speed**2).sum(-1)
    np.testing.assert_allclose(after, before, rtol=0.01)
    assert np.abs(end - position).max() > 0.5
    back, _, _, _ = leapfrog(target, end, -speed, end_gradient, **options)
    np.testing.assert_allclose(back, position, atol=1e-3)


def test_descent_ends_at_the_mode_and_leaves_alone_what_is_fixed():
    target = Gaussian()
    mode = descend(target, start(4), n_steps=2000, fixed=slice(0, 0))
    np.testing.assert_allclose(mode, np.tile(target.mean, (4, 1)), atol=1e-3)
    held = descend(target, start(4), n_steps=10, fixed=slice(1, 3))
    assert (held != start(4)).all(0).tolist() == [True, False, False, True]


def toy_inputs(n=9):
    X = rng(7).standard_normal((n, len(GROUPS)), np.float32)
    X[:, -1] = 1
    return X, rng(8).standard_normal(n).astype(np.float32)


def posterior_of_toy(hidden):
    return MarginalPotential(*toy_inputs(), GROUPS, hidden)


@HIDDEN
def test_potential_is_the_log_density_of_the_pyro_model_and_gradient_its_gradient(hidden):
    """The reference model has one ``pyro.sample`` for each kind of variable; autograd does the rest."""
    X, y = toy_inputs()
    potential = posterior_of_toy(hidden)
    position = 0.7 * start(potential.n_parameters, 2)
    energy, gradient = potential(position)
    K = potential.scales.stop - potential.scales.start - 1
    P = potential.scales.start
    arguments = (torch.tensor(X), torch.tensor(y), GROUPS, hidden)
    _, reference, _, _ = initialize_model(pyro_model, arguments)
    offsets = []
    for index in range(2):
        own = torch.tensor(position[index], dtype=torch.double, requires_grad=True)
        sites = {"w": own[:P], "t": own[P : P + K], "t_0": own[P + K], "z": own[P + K + 1]}
        expected = reference(sites)
        offsets.append(expected.item() - energy[index])
        (by_autograd,) = torch.autograd.grad(expected, own)
        scale = by_autograd.abs().max().item()
        np.testing.assert_allclose(gradient[index], by_autograd, rtol=1e-3, atol=1e-4 * scale)
    assert offsets[0] == pytest.approx(offsets[1], abs=1e-3)


@HIDDEN
def test_output_weights_are_drawn_from_their_conditional(hidden):
    """Given the rest they are a Bayesian linear regression, here in its dual form."""
    X, y = toy_inputs()
    potential = posterior_of_toy(hidden)
    position = np.repeat(0.5 * start(potential.n_parameters, 1), 4000, 0)
    weights, mean, deviation = potential.networks(position, generator=rng())
    network = WhiteNetwork(GROUPS, hidden)
    units = network.net.forward(network.net.layers(weights[:1]), X)[-1][0].T.astype(float)
    scale = np.exp(0.5 * position[0, -2]) / np.sqrt(hidden[-1])
    prior = np.diag([scale**2] * hidden[-1] + [1.0])
    noise = potential.noise(position)[0]
    gain = prior @ units.T @ np.linalg.inv(units @ prior @ units.T + noise * np.eye(len(y)))
    np.testing.assert_allclose(mean[0], gain @ y, rtol=1e-3, atol=1e-4)
    covariance = prior - gain @ units @ prior
    std = np.sqrt(covariance.diagonal())
    error = (np.cov(deviation.T) - covariance) / np.outer(std, std)
    assert np.abs(error).max() < 5 * np.sqrt(2 / 4000)
    assert (np.abs(deviation.mean(0)) < 5 * std / np.sqrt(4000)).all()


@pytest.mark.parametrize("length", [40, 41])
def test_diagnostics_are_those_of_pyro(length):
    chains = rng().standard_normal((3, length, 5))
    for step in range(1, length):
        chains[:, step] += np.linspace(-0.3, 0.9, 5) * chains[:, step - 1]
    own = torch.tensor(chains)
    draws = Draws(chains, 0, 0.8, 0.1, 1000)
    # Quantities of all draws, one after the other, find back to their chains.
    found = Diagnostics.of(draws, {"all": chains.reshape(-1, 5)})
    assert found.r_hat["all"] == pytest.approx(stats.split_gelman_rubin(own).max().item())
    assert found.effective_samples["all"] == pytest.approx(
        stats.effective_sample_size(own).min().item()
    )


def data(space, n=15, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X = space.distinct(space.sample(3 * n, generator=generator))[:n]
    weights = torch.rand(space.n_columns, generator=generator, dtype=torch.double)
    noise = 0.3 * torch.rand(n, generator=generator, dtype=torch.double)
    return X, (90 - (X @ weights + noise).square()).unsqueeze(-1)


@pytest.mark.parametrize("space", [TOY, NB201], ids=["toy", "nb201"])
def test_chains_agree_and_nothing_is_said_at_the_defaults(space):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bnn = BNNHMC(space).fit(*data(space), seed=0)
    found = bnn.diagnostics
    assert found.draws == bnn.chains * bnn.samples
    assert found.r_hat["function values"] < 1.2
    assert found.effective_samples["function values"] > 40
    assert set(found.r_hat) == {"function values", "noise", "scales"}


def test_chains_that_disagree_are_complained_of():
    bnn = BNNHMC(TOY, warmup=2, samples=4, max_steps=1)
    with pytest.warns(NumericalWarning, match=r"chains disagree on function values \(r-hat"):
        bnn.fit(*data(TOY), seed=0)
    assert bnn.diagnostics.r_hat["function values"] > 1.5
    assert not bnn.fell_back


def test_divergences_are_counted_and_complained_of():
    def cliff(position):
        """A wall that leapfrogs run into, at 1 in the first direction."""
        wall = 1e5 * np.maximum(position[:, :1] - 1, 0)
        gradient = position.copy()
        gradient[:, :1] += wall
        return 0.5 * (position**2).sum(-1) + 0.5e-5 * wall[:, 0] ** 2, gradient

    draws = sample_batched(
        cliff, 0 * start(3), warmup=0, samples=50, generator=rng(), target_acceptance=0.5
    )
    assert draws.divergences > 10
    found = Diagnostics.of(draws, {"x": draws.positions})
    with pytest.warns(NumericalWarning, match=rf"{draws.divergences} of 200 trajectories diverged"):
        found.warn(r_hat=10.0, divergent=0.05, names=("x",))


def test_stuck_chains_are_no_fit(monkeypatch):
    def stuck(potential, start, *, samples, **options):
        return Draws(np.repeat(start[:, None], samples, 1), 4 * samples, 0.0, 1.0, 0)

    monkeypatch.setattr("archbo.predictors.bayesian_networks.bnn_hmc.sample_batched", stuck)
    bnn = BNNHMC(TOY)
    with pytest.warns(NumericalWarning, match=r"BNNHMC: it could not be fitted .*chains are stuck"):
        bnn.fit(*data(TOY), seed=0)
    assert bnn.fell_back
    with pytest.raises(FitError, match="chains are stuck"):
        bnn._fit(seed=0)


@pytest.mark.parametrize("sampler", ["nuts", "hmc"])
def test_pyros_samplers_find_the_same_posterior(sampler):
    """On four observations of one decision, where both are quick; by Monte Carlo's own error."""
    space = CategoricalSpace("one", {"a": [1, 2, 3, 4]})
    X, Y = space.enumerate(), torch.tensor([1.0, 2.0, 2.5, 4.0])
    options = {"hidden": (3,), "chains": 2, "warmup": 40, "samples": 50}
    if sampler == "nuts":
        options["max_steps"] = 16
    torch.manual_seed(1)
    before = torch.get_rng_state()
    theirs = BNNHMC(space, sampler=sampler, **options).fit(X, Y, seed=0)
    assert torch.get_rng_state().equal(before)
    ours = BNNHMC(space, **{**options, "samples": 500}).fit(X, Y, seed=0)
    (mean, std), (their_mean, their_std) = (bnn.predict(X) for bnn in (ours, theirs))
    assert (mean - their_mean).abs().max() < 0.5 * std.max()
    assert ((std / their_std).log().abs() < 0.5).all()
    assert theirs.diagnostics.leapfrogs > 180


def test_options_that_would_not_take_effect_are_refused():
    with pytest.raises(UsageError, match="leave max_steps out"):
        BNNHMC(TOY, sampler="hmc", max_steps=16)
    with pytest.raises(UsageError, match="sampler is 'gibbs'; give 'batched' or 'nuts' or 'hmc'"):
        BNNHMC(TOY, sampler="gibbs")
    with pytest.raises(UsageError, match="samples is at least 4"):
        BNNHMC(TOY, samples=2)


def test_members_are_pairs_around_the_conditional_mean():
    bnn = BNNHMC(TOY, chains=2, warmup=20, samples=20).fit(*data(TOY), seed=0)
    X = TOY.enumerate()
    members = bnn.model.members(X)
    assert members.shape == (2 * 40, len(X))
    output = bnn.model.output
    assert output.shape[:2] == (40, 2)
    weights = bnn.model.weights.double().numpy()
    network = WhiteNetwork(bnn.model._features.groups, (32, 16))
    top = network.net.forward(network.net.layers(weights), bnn.model._features(X))[-1]
    centre = torch.einsum("sm,smn->sn", output.mean(1).double(), torch.tensor(top))
    torch.testing.assert_close(members.reshape(40, 2, -1).mean(1), centre, rtol=1e-4, atol=1e-5)


def test_intervals_cover_what_is_held_out():
    """A smooth function with noise of a known size: nominal 90 % intervals, on what was not seen."""
    space = CategoricalSpace("grid", {name: range(5) for name in "abcd"})
    X = space.enumerate()[rng().permutation(625)]
    f = torch.sin(X[:, 0]) + 0.3 * X[:, 1] - 0.2 * X[:, 2] * (X[:, 3] > 2)
    Y = f + 0.2 * torch.tensor(rng(1).standard_normal(625))
    bnn = BNNHMC(space).fit(X[:60], Y[:60], seed=0)
    mean, std = bnn.predict(X[60:])
    inside = ((Y[60:] - mean).abs() < norm.ppf(0.95) * std).double().mean()
    assert 0.8 < inside < 0.98
    assert (mean - f[60:]).square().mean() < 0.3 * f.var()
    assert 0.1 < bnn.model.noise.sqrt() * Y[:60].std() < 0.45


def test_pyro_is_not_needed_for_the_default(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyro.infer", None)
    bnn = BNNHMC(TOY, chains=2, warmup=20, samples=20).fit(*data(TOY), seed=0)
    assert not bnn.fell_back
    with pytest.raises(ImportError):
        BNNHMC(TOY, sampler="nuts").fit(*data(TOY), seed=0)
