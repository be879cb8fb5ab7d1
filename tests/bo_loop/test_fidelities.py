"""Search with cheap evaluations beside full ones."""

import pytest
import torch

from archbo.acquisition import FixedCandidates, KnownCost, Maximize, ThompsonSampling, log_ei
from archbo.acquisition.look_ahead import Outlook
from archbo.bo_loop import Bayesian, FidelityBayesian, RandomSearch, run
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.predictors import GBDT, GP, MultiTaskGP
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
X = TOY.enumerate()
COSTS = {"short": 12, "full": 200}
GOAL = Goal.parse("accuracy", fidelities=COSTS)
BEST = TOY.parse("width=32,depth=3,skip=yes")


def full(arch):
    return 90.0 - sum(abs(a - b) for a, b in zip(arch.row, BEST, strict=True)) ** 1.5


def short(arch):
    return full(arch) / 3 + 0.3 * (sum(arch.row) % 3)


def train(arch, fidelity):
    return full(arch) if fidelity in ("full", "b", "c") else short(arch)


def make(goal=GOAL, **options):
    return FidelityBayesian(TOY, goal, **{"n_initial": 5, "n_cheap": 8, "seed": 0, **options})


def asked(log):
    return [(str(trial.arch), trial.fidelity) for trial in log.trials]


def log_of(goal, rows_at):
    """A log in which rows have been told at each fidelity."""
    log = Log(TOY, goal)
    for fidelity, rows in rows_at.items():
        log = log.asked(X[rows], [fidelity] * len(rows))
    for trial in log.trials:
        log = log.told(trial, [train(trial.arch, trial.fidelity)])
    return log


def to_the_end(strategy, evaluate=train, q=2):
    return run(strategy, evaluate, 1000, q=q)


def test_every_architecture_is_evaluated_at_the_target_once():
    log = to_the_end(make())
    assert len(set(asked(log))) == len(log)
    assert sorted(arch for arch, fidelity in asked(log) if fidelity == "full") == sorted(
        map(str, TOY.archs(X))
    )


@pytest.mark.parametrize("space_size", [1, 2, 3])
@pytest.mark.parametrize("rule", [None, Maximize(log_ei)])
@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
def test_fewer_architectures_than_the_start_takes(space_size, rule):
    """Nothing left at the first fidelity is not nothing left."""
    space = CategoricalSpace("few", {"width": [8, 16, 32][:space_size]})
    strategy = FidelityBayesian(space, GOAL, acquisition=rule, seed=0)
    log = run(strategy, lambda arch, fidelity: 1.0 + arch.row[0], 100)
    assert sorted(asked(log)) == sorted(
        (str(arch), fidelity) for arch in space.archs(space.enumerate()) for fidelity in COSTS
    )
    assert log.best[1] == space_size
    with pytest.raises(NothingLeftError):
        strategy.propose(log)


@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
def test_a_search_goes_on_where_all_cheap_evaluations_fail():
    log = Log(TOY, GOAL)
    strategy = make()
    for _ in range(30):
        log = strategy.propose(log)
        trial = log.trials[-1]
        cheap = trial.fidelity == "short"
        log = log.failed(trial) if cheap else log.told(trial, [full(trial.arch)])
    assert len(set(asked(log))) == 30
    assert len(log.select(State.TOLD, fidelity="full")) >= 6


def test_pending_evaluations_are_not_asked_for_again():
    strategy = make()
    log = run(strategy, train, 8, q=8)
    for _ in range(5):
        log = strategy.propose(log, 2)
    pending = asked(log)[-10:]
    assert len(set(pending)) == 10
    for trial in reversed(log.trials[-10:]):
        log = log.told(trial, [1.0])
    assert asked(log)[-10:] == pending


def test_search_finds_the_best_for_less_than_full_trainings_cost():
    spent = []
    for seed in range(3):
        log = run(make(seed=seed), train, budget=2400)
        assert log.best == (TOY.arch(BEST), 90.0)
        found = next(t.number for t in log.trials if t.values == (90.0,))
        spent.append(sum(trial.cost for trial in log.trials[: found + 1]))
    assert sorted(spent)[1] <= 1600  # a third of what it costs to train all in full


@pytest.mark.parametrize(("acquisition", "q"), [(None, 2), (Maximize(log_ei), 4)])
def test_fidelity_that_tells_nothing_more_for_its_cost_is_left_out(acquisition, q):
    """A short training that costs nearly as much as a full one is not worth it once both are known to agree little."""
    goal = Goal.parse("accuracy", fidelities={"short": 199, "full": 200})
    strategy = make(goal, acquisition=acquisition)
    noise = torch.randn(24, generator=torch.Generator().manual_seed(0)).tolist()
    log = Log(TOY, goal).asked(X[:12], ["short"] * 12).asked(X[:12])
    for trial in log.trials:
        told = noise[trial.number] if trial.fidelity == "short" else full(trial.arch)
        log = log.told(trial, [told])
    assert [fidelity for _, fidelity in asked(strategy.propose(log, q))[-q:]] == ["full"] * q


def test_cheapest_fidelity_is_searched_for_its_own_best_before_one_goes_up():
    log = run(make(n_initial=4, n_cheap=12), train, 13)
    *start, first = log.trials
    assert {trial.fidelity for trial in start} == {"short"}
    best = max(start, key=lambda trial: trial.values)
    assert (first.arch, first.fidelity) == (best.arch, "full")
    # Picked, not drawn: the same seed draws others.
    drawn = run(make(n_initial=12, n_cheap=12), train, 12).trials
    assert [trial.arch for trial in start[:4]] == [trial.arch for trial in drawn[:4]]
    picked = sum(short(trial.arch) for trial in start[4:])
    assert picked > sum(short(trial.arch) for trial in drawn[4:])


