"""Search that goes on from what other tasks have taught."""

import pytest
import torch

from archbo.acquisition import FixedCandidates
from archbo.bo_loop import Bayesian, FidelityBayesian, run
from archbo.errors import InvalidArchitectureError, UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import GP, MultiTaskGP
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
X = TOY.enumerate()
ARCHS = TOY.archs(X)
BEST = TOY.parse("width=32,depth=3,skip=yes")
BOUND = Goal.parse("accuracy,-latency", subject_to=["energy<=4"])


def value(arch):
    return 90.0 - sum(abs(a - b) for a, b in zip(arch.row, BEST, strict=True)) ** 1.5


def metrics(arch):
    a, b, _ = arch.row
    return [value(arch), a + 0.5 * b, float(a + b)]


def first(strategy):
    return strategy.propose(Log(TOY, strategy.goal)).trials[0].arch


SOURCES = [
    (X[::2], [-value(arch) for arch in ARCHS[::2]]),
    (X[1::2], [value(arch) for arch in ARCHS[1::2]]),
]


def test_search_begins_with_what_the_last_source_ranks_first():
    strategy = Bayesian(TOY, sources=SOURCES, seed=0)
    assert strategy.n_initial == 1
    assert first(strategy) == TOY.arch(BEST)
    # Values of a source are in the goal's own direction.
    losses = [(X[1::2], [-value(arch) for arch in ARCHS[1::2]])]
    less = Bayesian(TOY, Goal.parse("-value"), sources=losses, seed=0)
    assert first(less) == TOY.arch(BEST)
    pool = FixedCandidates(TOY, X[:4])
    assert pool.contains(TOY.rows([first(Bayesian(TOY, sources=SOURCES, candidates=pool))])).all()


def test_search_goes_on_from_another_task():
    rows = X[torch.randperm(24, generator=torch.Generator().manual_seed(0))[:12]]
    source = (rows, [value(arch) / 3 + 0.2 * (sum(arch.row) % 3) for arch in TOY.archs(rows)])
    log = run(Bayesian(TOY, sources=[source], seed=0), value, 7)
    assert log.best[1] == 90.0


def test_an_agreeing_source_helps_and_what_it_is_worth_is_learned():
    """By the search's second architecture all is known that the source knows."""
    cold = run(Bayesian(TOY, n_initial=1, seed=0), value, 4).observed()[1].max()
    warm = run(Bayesian(TOY, sources=SOURCES[1:], seed=0), value, 4).observed()[1].max()
    assert warm >= cold
    against = run(Bayesian(TOY, sources=SOURCES[:1], seed=0), value, 14)
    assert against.best[1] == 90.0


def test_several_objectives_with_sources():
    source = (X[::2], [metrics(arch) for arch in ARCHS[::2]])
    strategy = Bayesian(TOY, BOUND, sources=[source], seed=0)
    assert all(isinstance(p, MultiTaskGP) for p in strategy.surrogates.predictors)
    log = run(strategy, metrics, 8)
    everything = BOUND.gains(torch.tensor([metrics(arch) for arch in ARCHS]).double())
    reference = BOUND.objectives_of(everything).min(0).values
    found = BOUND.hypervolume(log.observed()[1], reference)
    assert found > 0.9 * BOUND.hypervolume(everything, reference)
    # What is asked for first keeps the bound by what the source knows.
    assert metrics(log.trials[0].arch)[2] <= 4


def test_nothing_feasible_in_a_source_begins_with_the_least_violation():
    values = [[m[0], m[1], m[2] + 5] for m in map(metrics, ARCHS)]
    asked = first(Bayesian(TOY, BOUND, sources=[(X, values)], seed=0))
    assert sum(asked.row[:2]) <= 1


def test_sources_and_fidelities():
    goal = Goal.parse("accuracy", fidelities={"short": 12, "full": 200})
    strategy = FidelityBayesian(TOY, goal, sources=SOURCES[1:], n_cheap=4, seed=0)
    log = strategy.propose(Log(TOY, goal))
    assert (log.trials[0].arch, log.trials[0].fidelity) == (TOY.arch(BEST), "short")
    log = run(strategy, lambda arch, fidelity: value(arch), budget=1000)
    assert log.best[1] == 90.0


@pytest.mark.parametrize(
    ("sources", "options", "error", "message"),
    [
        ([(X[:0], [])], {}, UsageError, "source 0 is empty"),
        (
            [(X[:2], [1.0])],
            {},
            UsageError,
            r"source 0 has 2 architectures and values of shape \(1, 1\)",
        ),
        ([(X[:1], [float("nan")])], {}, UsageError, "source 0 holds a NaN or an infinity"),
        ([(["width=9"], [1.0])], {}, InvalidArchitectureError, "toy|width"),
        (SOURCES, {"goal": BOUND}, UsageError, "give 3 for each: accuracy, latency, energy"),
        (SOURCES, {"predictor": GP(TOY)}, UsageError, "GP cannot learn from other tasks"),
    ],
)
def test_wrong_sources_are_refused(sources, options, error, message):
    with pytest.raises(error, match=message):
        Bayesian(TOY, sources=sources, **options)
