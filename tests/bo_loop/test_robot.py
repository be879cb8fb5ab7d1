"""Search by combinations of zero-cost proxies."""

import json

import pytest
import torch

from archbo.acquisition import FixedCandidates, LocalCandidates
from archbo.bo_loop import Optimizer, PublishedRoBoT, RoBoT, run
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import GP, ProxyGP
from archbo.proxies import ProxyTable
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"a": range(5), "b": range(5), "c": range(4)})
X = SPACE.enumerate()
SCORES = torch.stack([X[:, 0] + 0.1 * X[:, 1], X[:, 1] + 0.1 * X[:, 2], 3 * X[:, 2] - X[:, 0]], -1)
PROXIES = ProxyTable(SPACE, X, SCORES, ["first", "second", "third"])
RANKS = PROXIES.ranks(X).double()


def value(arch):
    a, b, c = arch.row
    return a + b - 0.5 * c


def robot(**options):
    return RoBoT(SPACE, **{"proxies": PROXIES, "seed": 0, **options})


def published(**options):
    return PublishedRoBoT(SPACE, **{"proxies": PROXIES, "seed": 0, **options})


def archs_of(log):
    return [trial.arch for trial in log.trials]


def firsts_of(weights):
    return [SPACE.arch(X[(RANKS @ w).argsort(descending=True, stable=True)[0]]) for w in weights]


def test_begins_with_what_the_proxies_agree_on():
    log = Log(SPACE, Goal())
    (first,) = archs_of(robot(seed=3).propose(log))
    assert first == SPACE.arch(X[RANKS.sum(-1).argmax()])
    (against,) = archs_of(robot(signs={"third": -1}).propose(log))
    assert against == SPACE.arch(X[(RANKS * torch.tensor([1, 1, -1])).sum(-1).argmax()])
    # Also where it is told of others before, and where less is better.
    (loss,) = archs_of(robot(goal=Goal.parse("-loss")).propose(Log(SPACE, Goal.parse("-loss"))))
    assert loss == first


def test_further_architectures_to_begin_with_head_the_ranking_of_a_combination():
    """Nothing beats them in every proxy."""
    archs = archs_of(robot(n_initial=6).propose(Log(SPACE, Goal()), 6))
    assert len(set(archs)) == 6
    for number, arch in enumerate(archs):
        mine = PROXIES.ranks(SPACE.rows([arch]))
        beaten = (mine < RANKS).all(-1).nonzero().flatten()
        # What came before may have been taken from under it.
        assert {SPACE.arch(X[row]) for row in beaten} <= set(archs[:number])


def test_finds_the_best_although_a_proxy_speaks_against_it():
    strategy = robot(trust=0.0)
    log = run(strategy, value, 20)
    assert log.best[0].row == (4, 4, 0)
    assert strategy.recommend(log).row == (4, 4, 0)


def test_a_large_space_is_sampled_where_it_cannot_be_listed():
    log = run(robot(candidates=LocalCandidates(SPACE, size=20)), value, 6)
    assert len(set(archs_of(log))) == 6


def test_recommends_by_posterior_and_not_by_the_luckiest_value():
    """One lucky value among many of nets that the proxies rank last."""
    optimizer = Optimizer(robot(trust=3.0))
    order = RANKS.sum(-1).argsort()
    optimizer.tell(X[order[:12]], [float(i % 3) for i in range(11)] + [2.5])
    optimizer.tell(X[order[-2:-1]], [2.4])
    assert optimizer.log.best[0] == SPACE.arch(X[order[11]])
    assert optimizer.recommend() == SPACE.arch(X[order[-2]])
    with pytest.raises(UsageError, match="nothing has been told yet"):
        Optimizer(robot()).recommend()


def test_a_question_refits_nothing_that_is_fitted(monkeypatch):
    fits = []
    fit = GP.fit
    monkeypatch.setattr(
        ProxyGP, "fit", lambda self, *a, **k: fits.append(len(a[0])) or fit(self, *a, **k)
    )
    strategy, quiet = robot(), robot()
    log = run(strategy, value, 6)
    assert fits == [1, 2, 3, 4, 5]
    first = strategy.recommend(log)
    assert (fits, strategy.recommend(log)) == ([1, 2, 3, 4, 5, 6], first)
    # The fit serves the next proposal, which is what it is without the question.
    asked = strategy.propose(log)
    assert len(fits) == 6
    assert quiet.propose(log) == asked
    assert quiet.recommend(log) == first


def test_the_recommended_one_was_told():
    strategy = robot(n_initial=3)
    log = strategy.propose(Log(SPACE, Goal()), 4)
    log = log.failed(log.trials[0]).told(log.trials[2], [1.0])
    assert strategy.recommend(log) == log.trials[2].arch


# As published.


