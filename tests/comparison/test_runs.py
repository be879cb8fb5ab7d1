"""Whole searches, with where each stood after each evaluation."""

import math

import pandas as pd
import pytest
import torch

from archbo.benchmarks import Benchmark
from archbo.bo_loop import FidelityBayesian, RandomSearch
from archbo.comparison import (
    SearchInterrupted,
    check_runs,
    costs_of,
    median_regret,
    median_share,
    middle_run,
    run_search,
)
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import State
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
COSTS = {"short": 1, "full": 10}


@pytest.fixture(scope="module")
def benchmark():
    X = TOY.enumerate()
    full = (X @ torch.tensor([3.0, 2.0, 1.0]).double()).tolist()
    cost = (X[:, 0] + X[:, 1]).tolist()
    metrics = {"short": [value / 2 for value in full], "full": full, "cost": cost}
    return Benchmark("toy", TOY, X, pd.DataFrame(metrics), "full", "made up")


def random_run(tabular, n=6, seed=0, **options):
    strategy = RandomSearch(TOY, tabular.goal, seed=seed)
    return run_search("random", strategy, tabular, n, **options)


@pytest.mark.parametrize("minimize", [False, True])
def test_a_run_with_fidelities_tells_where_it_stood_at_each_cost(benchmark, minimize):
    goal = Goal.parse("-full" if minimize else "full", fidelities=COSTS)
    tabular = benchmark.evaluator(goal)
    report = benchmark.values("short")
    strategy = FidelityBayesian(TOY, goal, n_initial=5, n_cheap=5, seed=0)
    run = run_search("both", strategy, tabular, 6, report="short")
    assert run.queries[-1].spent <= 60
    assert run.after(run.queries[4].spent).best is None
    assert run.regret(run.queries[4].spent) == math.inf
    assert run.after(0) is None
    better = min if minimize else max
    for query in run.queries[5:]:
        seen = [
            (q.values[0], q.arch)
            for q in run.queries
            if q.fidelity == "full" and q.spent <= query.spent
        ]
        best = better(value for value, _ in seen)
        assert query.best == best
        named = next(arch for value, arch in seen if value == best)
        assert query.report == report[benchmark.rows_of([named])].item()
        assert run.after(query.spent + 0.5) == query
        assert run.regret(query.spent) == abs(best - tabular.best)
    ranked = [query for query in run.queries if query.rank is not None]
    for rank in (1, 3, 24):
        reached = [query.spent for query in ranked if query.rank <= rank]
        assert run.cost_to_rank(rank) == (reached[0] if reached else None)


def test_a_search_in_full_pays_the_same_for_each_evaluation(benchmark):
    plain = random_run(benchmark.evaluator())
    tabular = benchmark.evaluator(Goal.parse("full", fidelities=COSTS))
    costed = plain.at_target(tabular)
    assert [query.spent for query in costed.queries] == [10, 20, 30, 40, 50, 60]
    assert {query.fidelity for query in costed.queries} == {"full"}
    assert [query.best for query in costed.queries] == [query.best for query in plain.queries]
    assert costed.after(35) == costed.queries[2]
    assert costed.after(5) is None
    # One that had fidelities is as it was.
    assert costed.at_target(tabular) is costed
    assert plain.at_target(benchmark.evaluator()) is plain


def test_ranks_and_regrets_are_those_of_the_table(benchmark):
    run = random_run(benchmark.evaluator(), 8)
    values = benchmark.values("full").flatten()
    best = -math.inf
    for n, query in enumerate(run.queries, 1):
        best = max(best, query.values[0])
        assert query.rank == 1 + int((values > best).sum())
        assert run.regret(n) == float(values.max()) - best
    assert run.best.values == (best,)
    assert run.recommended == run.best.arch
    others = [random_run(benchmark.evaluator(), 8, seed) for seed in (1, 2)]
    regrets = sorted(one.regret(4) for one in (run, *others))
    assert median_regret([run, *others], 4) == regrets[1]


