"""Trials with several fidelities."""

import pandas as pd
import pytest
import torch

from archbo.benchmarks import Benchmark
from archbo.bo_loop import MultiFidelityOptimizer, RandomSearch
from archbo.comparison import FidelityTrial, run_fidelity_trial, run_trial
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
COSTS = {"short": 1, "full": 10}


@pytest.fixture(scope="module")
def benchmark():
    X = TOY.enumerate()
    full = (X @ torch.tensor([3.0, 2.0, 1.0]).double()).tolist()
    metrics = pd.DataFrame({"short": [value / 2 for value in full], "full": full})
    return Benchmark("toy", TOY, X, metrics, "full", "made up")


@pytest.mark.parametrize("minimize", [False, True])
def test_trial_tells_where_the_search_stood_at_each_cost(benchmark, minimize):
    goals = {column: benchmark.objective(column, minimize=minimize) for column in COSTS}
    report = benchmark.objective("short")
    optimizer = MultiFidelityOptimizer(TOY, COSTS, n_initial=5, n_cheap=5, seed=0)
    trial = run_fidelity_trial("both", optimizer, goals, 60, report=report)
    assert trial.queries[-1].spent <= 60
    assert trial.at(trial.queries[4].spent) is None
    better = min if minimize else max
    for query in trial.queries[5:]:
        seen = [
            (q.value, q.arch)
            for q in trial.queries
            if q.fidelity == "full" and q.spent <= query.spent
        ]
        best = better(value for value, _ in seen)
        assert query.best == best
        assert query.report == report(next(arch for value, arch in seen if value == best))
        assert trial.at(query.spent + 0.5) == query
    ranked = [query for query in trial.queries if query.rank is not None]
    for rank in (1, 3, 24):
        reached = [query.spent for query in ranked if query.rank <= rank]
        assert trial.cost_to_rank(rank) == (reached[0] if reached else None)


def test_search_in_full_is_a_trial_where_each_training_costs_the_same(benchmark):
    trial = run_trial("random", RandomSearch(TOY, seed=0), benchmark.objective(), 6)
    costed = FidelityTrial.of_full(trial, "full", 10.0)
    assert [query.spent for query in costed.queries] == [10, 20, 30, 40, 50, 60]
    assert [query.best for query in costed.queries] == [query.best for query in trial.queries]
    assert costed.at(35) == costed.queries[2]
    assert costed.at(5) is None
