"""Search by combinations of zero-cost proxies."""

import pytest
import torch

from archbo.acquisition import FixedCandidates, LocalCandidates
from archbo.bo_loop import PublishedRoBoT, RoBoT
from archbo.errors import UsageError
from archbo.proxies import ProxyTable
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"a": range(5), "b": range(5), "c": range(4)})
X = SPACE.enumerate()
SCORES = torch.stack([X[:, 0] + 0.1 * X[:, 1], X[:, 1] + 0.1 * X[:, 2], 3 * X[:, 2] - X[:, 0]], -1)
PROXIES = ProxyTable(SPACE, X, SCORES, ["first", "second", "third"])


def value(arch):
    a, b, c = arch.row
    return a + b - 0.5 * c


def steps(robot, n):
    for _ in range(n):
        archs = robot.ask()
        robot.tell(archs, [value(arch) for arch in archs])
    return robot


def rows_of(robot):
    return [arch.row for arch in robot.history.archs]


def test_begins_with_what_the_proxies_agree_on():
    ranks = PROXIES.ranks(X)
    first = SPACE.arch(X[ranks.sum(-1).argmax()])
    assert RoBoT(SPACE, PROXIES, seed=3).ask() == [first]
    against = RoBoT(SPACE, PROXIES, signs={"third": -1}, seed=3).ask()
    assert against == [SPACE.arch(X[(ranks * torch.tensor([1, 1, -1])).sum(-1).argmax()])]


def test_further_architectures_to_begin_with_head_the_ranking_of_a_combination():
    """Nothing beats them in every proxy."""
    archs = RoBoT(SPACE, PROXIES, n_initial=6, seed=0).ask(6)
    assert len(set(archs)) == 6
    ranks = PROXIES.ranks(X)
    for number, arch in enumerate(archs):
        mine = PROXIES.ranks(SPACE.rows([arch]))
        beaten = ((ranks > mine).all(-1)).nonzero().flatten()
        # What came before may have been taken from under it.
        assert {SPACE.arch(X[row]) for row in beaten} <= set(archs[:number])


def test_finds_the_best_although_a_proxy_speaks_against_it():
    robot = steps(RoBoT(SPACE, PROXIES, trust=0.0, seed=0), 20)
    assert robot.history.best[0].row == (4, 4, 0)
    assert robot.recommend().row == (4, 4, 0)


def test_a_large_space_is_sampled_where_it_cannot_be_listed():
    robot = RoBoT(SPACE, PROXIES, candidates=LocalCandidates(SPACE, size=20), seed=0)
    assert len(set(rows_of(steps(robot, 6)))) == 6


def test_recommends_by_posterior_and_not_by_the_luckiest_value():
    """One lucky value among many of nets that the proxies rank last."""
    robot = RoBoT(SPACE, PROXIES, trust=3.0, seed=0)
    order = PROXIES.ranks(X).sum(-1).argsort()
    robot.tell(X[order[:12]], [float(i % 3) for i in range(11)] + [2.5])
    robot.tell(X[order[-2:-1]], [2.4])
    assert robot.history.best[0] == SPACE.arch(X[order[11]])
    assert robot.recommend() == SPACE.arch(X[order[-2]])
    assert RoBoT(SPACE, PROXIES, seed=0).candidates.pool is not None
    with pytest.raises(UsageError, match="nothing has been told yet"):
        RoBoT(SPACE, PROXIES, seed=0).recommend()


def test_published_rule_asks_for_the_first_of_each_combination():
    robot = steps(PublishedRoBoT(SPACE, PROXIES, n_iterations=8, seed=0), 3)
    ranks = PROXIES.ranks(X)
    firsts = [
        SPACE.arch(X[(ranks @ w).argsort(descending=True, stable=True)[0]]) for w in robot.weights
    ]
    assert list(dict.fromkeys(firsts)) == robot.history.archs
    assert robot.weights.abs().max() <= 1


def test_published_rule_goes_down_the_best_ranking_in_the_end():
    robot = steps(PublishedRoBoT(SPACE, PROXIES, n_iterations=6, seed=1), 20)
    assert len(robot.weights) == 6
    ranks = PROXIES.ranks(X)
    explored = {
        SPACE.arch(X[(ranks @ w).argsort(descending=True, stable=True)[0]]) for w in robot.weights
    }
    best = max(explored, key=value)
    weights = next(w for w in robot.weights if SPACE.arch(X[(ranks @ w).argmax()]) == best)
    ranking = SPACE.archs(X[(ranks @ weights).argsort(descending=True, stable=True)])
    wanted = [arch for arch in ranking if arch not in explored][: 20 - len(explored)]
    assert robot.history.archs[len(explored) :] == wanted


def test_published_rule_learns_the_sign_of_a_proxy():
    """A single proxy that is for the worse: half of all combinations know, and one look tells."""
    alone = ProxyTable(SPACE, X, -SCORES[:, :1], ["first"])
    robot = steps(PublishedRoBoT(SPACE, alone, n_iterations=15, seed=0), 15)
    assert robot.recommend().row[:1] == (4,)


def test_bad_arguments_are_refused():
    with pytest.raises(UsageError, match="n_iterations must be at least 1; got 0"):
        PublishedRoBoT(SPACE, PROXIES, n_iterations=0, seed=0)
    with pytest.raises(UsageError, match="s is too large to rank; give candidates with a list"):
        PublishedRoBoT(SPACE, PROXIES, candidates=LocalCandidates(SPACE), seed=0)
    with pytest.raises(
        UsageError, match=r"the sign of 'fourth' is 1; give 1 or -1 .* first, second"
    ):
        RoBoT(SPACE, PROXIES, signs={"fourth": 1}, seed=0)
    with pytest.raises(UsageError, match="the sign of 'first' is 0"):
        RoBoT(SPACE, PROXIES, signs={"first": 0}, seed=0)


def test_only_what_is_in_the_table_is_asked_for():
    some = X[::3]
    for make in (RoBoT, PublishedRoBoT):
        robot = make(SPACE, PROXIES, candidates=FixedCandidates(SPACE, some), seed=0)
        assert set(rows_of(steps(robot, 8))) <= {tuple(row) for row in some.int().tolist()}
