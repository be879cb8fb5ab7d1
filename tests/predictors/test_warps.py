"""Warps: monotone, invertible, and what their names say."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from archbo.predictors.warps import RankWarp, Standardize

WARPS = [RankWarp, partial(RankWarp, half=True), Standardize]
every_warp = pytest.mark.parametrize("warp", WARPS)

# Values on a grid, so that neighbouring ones are either equal or well apart.
units = st.tuples(st.sampled_from([1e-3, 1.0, 100.0]), st.integers(-50, 50))
samples = st.lists(st.integers(0, 1000), min_size=1, max_size=30)


def values(steps, unit):
    scale, shift = unit
    return torch.tensor(steps, dtype=torch.double) * scale + shift


SIZES = pytest.mark.parametrize("size", [1e-300, 1e-30, 1.0, 1e30, 1e300, 1.7e308])


@SIZES
@pytest.mark.parametrize("make", [RankWarp, Standardize])
def test_values_of_any_size_are_warped_alike(make, size):
    Y = torch.tensor([0.1, 0.9, 0.3, 0.3, -0.7], dtype=torch.double)
    plain, warp = make().fit(Y), make().fit(Y * size)
    Z = plain.forward(Y)
    torch.testing.assert_close(warp.forward(Y * size), Z)
    torch.testing.assert_close(warp.inverse(Z) / size, plain.inverse(Z))
    variance = torch.full_like(Z, 0.04)
    for found, wanted in zip(
        warp.marginals(Z, variance), plain.marginals(Z, variance), strict=True
    ):
        torch.testing.assert_close(found / size, wanted)
    mean, var = warp.moments(Z, variance)
    assert mean.isfinite().all()
    assert var.isfinite().all()
    assert (var > 0).all()
    assert warp.inverse(100 * Z).isfinite().all()


@every_warp
@given(samples, units)
def test_inverse_undoes_forward(warp, steps, unit):
    Y = values(steps, unit)
    fitted = warp().fit(Y)
    span = float(Y.max() - Y.min()) or 1.0
    inside = torch.linspace(0, 1, 41) * span + Y.min()
    everywhere = torch.cat([Y, inside, inside - 2 * span, inside + 2 * span])
    there_and_back = fitted.inverse(fitted.forward(everywhere))
    torch.testing.assert_close(
        there_and_back, everywhere, rtol=1e-9, atol=1e-9 * (span + float(Y.abs().max()))
    )


@every_warp
@given(samples, units)
def test_warp_is_strictly_increasing(warp, steps, unit):
    Y = values(steps, unit)
    span = float(Y.max() - Y.min()) or 1.0
    line = torch.linspace(float(Y.min()) - span, float(Y.max()) + span, 301, dtype=torch.double)
    assert (warp().fit(Y).forward(line).diff() > 0).all()


@given(samples.filter(lambda steps: len(set(steps)) >= 3), units)
def test_rank_warp_gives_normal_scores_of_mean_ranks(steps, unit):
    Y = values(steps, unit)
    scores = RankWarp().fit(Y).forward(Y)
    wanted = torch.tensor(norm.ppf((rankdata(Y) - 0.5) / len(Y)))
    wanted /= wanted.square().mean().sqrt()
    torch.testing.assert_close(scores, wanted)


@given(samples.filter(lambda steps: len(set(steps)) >= 3), st.integers(1, 100))
def test_rank_warp_sees_the_order_only(steps, tail):
    Y = values(steps, (1.0, 0))
    stretched = torch.where(Y.min() == Y, Y - tail, Y) * 3 + 7
    first, second = (RankWarp().fit(sample).forward(sample) for sample in (Y, stretched))
    torch.testing.assert_close(first, second)


def test_half_a_rank_warp_keeps_distances_from_the_median_up():
    Y = torch.tensor([-1e9, -7.0, -1.0, 0.0, 1.0, 1.001, 5.0], dtype=torch.double)
    scores = RankWarp(half=True).fit(Y).forward(Y)
    upper = scores[3:]
    assert upper[0] == 0
    torch.testing.assert_close(upper / upper[1], Y[3:])
    torch.testing.assert_close(
        scores[:3] / scores[2], RankWarp().fit(Y).forward(Y)[:3] / RankWarp().fit(Y).forward(Y)[2]
    )


@given(samples.filter(lambda steps: len(set(steps)) >= 2), units)
def test_standardize_has_mean_zero_and_deviation_one(steps, unit):
    Y = values(steps, unit)
    Z = Standardize().fit(Y).forward(Y)
    assert abs(Z.mean()) < 1e-8
    assert Z.std() == pytest.approx(1)


@every_warp
@pytest.mark.parametrize("sample", [[5.0], [5.0] * 4, [0.0, 0.0]])
def test_constants_are_shifted_and_keep_their_unit(warp, sample):
    fitted = warp().fit(torch.tensor(sample, dtype=torch.double))
    points = torch.tensor([sample[0], sample[0] + 2, sample[0] - 3], dtype=torch.double)
    assert fitted.forward(points).tolist() == pytest.approx([0, 2, -3])
    assert fitted.inverse(torch.tensor([0.0, 2, -3], dtype=torch.double)).allclose(points)


def test_two_values_make_a_line():
    Y = torch.tensor([1.0, 3.0, 3.0], dtype=torch.double)
    line = torch.tensor([-5.0, 0.0, 1.0, 2.0, 8.0], dtype=torch.double)
    assert RankWarp().fit(Y).forward(line).allclose(Standardize().fit(Y).forward(line))


def test_rank_warp_goes_on_with_the_slope_at_its_ends():
    Y = torch.tensor([0.0, 1, 2, 4, 5, 7, 8, 9], dtype=torch.double)
    warp = RankWarp().fit(Y)
    scores = warp.forward(Y)
    # A quarter of eight values is two steps.
    first = (Y[2] - Y[0]) / (scores[2] - scores[0])
    last = (Y[-1] - Y[-3]) / (scores[-1] - scores[-3])
    assert warp.inverse(scores[0] - 2).item() == pytest.approx(float(Y[0] - 2 * first))
    assert warp.inverse(scores[-1] + 2).item() == pytest.approx(float(Y[-1] + 2 * last))


@every_warp
def test_shapes_and_gradients_pass_through(warp):
    fitted = warp().fit(torch.tensor([0.0, 1, 5, 6], dtype=torch.double))
    Z = torch.randn(3, 2, 1, dtype=torch.double, requires_grad=True)
    Y = fitted.inverse(Z)
    Y.sum().backward()
    assert Y.shape == Z.shape
    assert (Z.grad > 0).all()
