"""What a search with the defaults reaches; minutes long."""

from statistics import median

import pytest
import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.benchmarks import read_table
from archbo.bo_loop import (
    NSGA2,
    Bayesian,
    FidelityBayesian,
    GuidedEvolution,
    RandomSearch,
    RoBoT,
    run,
)
from archbo.comparison import median_regret, median_share, run_search
from archbo.goals import Goal
from archbo.proxies import ProxyTable

pytestmark = pytest.mark.slow
SEEDS = range(10)


def searches(strategy, tabular, n_queries=100, *, q=1, seeds=SEEDS, **options):
    """One run of a strategy for each seed."""
    space, goal = tabular.benchmark.space, tabular.goal
    candidates = FixedCandidates(space, tabular.benchmark.X)
    made = [strategy(space, goal, candidates=candidates, seed=seed, **options) for seed in seeds]
    return [run_search(strategy.__name__, each, tabular, n_queries, q=q) for each in made]


@pytest.fixture
def nb201(nb201_table):
    return read_table(nb201_table, catalog.space("nb201"))


@pytest.mark.parametrize(
    ("task", "goal"), [("embedded", 45), ("c10", 28), ("c100", 32), ("in16", 65)]
)
def test_finds_the_best_of_nas_bench_201(request, task, goal):
    if task == "embedded":
        tabular = catalog.benchmark("nb201").evaluator()
    else:
        tabular = request.getfixturevalue("nb201").evaluator(f"{task}_val_200")
    runs = searches(Bayesian, tabular, seeds=range(20))
    assert median(one.cost_to_rank(1) or 101 for one in runs) <= goal
    assert max(one.queries[-1].rank for one in runs) == 1


@pytest.fixture
def valid_nets(nb201_table):
    """The networks without unreachable operations, and their published proxies."""
    benchmark = read_table(nb201_table, catalog.space("nb201"), where="is_valid_net")
    return benchmark, ProxyTable.from_benchmark(benchmark, ["c10_zc_*"])


@pytest.mark.parametrize(("task", "goal"), [("c10", 94.36), ("c100", 73.5), ("in16", 46.4)])
def test_robot_reaches_what_is_published_in_20_queries(valid_nets, task, goal):
    benchmark, proxies = valid_nets
    signal, test = benchmark.evaluator(f"{task}_val_12"), f"{task}_test_200"
    for one in searches(RoBoT, signal, 20, proxies=proxies):
        assert benchmark.evaluator(test)(one.recommended)[test] >= goal


@pytest.mark.parametrize(("task", "goal"), [("c10", 20), ("c100", 25), ("in16", 60)])
def test_proxies_find_the_best_sooner(valid_nets, task, goal):
    benchmark, proxies = valid_nets
    tabular = benchmark.evaluator(f"{task}_val_200")
    runs = searches(RoBoT, tabular, seeds=range(20), proxies=proxies, trust=0, n_initial=3)
    assert median(one.cost_to_rank(1) or 101 for one in runs) <= goal
    assert max(one.queries[-1].rank for one in runs) <= 10


@pytest.mark.parametrize("dataset", ["cora", "arxiv"])
def test_beats_random_search_on_nas_bench_graph(dataset):
    tabular = catalog.benchmark(f"nas-bench-graph/{dataset}").evaluator()
    ours, random = searches(Bayesian, tabular), searches(RandomSearch, tabular)
    for n_queries in (30, 50, 100):
        assert median_regret(ours, n_queries) < median_regret(random, n_queries), n_queries


@pytest.mark.parametrize("task", ["c10", "c100"])
def test_short_trainings_save_half_the_epochs(nb201, task):
    full, fidelities = f"{task}_val_200", {f"{task}_val_12": 12, f"{task}_val_200": 200}
    both = nb201.evaluator(Goal.parse(full, fidelities=fidelities))
    candidates = FixedCandidates(nb201.space, nb201.X)
    bests = []
    for seed in SEEDS:
        strategy = FidelityBayesian(nb201.space, both.goal, candidates=candidates, seed=seed)
        bests.append(run(strategy, both, budget=1300).best[1])
    alone = searches(Bayesian, nb201.evaluator(full), 13)
    assert median(bests) >= median(one.queries[-1].best for one in alone)


COSTS = ["c10_hw_raspi4_latency", "c10_hw_edgegpu_energy"]


@pytest.mark.parametrize("cost", COSTS)
def test_finds_99_percent_of_the_hypervolume_in_100_queries(nb201, cost):
    tabular = nb201.evaluator(f"c10_val_200,-{cost}")
    strategies = (Bayesian, RandomSearch, NSGA2, GuidedEvolution)
    found = {
        strategy: median_share(searches(strategy, tabular, q=5), 100) for strategy in strategies
    }
    assert found[Bayesian] >= 0.99
    assert found[Bayesian] > max(found[RandomSearch], found[NSGA2])


def test_fidelities_objectives_and_bounds_together_beat_each_without_the_others(nb201):
    """At the cost of 15 full trainings, asked four at a time."""
    latency, energy = COSTS
    wanted = {"objectives": f"c10_val_200,-{latency}", "subject_to": [f"{energy}<=15"]}
    full = nb201.evaluator(Goal.parse(**wanted))
    both = nb201.evaluator(
        Goal.parse(
            **wanted,
            fidelities={"c10_val_12": 12, "c10_val_200": 200},
            independent=[latency, energy],
        )
    )
    with_short = median_share(searches(FidelityBayesian, both, 15, q=4), 15 * 200)
    for strategy in (Bayesian, NSGA2):
        assert with_short > median_share(searches(strategy, full, 15, q=4), 15), strategy


def test_lists_and_encodes_all_of_nas_bench_101():
    space = catalog.space("nb101")
    X = space.enumerate(dtype=torch.float32)
    assert len(X) == 423_624
    features = catalog.encoding("path", space)(X)
    assert features.shape == (423_624, 364)
    # A cell is told from others by its paths and its shape together; many share their paths.
    assert 1_000 < len(features.unique(dim=0)) < 423_624