def test_published_rule_asks_for_the_first_of_each_combination():
    strategy = published(n_iterations=8)
    log = run(strategy, value, 3)
    weights = strategy.tried(log)
    assert list(dict.fromkeys(firsts_of(weights))) == archs_of(log)
    assert weights.abs().max() <= 1


def test_published_rule_writes_the_combinations_on_the_trials_that_they_led_to():
    strategy = published(n_iterations=8)
    log = run(strategy, value, 12)
    seen = set()
    for trial in log.trials:
        combinations = trial.notes.get("weights", [])
        json.dumps(combinations)
        *known, last = firsts_of(torch.tensor(combinations).double()) or [None]
        assert set(known) <= seen
        # The first trial down the ranking may carry combinations that led nowhere.
        assert last in {None, trial.arch} | seen
        seen.add(trial.arch)
    assert len(strategy.tried(log)) == 8


@pytest.mark.parametrize("sign", [1, -1])
def test_published_rule_goes_down_the_best_ranking_in_the_end(sign):
    strategy = published(n_iterations=6, seed=1, goal=Goal.parse("value" if sign > 0 else "-value"))
    log = run(strategy, lambda arch: sign * value(arch), 20)
    weights = strategy.tried(log)
    assert len(weights) == 6
    explored = list(dict.fromkeys(firsts_of(weights)))
    best = max(explored, key=value)
    chosen = next(w for w in weights if firsts_of([w]) == [best])
    ranking = SPACE.archs(X[(RANKS @ chosen).argsort(descending=True, stable=True)])
    wanted = [arch for arch in ranking if arch not in explored][: 20 - len(explored)]
    assert archs_of(log)[len(explored) :] == wanted


def test_published_rule_asks_again_for_what_was_dropped():
    strategy = published(n_iterations=6)
    log = strategy.propose(Log(SPACE, Goal()))
    dropped = log.trials[0]
    again = strategy.propose(log.dropped(dropped))
    assert again.trials[-1].arch == dropped.arch
    assert len(strategy.tried(again)) == 1
    failed = strategy.propose(log.failed(dropped))
    assert failed.trials[-1].arch != dropped.arch


def test_published_rule_learns_the_sign_of_a_proxy():
    """A single proxy that is for the worse: half of all combinations know, and one look tells."""
    alone = ProxyTable(SPACE, X, -SCORES[:, :1], ["first"])
    strategy = published(proxies=alone, n_iterations=15)
    assert strategy.recommend(run(strategy, value, 15)).row[:1] == (4,)


def test_published_rule_refuses_combinations_of_other_proxies():
    log = run(published(), value, 2)
    alone = published(proxies=ProxyTable(SPACE, X, SCORES[:, :1], ["first"]))
    with pytest.raises(UsageError, match="combinations of 3 proxies, not of 1"):
        alone.propose(log)


@pytest.mark.parametrize("make", [robot, published])
def test_only_what_is_in_the_table_is_asked_for(make):
    some = FixedCandidates(SPACE, X[::3])
    log = run(make(candidates=some), value, 40)
    assert len(log) == 34
    assert some.contains(log.rows()).all()


@pytest.mark.parametrize("make", [robot, published])
def test_a_space_of_one_architecture_is_left_after_one(make):
    alone = CategoricalSpace("alone", {"a": [1], "b": [2]})
    row = alone.enumerate()
    proxies = ProxyTable(alone, row, row + 1, ["first", "second"])
    strategy = type(make())(alone, proxies=proxies)
    log = strategy.propose(Log(alone, Goal()), 5)
    assert len(log) == 1
    with pytest.raises(NothingLeftError):
        strategy.propose(log.told(log.trials[0], [1.0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: published(n_iterations=0), "n_iterations must be at least 1; got 0"),
        (
            lambda: published(candidates=LocalCandidates(SPACE)),
            "s is too large to rank; give candidates with a list",
        ),
        (lambda: published(goal=Goal.parse("a,-b")), "PublishedRoBoT takes one objective"),
        (lambda: robot(goal=Goal.parse("a", subject_to=["b<=1"])), "RoBoT takes one objective"),
        (
            lambda: robot(signs={"fourth": 1}),
            r"the sign of 'fourth' is 1; give 1 or -1 .* first, second",
        ),
        (lambda: robot(signs={"first": 0}), "the sign of 'first' is 0"),
        (
            lambda: robot(proxies=None, predictor=ProxyGP(SPACE, proxies=PROXIES), trust=5),
            "the predictor has its own trust",
        ),
        (
            lambda: robot(predictor=ProxyGP(SPACE, proxies=PROXIES), signs={"first": 1}),
            "the predictor has its own proxies and signs",
        ),
        (lambda: robot(proxies=None, predictor=GP(SPACE)), "with a ProxyGP; got GP"),
        (lambda: robot(n_initial=0), "n_initial must be at least 1; got 0"),
        (lambda: robot(acquisition="log_ei"), "an acquisition is a rule"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
