"""Kernels against their formulas in numpy."""

import numpy as np
import pytest
import torch
from botorch.models.kernels import InfiniteWidthBNNKernel

from archbo import GP
from archbo.encodings import OneHotEncoding, OpCountEncoding, PathEncoding
from archbo.encodings.weisfeiler_lehman import WLEncoding
from archbo.errors import UsageError
from archbo.predictors import kernels
from archbo.predictors.gaussian_processes.gp import relative
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
COUNTS = PathEncoding(NB201, counts=True, semantic=True)
FACTORIES = {
    "matern": kernels.matern,
    "matern-feature": lambda e: kernels.matern(e, sharing="feature"),
    "matern-all": lambda e: kernels.matern(e, sharing="all"),
    "rbf": kernels.rbf,
    "tanimoto": kernels.tanimoto,
    "subtree": kernels.subtree,
    "sum": kernels.sum_of_parts,
    "product": kernels.product_of_parts,
    "ibnn": kernels.infinite_width_bnn,
}
every_kernel = pytest.mark.parametrize("make", FACTORIES.values(), ids=FACTORIES)


def rows(space, n, seed=0):
    return space.sample(n, generator=torch.Generator().manual_seed(seed))


def shaken(kernel, seed=0):
    """The kernel with its parameters moved away from where they start."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in kernel.parameters():
            shift = 0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.double)
            parameter.add_(shift.to(parameter))
    return kernel


def dense(kernel, x, y=None):
    with torch.no_grad():
        return kernel(x, x if y is None else y).to_dense().numpy()


def two_parts(space):
    return OneHotEncoding(space) + PathEncoding(space, counts=True, semantic=True)


@every_kernel
def test_covariances_are_positive_definite_and_their_diagonal_is_theirs(make):
    encoding = two_parts(NB201)
    kernel, x = shaken(make(encoding)), encoding(rows(NB201, 60))
    K = dense(kernel, x)
    np.testing.assert_allclose(K, K.T, atol=1e-10)
    assert np.linalg.eigvalsh(K).min() > -1e-6
    with torch.no_grad():
        np.testing.assert_allclose(kernel(x, diag=True), np.diag(K), rtol=1e-5)
    np.testing.assert_allclose(dense(kernel, x[:7], x[20:]), K[:7, 20:], rtol=1e-9)


@every_kernel
def test_gradients_are_those_of_differences(make):
    encoding = two_parts(NB201)
    kernel, x = shaken(make(encoding).double()), encoding(rows(NB201, 6))
    weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    value = (kernel(x).to_dense() * weight).sum()
    value.backward()
    for parameter in kernel.parameters():
        place = tuple(0 for _ in parameter.shape)
        with torch.no_grad():
            sides = []
            for sign in (1, -1):
                parameter[place] += sign * 1e-5
                sides.append((kernel(x).to_dense() * weight).sum().item())
                parameter[place] -= sign * 1e-5
        difference = (sides[0] - sides[1]) / 2e-5
        assert parameter.grad[place].item() == pytest.approx(difference, rel=1e-4, abs=1e-6)


@every_kernel
def test_every_prior_is_at_its_mode_before_a_fit(make):
    """A copy of a kernel starts a fit from its priors' modes."""
    kernel = make(two_parts(NB201))
    total = sum(
        prior.log_prob(value_of(module)).sum()
        for _, module, prior, value_of, _ in kernel.named_priors()
    )
    total.backward()
    for parameter in kernel.parameters():
        assert parameter.grad.abs().max() < 1e-5


@pytest.mark.parametrize("space", [NB201, TOY], ids=["nb201", "toy"])
def test_rbf_on_one_hot_rows_is_the_exponentiated_hamming_kernel(space):
    encoding, X = OneHotEncoding(space), rows(space, 20)
    kernel = shaken(kernels.GroupedRBFKernel.for_encoding(encoding))
    weight = kernel.log_weight.exp().detach()
    differ = (X.unsqueeze(1) != X.unsqueeze(0)).double()
    np.testing.assert_allclose(
        dense(kernel, encoding(X)), (-(differ @ weight.double())).exp(), rtol=1e-6
    )


def test_rows_matter_little_beside_what_is_computed_from_them():
    """The prior weight of a row is ``ROWS`` of another's, and a kernel of variance ``APART`` sees rows alone."""
    encoding = two_parts(NB201)
    plain = kernels.GroupedMaternKernel.for_encoding(encoding).log_weight
    main, apart = kernels.rows_apart(encoding).kernels
    ratio = (main.base_kernel.log_weight - plain).exp().detach()
    rows_, paths = ratio[:6], ratio[6:]
    np.testing.assert_allclose(rows_ / paths[0], kernels.ROWS, rtol=1e-6)
    np.testing.assert_allclose(paths, paths[0], rtol=1e-6)
    x = encoding(rows(NB201, 9))
    alone = kernels.GroupedMaternKernel.for_encoding(OneHotEncoding(NB201))
    np.testing.assert_allclose(dense(apart, x), kernels.APART * dense(alone, x[:, :30]), rtol=1e-6)
    assert not any(parameter.requires_grad for parameter in apart.parameters())
    single = kernels.rows_apart(OneHotEncoding(NB201)).base_kernel
    assert isinstance(single, kernels.GroupedMaternKernel)


def test_sharing_gives_one_weight_to_a_group_a_feature_or_all():
    encoding = OneHotEncoding(NB201)
    for sharing, wanted in {"group": 6, "feature": 30, "all": 1}.items():
        kernel = kernels.GroupedMaternKernel.for_encoding(encoding, sharing=sharing)
        assert kernel.log_weight.shape == (wanted,)


