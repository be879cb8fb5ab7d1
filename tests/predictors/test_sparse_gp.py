"""The sparse Gaussian process against the exact one and the bound's formula."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from archbo import GP
from archbo.encodings import PathEncoding
from archbo.predictors.gaussian_processes import sparse_gp
from archbo.predictors.gaussian_processes.map_fit import gradient_of
from archbo.predictors.gaussian_processes.sparse_gp import AutoGP, SparseGP
from archbo.spaces import EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()


def data(n=60):
    """The first of always the same rows, and their values."""
    generator = torch.Generator().manual_seed(0)
    X = NB201.enumerate()[torch.randperm(NB201.size, generator=generator)[:1000]]
    paths = PathEncoding(NB201, counts=True, semantic=True)(X)
    weights = torch.rand(paths.shape[1], generator=generator, dtype=torch.double)
    noise = 0.1 * torch.randn(len(X), generator=generator, dtype=torch.double)
    return X[:n], (90 - (paths @ weights - 2).square() + noise)[:n]


def fitted(n=60, **options):
    return SparseGP(NB201, **options).fit(*data(n), seed=0)


def matrices(gp):
    """Covariances of all observations and their approximation by the inducing points, and the residuals."""
    model, targets = gp.model, gp.to_latent(gp.train_Y).flatten().numpy()
    features = gp.encoding(gp.train_X)
    with torch.no_grad():
        K = model.kernel(features).to_dense().numpy()
        cross = model.kernel(model.inducing, features).to_dense().numpy()
        inner = model.kernel(model.inducing).to_dense().numpy()
    Q = cross.T @ np.linalg.pinv(inner, rcond=1e-10, hermitian=True) @ cross
    noise = model.noise.item() * np.eye(len(K))
    return K, Q, noise, targets


def test_bound_is_that_of_titsias():
    """log N(z | m, Q + s^2 I) - tr(K - Q) / 2 s^2, m by generalised least squares."""
    gp = fitted(inducing=25)
    K, Q, noise, Z = matrices(gp)
    weight = np.linalg.solve(Q + noise, np.ones(len(Z)))
    mean = weight @ Z / weight.sum()
    wanted = multivariate_normal.logpdf(Z, np.full(len(Z), mean), Q + noise)
    wanted -= 0.5 * np.trace(K - Q) / noise[0, 0]
    with torch.no_grad():
        bound = gp.model.bound(gp.encoding(gp.train_X), torch.tensor(Z))
    assert bound.item() == pytest.approx(wanted, rel=1e-3, abs=0.05)
    assert gp.model.mean.item() == pytest.approx(mean, abs=1e-3)
    exact = multivariate_normal.logpdf(Z, np.full(len(Z), mean), K + noise)
    assert bound.item() < exact


def test_with_all_observations_as_inducing_points_it_is_the_exact_gp():
    sparse = fitted(40, inducing=1000)
    exact = GP(NB201, trees=0).fit(*data(40), seed=0)
    X = NB201.sample(200, generator=torch.Generator().manual_seed(9))
    for got, wanted in zip(sparse.predict(X), exact.predict(X), strict=True):
        scale = wanted.std()
        assert (got - wanted).abs().max() < 0.02 * scale
    joint, other = sparse.latent.posterior(X[:8]), exact.latent.posterior(X[:8])
    torch.testing.assert_close(
        joint.distribution.covariance_matrix,
        other.distribution.covariance_matrix.detach(),
        rtol=1e-2,
        atol=1e-3,
    )


def test_more_inducing_points_are_closer_to_the_exact_gp():
    X = NB201.sample(500, generator=torch.Generator().manual_seed(9))
    exact, _ = GP(NB201, trees=0).fit(*data(), seed=0).predict(X)
    errors = [(fitted(inducing=m).predict(X)[0] - exact).square().mean() for m in (3, 12, 60)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_inducing_points_are_the_pivots_of_the_largest_remaining_variance():
    gp = fitted(inducing=10)
    model, features = gp.model, gp.encoding(gp.train_X)
    with torch.no_grad():
        K = model.kernel(features).to_dense()
    chosen: list[int] = []
    for point in model.inducing:
        A = K[:, chosen]
        left = K.diagonal() - (A @ torch.linalg.pinv(K[chosen][:, chosen]) * A).sum(-1)
        best = left.max()
        found = (features == point).all(-1).nonzero().flatten()
        assert left[found].max().item() == pytest.approx(best.item(), rel=1e-6)
        chosen.append(int(found[left[found].argmax()]))
    assert len(chosen) == 10


def test_many_observations_are_fitted_by_the_bound():
    """The fit to all is better than what the fit to a part of them says."""
    gp = fitted(700, inducing=60)
    features, Z = gp.encoding(gp.train_X), gp.to_latent(gp.train_Y).flatten()
    model = gp.model
    parameters = [p for p in model.parameters() if p.requires_grad]
    after, gradient = gradient_of(lambda: -model.bound(features, Z), parameters)(
        torch.nn.utils.parameters_to_vector(parameters).detach()
    )
    part = gp._untrained(3).double()
    before = SparseGP(NB201, inducing=60)
    start = before._new_kernel().double()
    model.kernel = start
    with torch.no_grad():
        assert after < -model.bound(features, Z)
    assert gradient.isfinite().all()
    assert len(part.train_targets) == 234


def test_predictions_beat_the_prior_mean():
    X, Y = data(900)
    mean, std = fitted(700, inducing=100).predict(X[700:])
    error = (mean - Y[700:]).abs()
    assert error.mean() < 0.5 * (Y[700:] - Y[:700].mean()).abs().mean()
    assert 0.8 < (error < 1.645 * std).double().mean() < 1


def test_effects_are_those_of_the_exact_gp():
    sparse, exact = fitted(40, inducing=1000), GP(NB201, trees=0).fit(*data(40), seed=0)
    got, wanted = sparse.effects(), exact.effects()
    assert got.keys() == wanted.keys()
    scale = max(map(abs, wanted.values()))
    assert max(abs(got[name] - wanted[name]) for name in wanted) < 0.02 * scale


@pytest.mark.parametrize(("limit", "kind"), [(40, GP), (39, SparseGP)])
def test_auto_is_exact_for_few_observations_and_sparse_for_many(limit, kind, monkeypatch):
    monkeypatch.setattr(sparse_gp, "EXACT", limit)
    auto, alone = (cls(NB201).fit(*data(40), seed=0) for cls in (AutoGP, kind))
    X, _ = data(200)
    wanted = torch.stack(alone.predict(X))
    assert torch.stack(auto.predict(X)).equal(wanted)
    other = AutoGP(NB201)
    other.load_state_dict(auto.state_dict())
    assert torch.stack(other.predict(X)).equal(wanted)