def test_start_costs_no_more_than_a_few_trainings_at_the_target():
    assert make(n_cheap=None).n_cheap == 60
    goal = Goal.parse("accuracy", fidelities={"short": 50, "full": 200})
    assert make(goal, n_cheap=None).n_cheap == 16


def test_an_evaluation_is_chosen_for_the_gain_after_it_per_cost():
    """The choice against the outlook's gain of each evaluation by itself, weighed here."""
    strategy = make(n_initial=5, n_cheap=6)
    log = run(strategy, train, 9)
    trial = strategy.propose(log).trials[-1]
    left = strategy.candidates.without(X, log.rows(fidelity="full"))
    outlook = Outlook(strategy.context(log), left)
    offers = {
        (TOY.format(row), "full"): float(gain) / 200
        for row, gain in zip(left, outlook.now, strict=True)
    }
    known = set(TOY.ids(log.rows(fidelity="short")))
    one = torch.ones(len(left)).double()
    for row, rate in zip(left, outlook.after(0, 12 * one, 200 * one), strict=True):
        if not set(TOY.ids(row.unsqueeze(0))) & known:
            offers[TOY.format(row), "short"] = float(rate)
    assert len(offers) > len(left)
    assert offers[str(trial.arch), trial.fidelity] == pytest.approx(max(offers.values()), rel=1e-6)


@pytest.mark.parametrize("acquisition", [None, Maximize(log_ei)])
def test_three_fidelities(acquisition):
    goal = Goal.parse("accuracy", fidelities={"a": 1, "b": 10, "c": 100})
    log = run(make(goal, n_initial=6, acquisition=acquisition), train, budget=900)
    assert log.best[0] == TOY.arch(BEST)
    assert {trial.fidelity for trial in log.trials} == {"a", "b", "c"}
    assert log.spent <= 900


def test_several_objectives_bounds_and_a_metric_that_is_the_same_at_each_fidelity():
    goal = Goal.parse(
        "accuracy,-latency",
        subject_to=["energy<=4"],
        fidelities=COSTS,
        independent=["latency", "energy"],
    )

    def evaluate(arch, fidelity):
        a, b, _ = arch.row
        return {"accuracy": train(arch, fidelity), "latency": a + 0.5 * b, "energy": a + b}

    strategy = make(goal)
    log = run(strategy, evaluate, budget=2600, q=2)
    kinds = [type(predictor) for predictor in strategy.surrogates.predictors]
    assert kinds == [MultiTaskGP, GP, GP]
    everything = goal.gains(
        torch.tensor(
            [[evaluate(arch, "full")[m] for m in goal.metrics] for arch in TOY.archs(X)]
        ).double()
    )
    reference = goal.objectives_of(everything).min(0).values
    found = goal.hypervolume(log.observed("full")[1], reference)
    assert found > 0.9 * goal.hypervolume(everything, reference)
    assert len(set(asked(log))) == len(log)


def test_a_cost_of_its_own_weighs_architectures():
    """Where all wide ones cost a thousand times as much, narrow ones go first."""
    prices = torch.where(X[:, 0] == 2, 1000.0, 1.0)
    log = log_of(GOAL, {"short": range(0, 24, 2), "full": [0, 9]})
    dear = make(cost=KnownCost(TOY, X, prices))
    assert all(trial.arch.row[0] != 2 for trial in dear.propose(log, 3).trials[-3:])
    with pytest.raises(UsageError, match="a rule has its own cost"):
        make(cost=KnownCost(TOY, X, prices), acquisition=Maximize(log_ei))


def test_other_rules_and_candidates_serve():
    pool = FixedCandidates(TOY, X[:10])
    log = run(make(acquisition=ThompsonSampling(), candidates=pool), train, 12)
    assert pool.contains(log.rows()).all()


def test_initial_ones_begin_at_the_first_fidelity():
    log = make(initial=X[5:7]).propose(Log(TOY, GOAL), 3)
    assert log.rows()[:2].equal(X[5:7])
    assert {trial.fidelity for trial in log.trials} == {"short"}


# At the end of a budget, and of strategies that know one fidelity.


def test_the_best_goes_up_at_the_end_of_a_budget():
    log = log_of(GOAL, {"short": [3, 7, 11], "full": []})
    best = max(log.trials, key=lambda trial: trial.values).arch
    for strategy in (make(), RandomSearch(TOY, GOAL, seed=0)):
        trial = strategy.promote(log).trials[-1]
        assert (trial.arch, trial.fidelity) == (best, "full")
        # Where nothing was told below it is a random one.
        assert strategy.promote(Log(TOY, GOAL)).trials[-1].fidelity == "full"


@pytest.mark.parametrize("strategy", [RandomSearch, Bayesian])
def test_others_evaluate_at_the_target(strategy):
    options = {"n_initial": 3} if strategy is Bayesian else {}
    log = run(strategy(TOY, GOAL, seed=0, **options), train, 6)
    assert {trial.fidelity for trial in log.trials} == {"full"}
    cheap = log_of(GOAL, {"short": range(20), "full": []})
    assert strategy(TOY, GOAL, seed=0, **options).propose(cheap).trials[-1].fidelity == "full"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal": Goal()}, "the goal has no fidelities; name some, or use Bayesian"),
        ({"n_initial": 0}, "n_initial must be at least 1; got 0"),
        ({"n_cheap": 0}, "n_cheap must be at least 1; got 0"),
        ({"predictor": MultiTaskGP(NB201)}, "a predictor is of 'nb201'"),
        ({"predictor": GBDT(TOY)}, "GBDT cannot learn from other tasks or fidelities"),
        ({"acquisition": "log_ei"}, "an acquisition is a rule"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        make(**options)
