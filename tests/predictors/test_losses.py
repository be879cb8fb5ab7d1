"""Ranking losses against their definitions, written out with loops."""

import math
from functools import partial
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau, somersd

from archbo.predictors.ranking.losses import diff_kendall, hinge, list_mle, logistic, mse


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def tied(n, seed=1):
    return draw(n, seed=seed).mul(1.5).round()


def mean_over_pairs(u, y, term, *, skip_ties):
    terms = [
        term(u[i] - u[j], y[i] - y[j])
        for i in range(len(u))
        for j in range(i)
        if not (skip_ties and y[i] == y[j])
    ]
    return sum(terms) / len(terms)


def by_hand_hinge(u, y, margin=0.1):
    return mean_over_pairs(u, y, lambda du, dy: max(0.0, margin - du * np.sign(dy)), skip_ties=True)


def by_hand_logistic(u, y, temperature=0.0):
    def cross_entropy(du, dy):
        p = 1 / (1 + math.exp(-du))
        q = 1 / (1 + math.exp(-dy / temperature)) if temperature else (1 + np.sign(dy)) / 2
        return -q * math.log(p) - (1 - q) * math.log(1 - p)

    return mean_over_pairs(u, y, cross_entropy, skip_ties=False)


def by_hand_kendall(u, y, alpha=1.0):
    def one_minus(du, dy):
        up, down = math.exp(alpha * du * dy), math.exp(-alpha * du * dy)
        return 1 - (up - down) / (up + down)

    return mean_over_pairs(u, y, one_minus, skip_ties=True)


def by_hand_list(u, y):
    rivals = [sum(math.exp(u[j]) for j in range(len(u)) if y[j] <= y[i]) for i in range(len(u))]
    return sum(math.log(rival) - u[i] for i, rival in enumerate(rivals)) / len(u)


LOSSES = {
    "mse": (mse, lambda u, y: sum((a - b) ** 2 for a, b in zip(u, y, strict=True)) / len(u)),
    "hinge": (hinge, by_hand_hinge),
    "wide-hinge": (partial(hinge, margin=1.0), partial(by_hand_hinge, margin=1.0)),
    "logistic": (logistic, by_hand_logistic),
    "warm-logistic": (
        partial(logistic, temperature=0.3),
        partial(by_hand_logistic, temperature=0.3),
    ),
    "list": (list_mle, by_hand_list),
    "kendall": (diff_kendall, by_hand_kendall),
    "sharp-kendall": (partial(diff_kendall, alpha=3.0), partial(by_hand_kendall, alpha=3.0)),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
ordering_loss = pytest.mark.parametrize("name", [name for name in LOSSES if name != "mse"])


@every_loss
@pytest.mark.parametrize("target", [draw(9, seed=1), tied(9)], ids=["distinct", "tied"])
def test_loss_is_its_definition(name, target):
    loss, by_hand = LOSSES[name]
    u = draw(9)
    assert loss(u, target).item() == pytest.approx(by_hand(u.tolist(), target.tolist()), rel=1e-10)


@every_loss
def test_members_are_side_by_side(name):
    loss, _ = LOSSES[name]
    u, shared, own = draw(4, 3, 7), tied(7), draw(4, 3, 7, seed=2)
    for target in (shared, own):
        got = loss(u, target)
        assert got.shape == (4, 3)
        wanted = [[loss(u[a, b], target.expand_as(u)[a, b]) for b in range(3)] for a in range(4)]
        torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.double))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_dtype_is_kept(name, dtype):
    loss, _ = LOSSES[name]
    u, y = draw(8), tied(8)
    value = loss(u.to(dtype), y.to(dtype))
    assert value.dtype == dtype
    assert value.item() == pytest.approx(loss(u, y).item(), rel=1e-5)


@every_loss
def test_gradients_are_those_of_finite_differences(name):
    loss, _ = LOSSES[name]
    u = draw(2, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda u: loss(u, tied(6)), (u,))


@every_loss
def test_gradients_are_finite_far_out(name):
    """Utilities of a confident network neither overflow nor lose their gradient to a NaN."""
    loss, _ = LOSSES[name]
    u = (1000 * draw(2, 6)).requires_grad_()
    value = loss(u, tied(6)).sum()
    value.backward()
    assert value.isfinite()
    assert u.grad.isfinite().all()


@ordering_loss
def test_only_differences_of_predictions_count(name):
    loss, _ = LOSSES[name]
    u, y = draw(10), tied(10)
    assert loss(u + 5, y).item() == pytest.approx(loss(u, y).item(), rel=1e-9)


@every_loss
def test_right_order_costs_less_than_wrong_order(name):
    loss, _ = LOSSES[name]
    y = draw(10)
    assert loss(y, y) < loss(y.roll(1), y) < loss(-y, y)


@every_loss
def test_order_of_the_list_does_not_matter(name):
    loss, _ = LOSSES[name]
    u, y = draw(10), tied(10)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    assert loss(u[order], y[order]).item() == pytest.approx(loss(u, y).item(), rel=1e-10)


@ordering_loss
def test_nothing_to_compare_costs_nothing(name):
    loss, _ = LOSSES[name]
    one = draw(1).requires_grad_()
    value = loss(one, torch.ones(1, dtype=torch.double))
    value.backward()
    assert value.item() == 0.0
    assert one.grad.item() == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_sharp_kendall_is_scipys(seed):
    u, y = draw(12, seed=seed), draw(12, seed=seed + 100)
    tau = kendalltau(u.numpy(), y.numpy()).statistic
    assert diff_kendall(u, y, alpha=1e6).item() == pytest.approx(1 - tau, abs=1e-6)
    ties = tied(12, seed=seed + 100)
    somers = somersd(ties.numpy(), u.numpy()).statistic
    assert diff_kendall(u, ties, alpha=1e6).item() == pytest.approx(1 - somers, abs=1e-6)


def test_list_likelihood_is_a_distribution_over_orders():
    u = draw(4)
    total = 0.0
    for order in permutations(range(4)):
        y = torch.empty(4, dtype=torch.double)
        y[list(order)] = torch.arange(4, 0, -1, dtype=torch.double)
        total += math.exp(-4 * list_mle(u, y).item())
    assert total == pytest.approx(1.0)


def test_warm_logistic_is_least_at_targets_over_temperature():
    y = draw(7)
    u = (y / 0.3 + 2).requires_grad_()
    logistic(u, y, temperature=0.3).backward()
    assert u.grad.abs().max() < 1e-12
    u = (1.2 * y / 0.3).requires_grad_()
    logistic(u, y, temperature=0.3).backward()
    assert u.grad.abs().max() > 1e-4


def test_cold_logistic_is_the_limit():
    u, y = draw(8), tied(8)
    cold = logistic(u, y, temperature=1e-6)
    assert cold.item() == pytest.approx(logistic(u, y).item(), rel=1e-9)
