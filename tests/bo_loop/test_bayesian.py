"""Bayesian optimization, with one objective and with several."""

from functools import partial

import pytest
import torch

from archbo.acquisition import (
    Context,
    CrossoverCandidates,
    FixedCandidates,
    HillClimbingCandidates,
    LocalCandidates,
    Maximize,
    MutationCandidates,
    ThompsonSampling,
    TrustRegionCandidates,
    constrained_log_nei,
    greedy,
    log_ei,
    qlog_nehvi,
    qlog_nparego,
    ucb,
)
from archbo.bo_loop import Bayesian, Optimizer, RandomSearch, run
from archbo.encodings import OneHotEncoding
from archbo.errors import InvalidArchitectureError, NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import GBDT, GP
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
X = TOY.enumerate()
FREE = Goal.parse("accuracy,-latency")
BOUND = Goal.parse("accuracy,-latency", subject_to=["energy<=3.5"])


def value(arch):
    return sum((i + 1) * choice for i, choice in enumerate(arch.row)) ** 0.5


def metrics(arch):
    """Two objectives that pull apart, and a third metric whose bound forbids the ends."""
    a, b, *_ = map(float, arch.row)
    return {"accuracy": value(arch), "latency": a + 0.5 * b, "energy": a + b}


def log_of(goal, rows, evaluate):
    log = Log(TOY, goal).asked(X[rows])
    for trial in log.trials:
        found = evaluate(trial.arch)
        log = log.told(trial, [found[m] for m in goal.metrics] if goal.n_outcomes > 1 else [found])
    return log


# One objective.


def test_a_round_is_picked_by_one_fit_and_handed_out():
    seen = []

    def watched(context):
        seen.append((len(context.X), len(context.X_pending)))
        return ucb(context)

    strategy = Bayesian(TOY, acquisition=Maximize(watched), n_initial=4, refit_every=3, seed=0)
    log = run(strategy, value, 9)
    # One fit a round, and a function for each pick of the round.
    assert seen == [(4, 0), (4, 1), (4, 2), (7, 0), (7, 1), (7, 2)]
    assert [trial.number for trial in log.trials if "round" in trial.notes] == [4, 7]


def test_a_round_forgets_what_was_told_meanwhile():
    optimizer = Optimizer(Bayesian(TOY, n_initial=4, refit_every=6, seed=0))
    run(optimizer, value, 5)
    waiting = torch.tensor(optimizer.log.trials[4].notes["round"]).double()[1:]
    assert len(waiting) == 5
    optimizer.tell(waiting[:3], [1.0, 2.0, 3.0])
    assert TOY.rows(optimizer.ask() + optimizer.ask()).equal(waiting[3:])
    # More than is left of a round is a new round.
    assert len(optimizer.ask(7)) == 7
    assert len(set(TOY.ids(optimizer.log.rows()))) == len(optimizer.log)


def test_the_acquisition_is_asked_after_the_start_only():
    seen = []

    def watched(context):
        seen.append(len(context.X))
        return log_ei(context)

    run(Bayesian(TOY, acquisition=Maximize(watched), n_initial=4, seed=0), value, 6)
    assert seen == [4, 5]


def test_nothing_is_fitted_twice_to_the_same(monkeypatch):
    fits = []
    fit = GP.fit
    monkeypatch.setattr(
        GP, "fit", lambda self, *a, **k: fits.append(len(a[0])) or fit(self, *a, **k)
    )
    strategy = Bayesian(TOY, n_initial=3, seed=0)
    optimizer = Optimizer(strategy, log=log_of(Goal(), range(3), value))
    optimizer.ask()
    optimizer.ask(2)
    assert fits == [3]
    optimizer.fail(optimizer.log.trials[-1])
    optimizer.ask()
    optimizer.ask()
    failures = 4  # what succeeds is learned from the three and the failure
    assert fits == [3, failures]
    optimizer.tell(optimizer.log.trials[3], 1.0)
    optimizer.ask()
    assert fits == [3, failures, 4, failures + 1]


