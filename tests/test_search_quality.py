"""What a search with the defaults reaches; minutes long."""

from statistics import median

import pytest
import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.benchmarks import Objectives, read_table
from archbo.bo_loop import MultiFidelityOptimizer, RoBoT, run_fidelities
from archbo.comparison import median_regret, median_share, run_pareto_trial, run_trial
from archbo.proxies import ProxyTable

pytestmark = pytest.mark.slow
SEEDS = range(10)


def trials(method, objective, queries=100):
    benchmark = objective.benchmark
    options = {"candidates": FixedCandidates(benchmark.space, benchmark.X)}
    result = []
    for seed in SEEDS:
        if method == "gp":
            searcher = catalog.optimizer(benchmark.space, seed=seed, **options)
        else:
            searcher = catalog.baseline(method, benchmark.space, seed=seed, **options)
        result.append(run_trial(method, searcher, objective, queries))
    return result


@pytest.fixture(params=["embedded", "c10_val_200"])
def nb201_objective(request):
    if request.param == "embedded":
        return catalog.benchmark("nb201").objective()
    table = request.getfixturevalue("nb201_table")
    return read_table(table, catalog.space("nb201")).objective(request.param)


def test_finds_the_best_of_nas_bench_201_in_a_median_of_45_queries(nb201_objective):
    searches = trials("gp", nb201_objective)
    assert median(trial.queries_to_rank(1) or 101 for trial in searches) <= 45
    assert max(trial.queries[-1].rank for trial in searches) <= 10


@pytest.fixture
def valid_nets(nb201_table):
    """The networks without unreachable operations, and their published proxies."""
    benchmark = read_table(nb201_table, catalog.space("nb201"), where="is_valid_net")
    return benchmark, ProxyTable.from_benchmark(benchmark, ["c10_zc_*"])


@pytest.mark.parametrize(("task", "goal"), [("c10", 94.36), ("c100", 73.3), ("in16", 46.4)])
def test_robot_reaches_what_is_published_in_20_queries(valid_nets, task, goal):
    benchmark, proxies = valid_nets
    signal, test = (benchmark.objective(f"{task}_{what}") for what in ("val_12", "test_200"))
    candidates = FixedCandidates(benchmark.space, benchmark.X)
    for seed in SEEDS:
        robot = RoBoT(benchmark.space, proxies, candidates=candidates, seed=seed)
        assert test(run_trial("robot", robot, signal, 20).recommended) >= goal


@pytest.mark.parametrize(("task", "goal"), [("c10", 20), ("c100", 25), ("in16", 60)])
def test_proxies_find_the_best_sooner(valid_nets, task, goal):
    benchmark, proxies = valid_nets
    objective = benchmark.objective(f"{task}_val_200")
    candidates = FixedCandidates(benchmark.space, benchmark.X)
    searches = [
        run_trial(
            "robot",
            RoBoT(benchmark.space, proxies, trust=0, n_initial=3, candidates=candidates, seed=seed),
            objective,
            100,
        )
        for seed in range(20)
    ]
    assert median(trial.queries_to_rank(1) or 101 for trial in searches) <= goal
    assert max(trial.queries[-1].rank for trial in searches) <= 10


@pytest.mark.parametrize("dataset", ["cora", "arxiv"])
def test_beats_random_search_on_nas_bench_graph(dataset):
    objective = catalog.benchmark(f"nas-bench-graph/{dataset}").objective()
    searches, random = trials("gp", objective), trials("random", objective)
    for queries in (30, 50, 100):
        ours = median_regret(searches, objective, queries)
        assert ours < median_regret(random, objective, queries), queries


@pytest.mark.parametrize("task", ["c10", "c100"])
def test_short_trainings_save_half_the_epochs(nb201_table, task):
    benchmark = read_table(nb201_table, catalog.space("nb201"))
    values = {
        column: benchmark.objective(column) for column in (f"{task}_val_12", f"{task}_val_200")
    }
    full = values[f"{task}_val_200"]
    costs = dict(zip(values, (12, 200), strict=True))
    alone = median(trial.queries[-1].best for trial in trials("gp", full, queries=13))
    bests = []
    for seed in SEEDS:
        candidates = FixedCandidates(benchmark.space, benchmark.X)
        search = MultiFidelityOptimizer(benchmark.space, costs, candidates=candidates, seed=seed)
        bests.append(run_fidelities(search, values, 1300).best[1])
    assert median(bests) >= alone


@pytest.mark.parametrize("cost", ["c10_hw_raspi4_latency", "c10_hw_edgegpu_energy"])
def test_finds_99_percent_of_the_hypervolume_in_100_queries(nb201_table, cost):
    benchmark = read_table(nb201_table, catalog.space("nb201"))
    goals = Objectives(
        (benchmark.objective("c10_val_200"), benchmark.objective(cost, minimize=True))
    )
    options = {"candidates": FixedCandidates(benchmark.space, benchmark.X)}
    found = {}
    for method in ("gp", *catalog.OUTCOME_BASELINES):
        searches = []
        for seed in SEEDS:
            if method == "gp":
                searcher = catalog.outcome_optimizer(
                    benchmark.space, goals.outcomes, reference=goals.reference, seed=seed, **options
                )
            else:
                searcher = catalog.outcome_baseline(
                    method, benchmark.space, goals.outcomes, seed=seed, **options
                )
            searches.append(run_pareto_trial(method, searcher, goals, 100, q=5))
        found[method] = median_share(searches, goals, 100)
    assert found["gp"] >= 0.99
    assert found["gp"] > max(found["random"], found["nsga2"])


def test_lists_and_encodes_all_of_nas_bench_101():
    space = catalog.space("nb101")
    X = space.enumerate(dtype=torch.float32)
    assert len(X) == 423_624
    features = catalog.encoding("path", space)(X)
    assert features.shape == (423_624, 364)
    # A cell is told from others by its paths and its shape together; many share their paths.
    assert 1_000 < len(features.unique(dim=0)) < 423_624
