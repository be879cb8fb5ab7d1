"""The Gaussian process over several tasks, against dense algebra and against what tasks should tell of each other."""

import numpy as np
import pytest
import torch
from botorch.acquisition import qKnowledgeGradient
from scipy.spatial.distance import cdist

from archbo import GP, MultiTaskGP
from archbo.errors import InvalidArchitectureError, UsageError
from archbo.predictors import marginals
from archbo.predictors.gaussian_processes.multi_task_gp import OFFSET, TaskEncoding
from archbo.predictors.warps import RankWarp
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})


def rows(space, n=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return space.distinct(space.sample(3 * n, generator=generator))[:n]


def value(X, seed=1):
    weights = torch.rand(X.shape[-1], generator=torch.Generator().manual_seed(seed)).double()
    return -(X @ weights - 3).square().unsqueeze(-1)


def two_tasks():
    """Sixty rows, the first thirty observed in the source, six of them in the target."""
    X = rows(NB201)
    source = 7 + 2 * value(X[:30])
    return X, MultiTaskGP(NB201, sources=[(X[:30], source)]).fit(X[24:30], value(X[24:30]), seed=0)


def tasked(X, task):
    return torch.cat([X, X.new_full((len(X), 1), task)], -1)


def covariance(gp, first, second):
    """The kernel of rows with their task behind, from its definition."""
    kernel = gp.model.covar_module
    weight = kernel.base.log_weight.exp().detach().numpy()[list(gp.encoding.groups)]
    A, B = (gp.encoding(X[:, :-1]).numpy() * np.sqrt(weight) for X in (first, second))
    r = np.sqrt(5) * cdist(A, B)
    s, t = (X[:, -1].long().numpy() for X in (first, second))
    loading = np.tanh(kernel.loading.detach().numpy())
    scale = np.exp(kernel.log_scale.detach().numpy())
    correlation = np.outer(loading, loading)
    np.fill_diagonal(correlation, 1)
    tasks = np.outer(scale, scale) * correlation
    same = s[:, None] == t[None, :]
    return tasks[s[:, None], t[None, :]] * (1 + r + r**2 / 3) * np.exp(-r) + OFFSET * same


def dense_posterior(gp, X):
    """Mean and covariance at the target by dense algebra, and the noise of each task."""
    (source, values), noise = gp.sources[0], gp.model.likelihood.noise.detach().numpy()
    train = torch.cat([tasked(source, 0), tasked(gp.train_X, 1)])
    warped = RankWarp().fit(values.flatten()).forward(values)
    Z = torch.cat([warped, gp.to_latent(gp.train_Y)]).flatten().numpy()
    K = covariance(gp, train, train) + np.diag(noise[train[:, -1].long().numpy()])
    cross, mean = covariance(gp, X, train), gp.model.mean_module.constant.item()
    gain = cross @ np.linalg.inv(K)
    return mean + gain @ (Z - mean), covariance(gp, X, X) - gain @ cross.T, noise


def test_posterior_is_that_of_dense_algebra():
    X, gp = two_tasks()
    mean, cov, noise = dense_posterior(gp, tasked(X, 1))
    pool = gp.latent.posterior(X.unsqueeze(-2))
    assert pool.mean.flatten().numpy() == pytest.approx(mean, abs=1e-6)
    assert pool.variance.flatten().numpy() == pytest.approx(np.diag(cov), abs=1e-6)
    joint = gp.latent.posterior(X)
    assert joint.mean.flatten().detach().numpy() == pytest.approx(mean, abs=1e-6)
    assert joint.covariance_matrix.detach().numpy() == pytest.approx(cov, abs=2e-6)
    for noisy in (
        gp.latent.posterior(X, observation_noise=True),
        gp.latent.posterior(X.unsqueeze(-2), observation_noise=True),
    ):
        variance = noisy.variance.flatten().detach().numpy()
        assert variance == pytest.approx(np.diag(cov) + noise[1], abs=2e-6)


def test_rows_with_their_task_behind_are_of_that_task():
    X, gp = two_tasks()
    for task in (0, 1):
        mean, cov, noise = dense_posterior(gp, tasked(X, task))
        pool = gp.latent.posterior(tasked(X, task).unsqueeze(-2), observation_noise=True)
        assert pool.mean.flatten().numpy() == pytest.approx(mean, abs=1e-6)
        assert pool.variance.flatten().numpy() == pytest.approx(
            np.diag(cov) + noise[task], abs=1e-6
        )


def test_explained_is_the_gain_of_one_more_observation():
    X, gp = two_tasks()
    share = gp.explained(X, 0)
    for row, explained in zip(X[[2, 27, 40, 55]], share[[2, 27, 40, 55]], strict=True):
        pair = torch.cat([tasked(row[None], 0), tasked(row[None], 1)])
        _, cov, noise = dense_posterior(gp, pair)
        after = cov[1, 1] - cov[0, 1] ** 2 / (cov[0, 0] + noise[0])
        assert explained.item() == pytest.approx(1 - after / cov[1, 1], abs=1e-4)
    assert share[30:].min() > share[24:30].max()


def test_moves_are_what_one_more_observation_does_to_the_target():
    X, gp = two_tasks()
    some = X[[2, 27, 40, 55]]
    mean, variance, slopes = gp.moves(some, 0)
    expected, std = marginals(gp.latent, some)
    assert mean.numpy() == pytest.approx(expected.numpy(), abs=1e-6)
    assert variance.numpy() == pytest.approx(std.square().numpy(), abs=1e-6)
    both, cov, noise = dense_posterior(gp, torch.cat([tasked(some, 0), tasked(some, 1)]))
    for i, row in enumerate(some):
        deviation = (cov[i, i] + noise[0]) ** 0.5
        told = gp.latent.condition_on_observations(
            tasked(row[None], 0), torch.tensor([[both[i] + deviation]])
        )
        moved, left = marginals(told, some)
        assert (moved - mean).numpy() == pytest.approx(slopes[i].numpy(), abs=1e-4)
        assert left.square().numpy() == pytest.approx(
            (variance - slopes[i].square()).numpy(), abs=1e-4
        )


def told_what_is_expected(gp, pending):
    """The exact model after observations of what it expects of them, one after the other."""
    model = gp.latent
    for X, task in pending:
        rows_ = tasked(X, task)
        model = model.condition_on_observations(rows_, model.posterior(rows_).mean.detach())
    return model


PENDING = [
    pytest.param([], id="nothing"),
    pytest.param([([2, 40], 0)], id="of-the-source"),
    pytest.param([([55], 1)], id="of-the-target"),
    pytest.param([([2, 40], 0), ([41, 55], 1), ([2], 0)], id="of-both"),
]


@pytest.mark.parametrize("pending", PENDING)
def test_what_is_believed_is_what_the_model_would_be_told(pending):
    X, gp = two_tasks()
    waiting = [(X[index], task) for index, task in pending]
    mean, variance = gp.believed(X, waiting)
    told_mean, told_std = marginals(told_what_is_expected(gp, waiting), X)
    before, std = marginals(gp.latent, X)
    torch.testing.assert_close(mean, before, rtol=0, atol=1e-5)
    torch.testing.assert_close(mean, told_mean, rtol=0, atol=1e-3)
    torch.testing.assert_close(variance, told_std.square(), rtol=0.01, atol=1e-4)
    shrunk = (variance < std.square() - 1e-3).any()
    assert bool(shrunk) == bool(pending)


@pytest.mark.parametrize("task", [0, 1])
@pytest.mark.parametrize("pending", PENDING)
def test_moves_given_what_is_pending_are_those_of_the_model_that_was_told(pending, task):
    X, gp = two_tasks()
    waiting = [(X[index], number) for index, number in pending]
    some = X[[2, 27, 41]]
    mean, variance, slopes = gp.moves(some, task, waiting)
    believed = gp.believed(some, waiting)
    torch.testing.assert_close(torch.stack((mean, variance)), torch.stack(believed))
    model = told_what_is_expected(gp, waiting)
    noise = gp.model.likelihood.noise[task].item()
    for row, slope in zip(some, slopes, strict=True):
        here = model.posterior(tasked(row[None], task))
        deviation = (here.variance.item() + noise) ** 0.5
        told = model.condition_on_observations(tasked(row[None], task), here.mean + deviation)
        moved = marginals(told, some)[0] - marginals(model, some)[0]
        torch.testing.assert_close(moved, slope, rtol=0.01, atol=2e-3)


def test_where_there_is_no_fit_only_the_target_is_believed():
    X = TOY.enumerate()
    gp = MultiTaskGP(TOY, sources=[(X[:0], [])]).fit(X[:1], [1.0], seed=0)
    assert gp.fell_back
    std = marginals(gp.latent, X)[1]
    for pending, shrinks in [([(X[8:9], 0)], False), ([(X[8:9], 1)], True)]:
        mean, variance = gp.believed(X, pending)
        assert mean.allclose(marginals(gp.latent, X)[0], atol=1e-6)
        assert bool(variance[8] < 0.5 * std[8] ** 2) == shrinks
        slopes = gp.moves(X, 0, pending)[2]
        assert slopes.equal(torch.zeros(len(X), len(X)).double())


def test_tasks_that_there_are_not_are_refused():
    X, gp = two_tasks()
    for call in (
        lambda: gp.moves(X, 2),
        lambda: gp.explained(X, -1),
        lambda: gp.believed(X, [(X, 2)]),
    ):
        with pytest.raises(UsageError, match=r"there is no task -?\d; .* the target is 1"):
            call()


def test_the_same_task_once_more_is_told_at_once():
    X, gp = two_tasks()
    Y = value(X[30:]).flatten()
    alone = GP(NB201).fit(X[24:30], value(X[24:30]), seed=0)
    with_source, without = (np.corrcoef(model.predict(X[30:])[0], Y)[0, 1] for model in (gp, alone))
    assert with_source > max(0.85, without)
    assert gp.correlation[0, 1] > 0.9


@pytest.mark.parametrize("sign", [0.0, -1.0])
def test_a_source_that_misleads_is_found_out(sign):
    X = rows(NB201)
    noise = torch.randn(30, 1, generator=torch.Generator().manual_seed(3)).double()
    source = sign * value(X[:30]) + (noise if sign == 0 else 0)
    Y = value(X[30:]).flatten()
    gp = MultiTaskGP(NB201, sources=[(X[:30], source)]).fit(X[:25], value(X[:25]), seed=0)
    alone = GP(NB201).fit(X[:25], value(X[:25]), seed=0)
    with_source, without = (np.corrcoef(model.predict(X[30:])[0], Y)[0, 1] for model in (gp, alone))
    assert with_source > without - 0.05
    assert gp.correlation[0, 1] < 0.5


def test_units_of_tasks_do_not_matter():
    X, gp = two_tasks()
    source = (torch.exp(3 * value(X[:30])), X[:30])
    other = MultiTaskGP(NB201, sources=[source[::-1]]).fit(X[24:30], value(X[24:30]), seed=0)
    assert torch.stack(other.predict(X)).allclose(torch.stack(gp.predict(X)), atol=1e-4)


def test_one_target_observation_is_enough():
    X = rows(NB201)
    gp = MultiTaskGP(NB201, sources=[(X[:30], value(X[:30]))]).fit(X[:1], [70.0], seed=0)
    assert not gp.fell_back
    of_source = GP(NB201).fit(X[:30], value(X[:30]), seed=0)
    means = [model.latent.posterior(X[30:]).mean.detach().flatten() for model in (gp, of_source)]
    assert np.corrcoef(*means)[0, 1] > 0.95


def test_sources_that_teach_nothing_leave_a_gaussian_process():
    X = rows(TOY, 20)
    for sources in ((), [(X[:0], [])], [(X[:3], [1.0, 1.0, 1.0])]):
        gp = MultiTaskGP(TOY, sources=sources).fit(X[:12], value(X[:12]), seed=0)
        assert np.corrcoef(gp.predict(X)[0], value(X).flatten())[0, 1] > 0.7
        assert gp.correlation.shape == (len(sources) + 1,) * 2


def test_several_sources_and_state():
    X = rows(NB201)
    sources = [(X[:20], value(X[:20])), (X[10:40], -value(X[10:40], seed=5))]
    gp = MultiTaskGP(NB201, sources=sources).fit(X[:5], value(X[:5]), seed=0)
    assert gp.n_tasks == 3
    assert torch.linalg.eigvalsh(gp.correlation).min() > 0
    other = MultiTaskGP(NB201, sources=sources)
    other.load_state_dict(gp.state_dict())
    assert torch.stack(other.predict(X)).equal(torch.stack(gp.predict(X)))


def test_conditioning_and_knowledge_gradient_see_the_target():
    X, gp = two_tasks()
    model, row = gp.latent, X[40:41]
    with torch.no_grad():
        model.posterior(X)
        before = model.posterior(row)
        after = model.condition_on_observations(row, before.mean + 1)
        gain = (after.posterior(row).mean - before.mean).item()
        _, cov, noise = dense_posterior(gp, tasked(row, 1))
        assert gain == pytest.approx(cov[0, 0] / (cov[0, 0] + noise[1]), abs=1e-3)
    gradient = qKnowledgeGradient(model, num_fantasies=4)
    assert gradient(X[40:45].unsqueeze(0)).isfinite()


def test_encodings_of_tasks_equal_themselves_only():
    _, gp = two_tasks()
    encoding = gp.model.input_transform
    assert encoding.equals(TaskEncoding(gp.encoding, 1))
    assert not encoding.equals(TaskEncoding(gp.encoding, 0))
    assert not encoding.equals(gp.encoding)


def test_bad_sources_are_refused():
    X = rows(TOY, 5)
    with pytest.raises(UsageError, match="source 1 has 5 architectures but 4 values"):
        MultiTaskGP(TOY, sources=[(X, [1.0] * 5), (X, [1.0] * 4)])
    with pytest.raises(UsageError, match="source 0 holds a NaN"):
        MultiTaskGP(TOY, sources=[(X, [1.0, 2.0, 3.0, 4.0, float("nan")])])
    with pytest.raises(InvalidArchitectureError, match="row 0"):
        MultiTaskGP(TOY, sources=[(X + 0.5, [1.0] * 5)])