@pytest.mark.parametrize("factory", [log_ei, greedy, ucb])
def test_what_maximises_the_acquisition_function_is_asked_for(factory):
    """Against the acquisition function at each row by itself."""
    strategy = Bayesian(TOY, acquisition=Maximize(factory), n_initial=4, seed=0)
    log = run(strategy, value, 8)
    asked = strategy.propose(log).rows()[-1:]
    function = factory(strategy.context(log))
    left = strategy.candidates.without(X, log.rows())
    with torch.no_grad():
        values = function(left.unsqueeze(-2))
        assert function(asked.unsqueeze(-2)).item() == pytest.approx(values.max().item(), abs=1e-6)


def test_bayesian_beats_random_on_a_separable_function():
    """Queries until the optimum of a sum of effects among 625 rows, of which a search sees 40."""
    space = CategoricalSpace("sum", {name: range(5) for name in "abcd"})
    effects = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    effects = [dict(enumerate(row.tolist())) for row in effects]
    best = sum(max(effect.values()) for effect in effects)

    def objective(arch):
        return sum(effect[choice] for effect, choice in zip(effects, arch.row, strict=True))

    def found_after(make, seed):
        gains = run(make(space, seed=seed), objective, 40).observed()[1].flatten().tolist()
        return next((n for n, y in enumerate(gains, 1) if y > best - 1e-6), 41)

    def mean(make):
        return sum(found_after(make, seed) for seed in range(4)) / 4

    ours = mean(partial(Bayesian, encoding=OneHotEncoding(space)))
    assert ours < 30
    assert ours < mean(RandomSearch) - 8


def test_architectures_to_begin_with_come_first():
    initial = ["width=8,depth=1,skip=no", "width=16,depth=2,skip=no", "width=8,depth=1,skip=no"]
    strategy = Bayesian(TOY, initial=initial, n_initial=3, seed=0)
    log = strategy.propose(Log(TOY, Goal()), 3)
    assert [str(trial.arch) for trial in log.trials[:2]] == initial[:2]
    told = Optimizer(Bayesian(TOY, initial=initial, seed=0))
    told.tell(initial[:1], [1.0])
    assert str(told.ask()[0]) == initial[1]
    # One that failed does not come again.
    told.fail(initial[1])
    assert str(told.ask()[0]) not in initial
    with pytest.raises(InvalidArchitectureError):
        Bayesian(TOY, initial=["width=9"])


def test_repeated_evaluations_are_noise_and_not_several_architectures():
    """What lies within the spread of its repeats does not draw the search."""
    log = log_of(Goal(), [0, 5, 9, 14, 23], value)
    for shift in (-0.4, 0.4, -0.2, 0.2):
        log = log.asked(X[23:24])
        log = log.told(log.trials[-1], [value(TOY.arch(X[23])) + shift])
    strategy = Bayesian(TOY, n_initial=3, seed=0)
    asked = strategy.propose(log, 3)
    assert len(set(TOY.ids(asked.rows()[-3:]))) == 3
    assert log.best[1] == pytest.approx(value(TOY.arch(X[23])))


@pytest.mark.parametrize(
    "rule",
    [
        CrossoverCandidates,
        HillClimbingCandidates,
        LocalCandidates,
        MutationCandidates,
        TrustRegionCandidates,
    ],
)
@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
def test_a_space_of_one_architecture_is_left_after_one(rule):
    alone = CategoricalSpace("alone", {"width": [8], "depth": [1]})
    strategy = Bayesian(alone, candidates=rule(alone), n_initial=1, seed=0)
    log = strategy.propose(Log(alone, Goal()), 5)
    assert len(log) == 1
    with pytest.raises(NothingLeftError):
        strategy.propose(log.told(log.trials[0], [1.0]))


# Several objectives and bounds.


@pytest.mark.parametrize("factory", [qlog_nehvi, qlog_nparego])
@pytest.mark.parametrize("goal", [FREE, BOUND], ids=str)
def test_a_front_is_found_long_before_all_is_seen(factory, goal):
    everything = log_of(goal, range(24), metrics).observed()[1]
    reference = goal.objectives_of(everything).min(0).values
    found = 0.0
    for seed in range(3):
        strategy = Bayesian(TOY, goal, acquisition=Maximize(factory), n_initial=4, seed=seed)
        log = run(strategy, metrics, 16)
        found += goal.hypervolume(log.observed()[1], reference) / 3
        assert all(goal.bounds == () or metrics(arch)["energy"] <= 3.5 for arch in log.front)
    assert found > 0.95 * goal.hypervolume(everything, reference)