def test_a_bound_keeps_what_violates_it_from_being_the_best(benchmark):
    tabular = benchmark.evaluator(Goal.parse("full", subject_to=["cost<=2"]))
    run = random_run(tabular, 24)
    cost, full = benchmark.values("cost").flatten(), benchmark.values("full").flatten()
    assert run.queries[-1].best == float(full[cost <= 2].max())
    assert run.queries[-1].rank == 1
    assert any(query.values[0] > run.queries[-1].best for query in run.queries)
    shapes = run.to_dict()
    assert {entry["values"][0] for entry in shapes["front"]} == {run.queries[-1].best}


def test_shares_are_of_the_whole_table(benchmark):
    tabular = benchmark.evaluator("full,-cost")
    whole = random_run(tabular, 24)
    assert median_share([whole], 24) == pytest.approx(1)
    assert 0 < median_share([whole], 2) < 1
    assert whole.recommended is None
    assert "recommended" not in whole.to_dict()
    parts = [random_run(tabular, 3, seed) for seed in range(3)]
    volumes = sorted(run.queries[-1].hypervolume for run in parts)
    assert middle_run(parts).queries[-1].hypervolume == volumes[1]
    assert median_share(parts, 3) == volumes[1] / tabular.best_hypervolume


def test_a_share_of_nothing_is_refused(benchmark):
    tabular = benchmark.evaluator(Goal.parse("full,-cost", reference=[1000.0, 0.0]))
    assert tabular.best_hypervolume == 0
    with pytest.raises(UsageError, match="no architecture of the table lies above the reference"):
        median_share([random_run(tabular)], 3)


def test_an_interrupted_search_hands_over_what_is_done(benchmark):
    def stop(log):
        if log.n_told == 4:
            raise KeyboardInterrupt

    whole = random_run(benchmark.evaluator(), report="cost")
    with pytest.raises(SearchInterrupted) as stopped:
        random_run(benchmark.evaluator(), report="cost", callback=stop)
    run = stopped.value.run
    assert run.queries == whole.queries[:4]
    assert run.recommended is None
    assert isinstance(stopped.value, KeyboardInterrupt)


def test_several_objectives_have_nothing_to_report(benchmark):
    with pytest.raises(UsageError, match="no single best architecture to report"):
        random_run(benchmark.evaluator("full,-cost"), report="short")


@pytest.mark.parametrize("n", [0, 25])
def test_a_budget_beyond_the_table_is_refused(benchmark, n):
    with pytest.raises(UsageError, match=f"between 1 and 24, .* toy; got {n}"):
        random_run(benchmark.evaluator(), n)


def test_runs_of_different_goals_are_not_compared(benchmark):
    up, down = (random_run(benchmark.evaluator(text)) for text in ("full", "-full"))
    assert check_runs({"a": [up], "b": [up]}) is up.tabular
    with pytest.raises(UsageError, match="compare runs of one goal"):
        check_runs({"a": [up], "b": [down]})
    with pytest.raises(UsageError, match="'a' has no runs"):
        check_runs({"a": []})
    with pytest.raises(UsageError, match="there are no runs"):
        check_runs({})


def test_costs_are_those_of_all_runs(benchmark):
    tabular = benchmark.evaluator(Goal.parse("full", fidelities=COSTS))
    plain = random_run(benchmark.evaluator(), 3).at_target(tabular)
    strategy = FidelityBayesian(TOY, tabular.goal, n_initial=3, n_cheap=3, seed=0)
    both = run_search("both", strategy, tabular, 2)
    assert costs_of([plain, both]) == sorted({10.0, 20.0, 30.0} | {q.spent for q in both.queries})


def test_failed_evaluations_are_paid_for_and_are_no_queries(benchmark):
    metrics = benchmark.metrics.copy()
    metrics.loc[::2, "full"] = math.nan
    tabular = Benchmark("half", TOY, benchmark.X, metrics, "full", "made up").evaluator()
    run = random_run(tabular, 20, report="short")
    assert len(run.queries) + run.n_failed == 20
    assert run.to_dict()["failed"] == run.n_failed > 3
    told = [trial.number + 1 for trial in run.log.select(State.TOLD)]
    assert [query.spent for query in run.queries] == told
    assert all(query.report == query.best / 2 for query in run.queries)
    assert run.recommended is not None