def tanimoto(a, b):
    return (a @ b) / (a @ a + b @ b - a @ b) if a.any() or b.any() else 1.0


def cosine(a, b):
    if not a.any() or not b.any():
        return float(not a.any() and not b.any())
    return (a @ b) / np.sqrt((a @ a) * (b @ b))


@pytest.mark.parametrize(
    ("cls", "formula"),
    [
        (kernels.TanimotoKernel, tanimoto),
        (kernels.SubtreeKernel, cosine),
        (kernels.LinearKernel, np.dot),
    ],
)
def test_kernels_on_counts_are_their_formulas(cls, formula):
    X = torch.cat([torch.zeros(2, 6, dtype=torch.double), rows(NB201, 15)])
    x = COUNTS(X)
    assert not x[:2].any()  # no operation at all
    kernel = shaken(cls.for_encoding(COUNTS))
    weight = kernel.log_weight.exp().detach().numpy()[list(COUNTS.groups)]
    scaled = x.numpy() * np.sqrt(weight)
    wanted = [[formula(a, b) for b in scaled] for a in scaled]
    np.testing.assert_allclose(dense(kernel, x), wanted, rtol=1e-6, atol=1e-12)


def test_tanimoto_of_sets_is_the_share_of_common_paths():
    encoding = PathEncoding(NB201)
    x = encoding(rows(NB201, 10))
    kernel = kernels.TanimotoKernel([0] * encoding.n_features, torch.ones(1))
    sets = [set(row.nonzero().flatten().tolist()) for row in x]
    wanted = [[len(a & b) / len(a | b) if a | b else 1.0 for b in sets] for a in sets]
    np.testing.assert_allclose(dense(kernel, x), wanted, rtol=1e-6)


def test_an_empty_architecture_has_a_finite_gradient():
    kernel = kernels.SubtreeKernel([0, 1], torch.ones(2))
    x = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.double)
    kernel(x).to_dense().sum().backward()
    assert kernel.log_weight.grad.isfinite().all()


@pytest.mark.parametrize("how", ["sum", "product"])
def test_kernels_on_parts_see_their_part_only(how):
    encoding = two_parts(NB201)
    first, second = encoding.parts
    kernel = shaken(FACTORIES[how](encoding))
    X = rows(NB201, 12)
    if how == "sum":
        left, right = (dense(k, encoding(X)) for k in kernel.kernels)
        np.testing.assert_allclose(dense(kernel, encoding(X)), left + right, rtol=1e-6)
        parts = [k.base_kernel for k in kernel.kernels]
    else:
        parts = list(kernel.base_kernel.kernels)
        left, right = (dense(k, encoding(X)) for k in parts)
        scale = kernel.outputscale.item()
        np.testing.assert_allclose(dense(kernel, encoding(X)), scale * left * right, rtol=1e-6)
    for k, part in zip(parts, (first, second), strict=True):
        alone = kernels.GroupedMaternKernel.for_encoding(part)
        with torch.no_grad():
            alone.log_weight.copy_(k.log_weight)
        inner = kernels.GroupedMaternKernel.forward(alone, part(X), part(X)).detach()
        outer = dense(k, encoding(X))
        np.testing.assert_allclose(outer, inner, rtol=1e-6)


def test_the_infinite_network_sees_standardised_features():
    encoding = OpCountEncoding(NB201)
    x = encoding(rows(NB201, 512))
    base = InfiniteWidthBNNKernel(depth=1).double()
    kernel = kernels.StandardizedKernel.for_encoding(base, encoding)
    z = (x - x.mean(0)) / x.std(0)  # the rows that it is made from
    np.testing.assert_allclose(dense(kernel, x[:9]), dense(base, z[:9]), rtol=1e-9)
    assert dense(kernel, x[:9]).std() > 0


def test_relatives_take_the_encoding_that_suits_them_or_the_one_given():
    make = relative(kernels.subtree, WLEncoding)
    assert make(NB201).encoding.equals(WLEncoding(NB201))
    assert make(NB201, COUNTS).encoding.equals(COUNTS)
    assert isinstance(make(NB201, COUNTS)._new_kernel().base_kernel, kernels.SubtreeKernel)


def test_effects_are_derivatives_of_the_mean():
    """For the subtree kernel, against differences; motifs are named."""
    encoding = WLEncoding(NB201, 1)
    X = NB201.distinct(rows(NB201, 40))
    Y = encoding(X)[:, encoding.feature_names.index("0:nor_conv_3x3")] + 0.1 * X[:, 0]
    gp = GP(NB201, encoding, kernel=kernels.subtree, trees=0).fit(X, Y, seed=0)
    effects = gp.effects()
    assert effects["0:nor_conv_3x3"] == max(effects[f"0:{op}"] for op in NB201.op_names[2:])
    for name in ("0:nor_conv_1x1", "1:nor_conv_3x3<-(input)"):
        index = encoding.feature_names.index(name)
        features = encoding(X)
        step = torch.zeros_like(features)
        step[:, index] = 1e-5
        with torch.no_grad():
            slope = (gp.model.mean_at(features + step) - gp.model.mean_at(features - step)) / 2e-5
        wanted = slope[features[:, index] != 0].mean().item()
        assert effects[name] == pytest.approx(wanted, rel=1e-5)
    assert set(effects) <= set(encoding.feature_names)


def test_effects_need_a_fit_to_the_encoding():
    gp = GP(TOY)
    with pytest.raises(UsageError, match="not fitted yet"):
        gp.effects()
    with pytest.raises(UsageError, match="fell back to a fixed Gaussian process"):
        gp.fit(["width=8,depth=1,skip=no"], [70.0], seed=0).effects()