def test_one_objective_under_a_bound_ends_at_the_best_feasible():
    goal = Goal.parse("accuracy", subject_to=["energy<=3.5"])
    log = run(Bayesian(TOY, goal, n_initial=4, seed=0), metrics, 14)
    feasible = [arch for arch in TOY.archs(X) if metrics(arch)["energy"] <= 3.5]
    assert log.best[1] == max(map(value, feasible))


@pytest.mark.parametrize("goal", [BOUND, Goal.parse("accuracy", subject_to=["energy<=3.5"])])
def test_a_search_goes_on_where_nothing_is_feasible_yet(goal):
    log = run(
        Bayesian(TOY, goal, n_initial=4, seed=0),
        lambda arch: {**metrics(arch), "energy": 4.0 + arch.row[0]},
        8,
    )
    assert log.n_told == 8
    assert log.front == []


def test_three_objectives_and_any_mix_of_surrogates():
    goal = Goal.parse("accuracy,-latency,-energy")
    strategy = Bayesian(TOY, goal, [GP(TOY), GBDT(TOY), GP(TOY)], n_initial=6, seed=0)
    log = run(strategy, metrics, 10, q=2)
    reference = torch.tensor([0.0, -4.0, -5.0]).double()
    running = goal.running_hypervolume(log.observed()[1], reference)
    assert (running.diff() >= 0).all()
    assert running[-1] == goal.hypervolume(log.observed()[1], reference)


def test_a_reference_of_the_user_counts():
    """Above it lies one corner of the front, and that is where the search goes."""
    goal = Goal.parse("accuracy,-latency", reference=[2.4, 10.0])
    log = log_of(goal, [0, 3, 6, 12], metrics)
    asked = Bayesian(TOY, goal, n_initial=4, seed=0).propose(log, 3).trials[-3:]
    assert all(value(trial.arch) > 2.4 for trial in asked)


def test_pending_ones_count_as_expected():
    """Those asked for one after the other differ."""
    log = log_of(BOUND, [0, 3, 6, 12, 20], metrics)
    strategy = Bayesian(TOY, BOUND, n_initial=4, seed=0)
    one = strategy.propose(strategy.propose(log))
    assert len(set(TOY.ids(one.rows()))) == 7


# What is refused.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_initial": 0}, "n_initial must be at least 1; got 0"),
        ({"predictor": GP(TOY)}, "1 different predictors for 3 outcomes"),
        ({"predictor": [GP(TOY)] * 3}, "1 different predictors"),
        ({"predictor": [GP(NB201), GP(TOY), GP(TOY)]}, "a predictor is of 'nb201'"),
        ({"predictor": GP(TOY), "encoding": OneHotEncoding(TOY)}, "leave the encoding out"),
        ({"acquisition": Maximize(log_ei)}, "log_ei does not serve .* take qlog_nehvi"),
        ({"acquisition": Maximize(constrained_log_nei)}, "constrained_log_nei does not serve"),
        ({"acquisition": ThompsonSampling()}, "ThompsonSampling does not serve"),
        (
            {"candidates": FixedCandidates(NB201, NB201.enumerate()[:3])},
            "candidates are of 'nb201'",
        ),
    ],
)
def test_a_strategy_says_what_does_not_fit(options, message):
    with pytest.raises(UsageError, match=message):
        Bayesian(TOY, BOUND, **options)


@pytest.mark.parametrize("factory", [qlog_nehvi, qlog_nparego])
def test_a_rule_for_another_number_of_objectives_says_so_at_once(factory):
    for goal in (Goal(), Goal.parse("accuracy", subject_to=["energy<=1"])):
        with pytest.raises(UsageError, match=f"{factory.__name__} does not serve"):
            Bayesian(TOY, goal, acquisition=Maximize(factory))


def test_the_log_is_of_the_same_search():
    strategy = Bayesian(TOY, BOUND)
    for other in (Log(TOY, FREE), Log(NB201, BOUND)):
        with pytest.raises(UsageError, match="a log of its own space and goal"):
            strategy.propose(other)
        with pytest.raises(UsageError, match="a log of its own space and goal"):
            strategy.promote(other)


def test_context_is_of_what_was_told():
    log = log_of(Goal(), [0, 3, 6], value)
    context = Bayesian(TOY, seed=0).context(log)
    assert isinstance(context, Context)
    assert context.X.equal(X[[0, 3, 6]])
