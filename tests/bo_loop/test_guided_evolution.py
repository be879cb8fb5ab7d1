"""Evolution on what surrogates predict."""

import pytest
import torch

from archbo.acquisition import Context, FixedCandidates
from archbo.bo_loop import GuidedEvolution, run
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import GBDT, GP
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
X = TOY.enumerate()
FREE = Goal.parse("accuracy,-latency")
BOUND = Goal.parse("accuracy,-latency", subject_to=["energy<=3.5"])


def value(arch):
    row = [float(choice) for choice in arch.row]
    total = sum((i + 1) * choice for i, choice in enumerate(row)) ** 0.5
    return {"accuracy": total, "latency": row[0] + 0.5 * row[1], "energy": row[0] + row[1]}


def make(goal=FREE, **options):
    sizes = {"n_initial": 5, "batch": 3, "population": 10, "generations": 3}
    return GuidedEvolution(TOY, goal, **{**sizes, "seed": 1, **options})


@pytest.mark.parametrize("goal", [FREE, BOUND], ids=str)
def test_a_front_is_found_long_before_all_is_seen(goal):
    log = run(make(goal), value, 16)
    gains = goal.gains(
        torch.tensor([[value(arch)[m] for m in goal.metrics] for arch in TOY.archs(X)]).double()
    )
    reference = goal.objectives_of(gains).min(0).values
    found = goal.hypervolume(log.observed()[1], reference)
    assert found > 0.95 * goal.hypervolume(gains, reference)


def test_a_round_is_handed_out_before_the_next_fit(monkeypatch):
    fits = []
    fit = GP.fit
    monkeypatch.setattr(
        GP, "fit", lambda self, X, *a, **k: fits.append(len(X)) or fit(self, X, *a, **k)
    )
    log = run(make(), value, 11)
    assert fits == [5, 5, 8, 8]  # two outcomes
    rounds = [trial.number for trial in log.trials if "round" in trial.notes]
    assert rounds == [5, 8]
    assert log.trials[5].notes["round"] == log.rows()[5:8].tolist()


def test_a_round_forgets_what_was_told_meanwhile():
    strategy = make(batch=4)
    log = run(strategy, value, 6)
    waiting = torch.tensor(log.trials[5].notes["round"]).double()[1:]
    log = log.asked(waiting[:1])
    told = strategy.propose(log, 2)
    assert told.rows()[-2:].equal(waiting[1:])


def test_what_is_asked_for_is_the_best_by_prediction():
    """With generations enough to see the whole space, one objective: the highest posterior mean that is left."""
    goal = Goal()
    strategy = make(goal, batch=1, population=40, generations=20)
    log = Log(TOY, goal).asked(X[::4])
    for trial in log.trials:
        log = log.told(trial, [value(trial.arch)["accuracy"]])
    asked = strategy.propose(log).rows()[-1:]
    context = Context(log, strategy.surrogates.predictors)
    left = FixedCandidates(TOY, X).without(X, log.rows())
    mean, _ = context.latent_marginals(left)
    found, _ = context.latent_marginals(asked)
    assert found.item() == pytest.approx(mean.max().item())


def test_children_stay_among_the_candidates():
    candidates = FixedCandidates(TOY, X[::2])
    log = run(make(BOUND, candidates=candidates), value, 20)
    assert len(log) == 12
    assert candidates.contains(log.rows()).all()


def test_any_mix_of_surrogates():
    log = run(make(BOUND, predictor=[GP(TOY), GBDT(TOY), GP(TOY)]), value, 9)
    assert log.n_told == 9


@pytest.mark.parametrize("option", ["n_initial", "batch", "population", "generations"])
def test_sizes_are_positive(option):
    with pytest.raises(UsageError, match=f"{option} must be at least 1; got 0"):
        make(**{option: 0})


def test_predictors_fit_the_goal():
    with pytest.raises(UsageError, match="1 different predictors for 2 outcomes"):
        make(predictor=GP(TOY))


def test_a_space_of_one_architecture_is_left_after_one():
    alone = CategoricalSpace("alone", {"width": [8], "depth": [1]})
    strategy = GuidedEvolution(alone, FREE, n_initial=1, population=4, generations=2, seed=0)
    log = strategy.propose(Log(alone, FREE), 5)
    assert len(log) == 1
    with pytest.raises(NothingLeftError):
        strategy.propose(log.told(log.trials[0], [1.0, 1.0]))
