"""The Gaussian process against its textbook formulas and BoTorch's own fit."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from botorch.acquisition import qKnowledgeGradient, qMaxValueEntropy
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.utils.errors import NotPSDError
from on_every_space import CELLS
from scipy.spatial.distance import cdist

from archbo import GBDT, GP, AutoGP, SparseGP, catalog
from archbo.encodings import CategoricalEncoding, ChoiceEncoding, OneHotEncoding, PathEncoding
from archbo.encodings.graph_features import GraphFeatureEncoding
from archbo.errors import NumericalWarning, UsageError
from archbo.predictors.gaussian_model import cholesky
from archbo.predictors.gaussian_processes import map_fit
from archbo.predictors.gaussian_processes.kernels import TYPICAL, GroupedMaternKernel
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
SPACES = pytest.mark.parametrize("space", [NB201, TOY], ids=["nb201", "toy"])


def data(space, n=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X = space.distinct(space.sample(3 * n, generator=generator))[:n]
    weights = torch.rand(space.n_columns, generator=generator, dtype=torch.double)
    noise = 0.3 * torch.rand(n, generator=generator, dtype=torch.double)
    return X, (90 - (X @ weights + noise).square()).unsqueeze(-1)


def fitted(space, *, n=20, **options):
    return GP(space, **options).fit(*data(space, n), seed=0)


def fresh(space, n=15):
    return space.sample(n, generator=torch.Generator().manual_seed(9))


def covariance(gp, first, second):
    """The kernel from its definition, with numpy and scipy."""
    base = gp.model.covar_module.base
    summands = [(base, gp.encoding)]
    if gp.space is NB201:
        summands = list(zip(base.kernels, (gp.encoding, OneHotEncoding(NB201)), strict=True))
    told = [gp.model.input_transform(X)[:, -1].numpy() for X in (first, second)]
    total = np.outer(*told)
    for kernel, encoding in summands:
        weight = kernel.base_kernel.log_weight.exp().detach().numpy()[list(encoding.groups)]
        r = np.sqrt(5) * cdist(*(encoding(X).numpy() * np.sqrt(weight) for X in (first, second)))
        total += kernel.outputscale.item() * (1 + r + r**2 / 3) * np.exp(-r)
    return total


def dense_posterior(gp, X):
    """Mean and covariance of a Gaussian process by dense algebra, on the scale of the model."""
    Z = gp.to_latent(gp.train_Y).flatten().numpy()
    K = covariance(gp, gp.train_X, gp.train_X) + gp.model.noise.item() * np.eye(len(Z))
    cross, mean = covariance(gp, X, gp.train_X), gp.model.mean_module.constant.item()
    gain = cross @ np.linalg.inv(K)
    return mean + gain @ (Z - mean), covariance(gp, X, X) - gain @ cross.T


@SPACES
def test_latent_posterior_is_the_textbook_formula(space):
    gp = fitted(space)
    X = space.distinct(fresh(space))
    mean, cov = dense_posterior(gp, X)
    posterior = gp.latent.posterior(X)
    np.testing.assert_allclose(posterior.mean.flatten().detach(), mean, rtol=1e-6, atol=1e-7)
    dense = posterior.distribution.covariance_matrix.detach()
    np.testing.assert_allclose(dense, cov, rtol=1e-5, atol=1e-6)


@SPACES
def test_standardized_posterior_is_the_formula_in_the_unit_of_the_values(space):
    gp = fitted(space, targets="standardize")
    X = fresh(space)
    mean, cov = dense_posterior(gp, X)
    Y = gp.train_Y.numpy()
    got_mean, got_std = gp.predict(X, observation_noise=False)
    np.testing.assert_allclose(got_mean, Y.mean() + Y.std(ddof=1) * mean, rtol=1e-7)
    np.testing.assert_allclose(got_std, Y.std(ddof=1) * np.sqrt(np.diag(cov)), rtol=1e-4)


@SPACES
def test_marginals_of_a_pool_are_those_of_botorch(space):
    model, X = fitted(space).latent, fresh(space)
    quick = model.posterior(X.unsqueeze(-2))
    assert quick.mean.shape == (len(X), 1, 1)
    for index, row in enumerate(X.split(1)):
        slow = SingleTaskGP.posterior(model, row)
        torch.testing.assert_close(quick.mean[index], slow.mean, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(quick.variance[index], slow.variance, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("shape", [(3,), (5, 2), (0, 2), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("noise", [False, True])
def test_joint_posteriors_of_batches_are_those_of_botorch(shape, noise):
    model = fitted(TOY, n=12).latent
    X = TOY.enumerate()[: math.prod(shape)].reshape(*shape, 3)
    quick = model.posterior(X, observation_noise=noise)
    slow = SingleTaskGP.posterior(model, X, observation_noise=noise)
    torch.testing.assert_close(quick.mean, slow.mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        quick.distribution.covariance_matrix,
        slow.distribution.covariance_matrix,
        rtol=1e-4,
        atol=1e-5,
    )


def test_marginals_follow_the_parameters():
    """What is kept for the marginals is dropped when the parameters change."""
    gp, X = fitted(TOY), fresh(TOY)
    before = gp.predict(X, observation_noise=False)[0]
    state = {k: v + 0.5 if k.endswith("log_weight") else v for k, v in gp.state_dict().items()}
    gp.load_state_dict(state)
    after = gp.predict(X, observation_noise=False)[0]
    joint = gp.posterior(X).mean.flatten()
    assert not after.allclose(before)
    torch.testing.assert_close(after, joint, rtol=1e-6, atol=1e-6)


@SPACES
def test_posterior_by_monte_carlo_is_the_closed_form(space):
    """Mean and variance over the warp, against warped draws of the latent Gaussian."""
    gp, X = fitted(space), fresh(space, 6)
    latent = gp.latent.posterior(X.unsqueeze(-2))
    normal = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    mean, std = gp.predict(X, observation_noise=False)
    for index in range(len(X)):
        m, v = latent.mean[index].item(), latent.variance[index].item()
        draws = gp.warp.inverse(m + v**0.5 * normal)
        assert mean[index].item() == pytest.approx(
            draws.mean().item(), abs=0.01 * std[index].item()
        )
        assert std[index].item() == pytest.approx(draws.std().item(), rel=0.01)


def log_posterior(model):
    """The exact log posterior of the hyperparameters, by GPyTorch."""
    model.train()
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    with torch.no_grad():
        value = mll(model(*model.train_inputs), model.train_targets).item()
    model.eval()
    return value * len(model.train_targets)


@SPACES
@pytest.mark.parametrize("n", [5, 20])
def test_fit_is_no_worse_than_botorchs(space, n):
    gp, other = fitted(space, n=n, trees=0), GP(space, trees=0)
    other.train_X, other.train_Y = gp.train_X, gp.train_Y
    other.warp.fit(gp.train_Y.flatten())
    other._prepare()
    start = log_posterior(other.model)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(other.model.likelihood, other.model))
    found, theirs = log_posterior(gp.model), log_posterior(other.model)
    assert found > theirs - 0.02
    assert theirs > start  # the comparison says something


@SPACES
def test_mean_is_generalised_least_squares(space):
    gp = fitted(space)
    n = len(gp.train_X)
    K = covariance(gp, gp.train_X, gp.train_X) + gp.model.noise.item() * np.eye(n)
    weight = np.linalg.solve(K, np.ones(n))
    Z = gp.to_latent(gp.train_Y).flatten().numpy()
    assert gp.model.mean_module.constant.item() == pytest.approx(
        weight @ Z / weight.sum(), abs=1e-6
    )


def test_kernel_is_a_matern_with_a_weight_per_group():
    kernel = GroupedMaternKernel([0, 0, 1], torch.ones(2))
    with torch.no_grad():
        kernel.log_weight.copy_(torch.tensor([0.3, -1.2]))
    x, y = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    weight = np.exp([0.3, 0.3, -1.2])
    r = np.sqrt(5) * cdist(x.numpy() * np.sqrt(weight), y.numpy() * np.sqrt(weight))
    wanted = (1 + r + r**2 / 3) * np.exp(-r)
    with torch.no_grad():
        np.testing.assert_allclose(kernel(x, y).to_dense(), wanted, rtol=1e-6)
        np.testing.assert_allclose(kernel(x, x, diag=True), np.ones(5), rtol=1e-6)
        np.testing.assert_allclose(kernel(x, y, diag=True), np.diag(wanted), rtol=1e-6)


@pytest.mark.parametrize("targets", ["rank", "standardize"])
def test_latent_scale_keeps_the_order(targets):
    gp = fitted(TOY, targets=targets)
    Y = torch.linspace(0, 100, 50, dtype=torch.double)
    assert (gp.to_latent(Y).diff() > 0).all()


def test_observation_noise_adds_variance():
    gp, X = fitted(TOY, targets="standardize"), TOY.distinct(fresh(TOY, 4))
    plain = gp.posterior(X).variance
    noisy = gp.posterior(X, observation_noise=True).variance
    noise = (gp.model.noise * gp.train_Y.var()).item()
    torch.testing.assert_close(noisy - plain, torch.full_like(plain, noise), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("space", CELLS.values(), ids=CELLS)
def test_default_encoding_joins_rows_graph_features_and_semantic_path_counts(space):
    rows, features, paths = GP(space).encoding.parts
    assert rows.equals(OneHotEncoding(space))
    assert features.equals(GraphFeatureEncoding(space))
    assert (paths.counts, paths.semantic) == (True, True)
    assert paths.n_features <= 400
    longer = PathEncoding(space, semantic=True, max_length=paths.max_length + 1)
    assert longer.n_features == paths.n_features or longer.n_features > 400


def test_default_encoding_of_a_space_without_paths_is_that_of_its_choices():
    assert GP(TOY).encoding.equals(ChoiceEncoding(TOY))


def test_own_encoding_and_kernel_are_used():
    encoding = OneHotEncoding(NB201)
    kernel = GroupedMaternKernel.for_encoding(encoding)
    before = kernel.log_weight.clone()
    gp = fitted(NB201, encoding=encoding, kernel=kernel, trees=0)
    assert gp.model.train_inputs[0].shape[-1] == encoding.n_features
    assert not torch.equal(gp.model.covar_module.log_weight, before)
    assert torch.equal(kernel.log_weight, before)


@pytest.mark.parametrize("make", catalog.SPACES.values(), ids=catalog.SPACES)
def test_default_kernel_gives_each_group_the_same_share_of_the_prior_distance(make):
    space = make()
    encoding = GP(space).encoding
    kernel = GroupedMaternKernel.for_encoding(encoding, n_samples=4000)
    X = encoding(space.sample(4000, generator=torch.Generator().manual_seed(1)))
    with torch.no_grad():
        square = (X[:2000] - X[2000:]).square() * kernel.log_weight.exp()[kernel.groups]
    share = torch.zeros_like(kernel.log_weight).index_add_(0, kernel.groups, square.mean(0))
    alive = share > 0  # a group may never vary in a sample
    assert alive.double().mean() > 0.9
    common = share[alive].detach().median()
    assert common == pytest.approx(TYPICAL / len(share), rel=0.05)


def test_a_kernel_that_cannot_be_fitted_keeps_its_prior_modes():
    class Broken(GroupedMaternKernel):
        """Not a number wherever the weights have left their start."""

        def forward(self, x1, x2, diag=False, **params):
            covariance = super().forward(x1, x2, diag=diag, **params)
            moved = not torch.equal(self.log_weight, start)
            return covariance * float("nan") if moved else covariance

    kernel = Broken.for_encoding(OneHotEncoding(TOY))
    start = kernel.log_weight.detach().clone()
    with pytest.warns(NumericalWarning, match="could not be fitted .* keeps their prior modes"):
        gp = fitted(TOY, encoding=OneHotEncoding(TOY), kernel=kernel)
    assert gp.predict(fresh(TOY))[0].isfinite().all()


def history():
    """A search of a smooth function on numbers whose fit meets a covariance without a factor on its way."""
    content = json.loads(Path(__file__).with_name("bad_factor.json").read_text())
    choices = {"lr": range(25), "units": range(1, 201), "opt": ["sgd", "adam"]}
    space = CategoricalSpace("mixed", choices | {"momentum": [0, 0.5, 0.9, 0.99]})
    return space, torch.tensor(content["X"]), torch.tensor(content["Y"], dtype=torch.double)


def test_a_fit_that_meets_a_bad_factor_keeps_its_best_point():
    space, X, Y = history()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gp = GP(space, CategoricalEncoding(space)).fit(X, Y, seed=0)
    start = GP(space, CategoricalEncoding(space))
    start._hold(gp.train_X, gp.train_Y)
    start._prepare()
    assert log_posterior(gp.model) > log_posterior(start.model) + 1


@pytest.mark.parametrize("wall", [0.6, 2.5])
def test_a_climb_ends_at_the_best_point_before_a_wall(wall):
    """The minimum at 3 lies behind points where there is no factor."""
    tried = []

    def objective(x):
        tried.append(x.item())
        if x.item() > wall:
            raise NotPSDError("no factor")
        return (x.item() - 3) ** 2, 2 * (x - 3)

    found = map_fit.climb(objective, torch.zeros(1, dtype=torch.double)).item()
    inside = [x for x in tried if x <= wall]
    assert 0 < found == max(inside)
    with pytest.raises(NotPSDError):
        map_fit.climb(objective, torch.full((1,), wall - 1e-9, dtype=torch.double))


def test_the_noise_is_learned_from_repeated_observations():
    X = NB201.distinct(fresh(NB201, 30))[:10]
    Y = X @ torch.linspace(1, 2, 6, dtype=torch.double)
    error = torch.randn(5, 10, generator=torch.Generator().manual_seed(0)).double()
    found = []
    for spread in (0.01, 0.3, 1.5):
        repeated = (Y + spread * error).flatten()
        gp = GP(NB201, targets="standardize").fit(X.repeat(5, 1), repeated, seed=0)
        found.append(gp.model.noise.item() ** 0.5 * repeated.std().item())
    assert found == sorted(found)
    assert found[1] == pytest.approx(0.3, rel=0.4)
    assert found[2] == pytest.approx(1.5, rel=0.4)


def test_targets_that_there_are_not_are_refused():
    for make in (GP, AutoGP, SparseGP, GBDT):
        with pytest.raises(
            UsageError, match="targets is 'x'; give 'rank' or 'half-rank' or 'standardize'"
        ):
            make(TOY, targets="x")


def test_botorchs_functions_that_want_the_latent_model_say_so():
    gp, X = fitted(TOY), TOY.distinct(fresh(TOY, 12))
    with pytest.raises(UsageError, match=r"predictor\.latent"):
        qMaxValueEntropy(gp, X)(X[:3].unsqueeze(-2))
    with pytest.raises(UsageError, match=r"predictor\.latent"):
        qKnowledgeGradient(gp, num_fantasies=2)(X[:3].unsqueeze(0))
    entropy = qMaxValueEntropy(gp.latent, X, train_inputs=gp.train_X)
    gain = qKnowledgeGradient(gp.latent, num_fantasies=2)
    assert entropy(X[:3].unsqueeze(-2)).isfinite().all()
    assert gain(X[:3].unsqueeze(0)).isfinite().all()


@pytest.mark.parametrize("part", [1000, 25])
def test_gradient_vanishes_at_the_fit(part, monkeypatch):
    """With few observations and with so many that a part of them goes first."""
    monkeypatch.setattr(map_fit, "PART", part)
    n = 80
    X = NB201.enumerate()[::190][:n]
    paths = PathEncoding(NB201, counts=True, semantic=True)(X)
    Y = -(paths.sum(-1) - 2).square() + torch.sin(7 * X.sum(-1))
    gp = GP(NB201, OneHotEncoding(NB201)).fit(X, Y, seed=0)
    start = GP(NB201, OneHotEncoding(NB201))
    start.train_X, start.train_Y, start.warp = gp.train_X, gp.train_Y, gp.warp
    start._prepare()
    found, before = log_posterior(gp.model), log_posterior(start.model)
    gp.model.train()
    parameters = [p for name, p in gp.model.named_parameters() if "mean_module" not in name]
    mll = ExactMarginalLogLikelihood(gp.model.likelihood, gp.model)
    value = mll(gp.model(*gp.model.train_inputs), gp.model.train_targets)
    gradients = torch.autograd.grad(n * value, parameters)
    slope = torch.cat([g.flatten() for g in gradients]).norm()
    assert found > before + 1
    assert slope**2 < 0.1 * (found - before)


def test_architectures_that_look_the_same_can_be_drawn_jointly():
    """Two ways to write one cell: their joint posterior is singular but for their own variance."""
    X = NB201.rows(
        [
            "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|",
            "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|",
        ]
    )
    gp = fitted(NB201, encoding=PathEncoding(NB201, counts=True, semantic=True))
    first, second = gp.sample(X, 50, seed=0).T
    assert torch.corrcoef(torch.stack([first, second]))[0, 1] > 0.999
    assert not first.equal(second)


def test_a_covariance_that_rounding_makes_singular_is_factorised_without_a_word():
    u = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    covariance = u @ u.T - 1e-9 * torch.eye(50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        L = cholesky(covariance)
    torch.testing.assert_close(L @ L.T, covariance, atol=1e-7, rtol=0)
    with pytest.raises(NotPSDError):
        cholesky(covariance - torch.eye(50))
