"""What each surrogate reaches with its defaults on tables that it was not tuned on; hours long."""

from statistics import fmean, median

import pytest
from flexibert import flexibert

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.benchmarks import read_table
from archbo.bo_loop import Optimizer, RegularizedEvolution
from archbo.comparison import evaluate
from archbo.proxies import ProxyTable

pytestmark = pytest.mark.slow
SIZES = (78, 156, 469, 781, 1563)
SURROGATES = ("gp", "bnn-hmc", "gbdt", "gnn")
EVERYONE = (0.68, 0.75, 0.80, 0.84, 0.86)
THE_BEST = (0.75, 0.81, 0.86, 0.88, 0.90)
COMBINED = "stack-gnn"
every_surrogate = pytest.mark.parametrize("name", SURROGATES)


def scores(name, tabular, size, encoding=None):
    space = tabular.benchmark.space
    made = catalog.predictor(name, space, catalog.encoding(encoding, space) if encoding else None)
    return [evaluate(name, str(encoding), made, tabular, size, seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def accuracy(nb201_table):
    return read_table(nb201_table, catalog.space("nb201")).evaluator("c10_val_200")


@pytest.fixture(scope="module")
def found(accuracy):
    """Every surrogate at every size, fitted once."""
    names = (*SURROGATES, COMBINED)
    return {(name, size): scores(name, accuracy, size) for name in names for size in SIZES}


@every_surrogate
@pytest.mark.parametrize(("size", "least"), list(zip(SIZES, EVERYONE, strict=True)))
def test_ranks_as_well_as_its_paper(found, name, size, least):
    assert fmean(score.kendall for score in found[name, size]) >= least


@pytest.mark.parametrize(("size", "least"), list(zip(SIZES, THE_BEST, strict=True)))
def test_the_best_ranks_better_than_what_is_published_and_than_trees(found, accuracy, size, least):
    best = max(
        fmean(score.kendall for score in found[name, size]) for name in (*SURROGATES, COMBINED)
    )
    assert best >= least
    for name in ("random-forest", "xgboost"):
        for encoding in ("one-hot", "graph-features"):
            tree = fmean(s.kendall for s in scores(name, accuracy, size, encoding))
            assert best > tree, (name, encoding)


@every_surrogate
@pytest.mark.parametrize("size", SIZES)
def test_error_bars_hold_what_they_promise(found, name, size):
    assert 0.80 <= fmean(score.coverage_of_best for score in found[name, size]) <= 0.97


@pytest.fixture(
    scope="module", params=["nas-bench-graph/cora", "nas-bench-graph/arxiv", "flexibert"]
)
def elsewhere(request, tmp_path_factory):
    if request.param != "flexibert":
        return catalog.benchmark(request.param).evaluator()
    space, table = flexibert(request.getfixturevalue("flexibert_table"))
    path = tmp_path_factory.mktemp("flexibert") / "flexibert.parquet"
    table.to_parquet(path)
    return read_table(path, space).evaluator("score_glue")


@every_surrogate
@pytest.mark.filterwarnings(
    "ignore::archbo.errors.NumericalWarning"
)  # chains may say that they disagree
def test_defaults_hold_up_elsewhere(name, elsewhere):
    """On other spaces and tasks: no worse than a random forest on one-hot rows, and honest."""
    ours = scores(name, elsewhere, 156)
    forest = scores("random-forest", elsewhere, 156, "one-hot")
    assert fmean(s.kendall for s in ours) > fmean(s.kendall for s in forest)
    assert 0.80 <= fmean(score.coverage for score in ours) <= 0.98


def regrets(make, tabular):
    """How far the best so far is from the table's best after 1 to 100 queries, median of ten searches."""
    candidates = FixedCandidates(tabular.benchmark.space, tabular.benchmark.X)
    found = []
    for seed in range(10):
        optimizer, curve = Optimizer(make(candidates, seed)), []
        # Once the best is found nothing changes any more.
        while len(curve) < 100 and (not curve or curve[-1] > 0):
            archs = optimizer.ask()
            optimizer.tell(archs, [tabular(arch) for arch in archs])
            curve.append(tabular.best - optimizer.log.best[1])
        found.append(curve + [0.0] * (100 - len(curve)))
    return [median(column) for column in zip(*found, strict=True)]


@every_surrogate
@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
def test_searches_better_than_evolution(accuracy, name):
    space, goal = accuracy.benchmark.space, accuracy.goal
    ours = regrets(
        lambda candidates, seed: catalog.bayesian(
            space, goal, name, candidates=candidates, seed=seed
        ),
        accuracy,
    )
    evolution = regrets(
        lambda candidates, seed: RegularizedEvolution(
            space, goal, candidates=candidates, seed=seed
        ),
        accuracy,
    )
    assert all(a < b for a, b in zip(ours[49:], evolution[49:], strict=True))
    assert ours[-1] == 0


# With zero-cost proxies, on cells without unreachable operations.

WITH_PROXIES = (0.82, 0.85, 0.875, 0.89, 0.905)
MIXED = (0.74, 0.78, 0.82, 0.84, 0.86)
SEEN = "graph-features+zero-cost"


@pytest.fixture(scope="module")
def valid(nb201_table):
    space = catalog.space("nb201")
    return read_table(nb201_table, space, where="is_valid_net").evaluator("c10_val_200")


def kendall(name, tabular, size, proxies, encoding=SEEN):
    space = tabular.benchmark.space
    made = catalog.predictor(name, space, catalog.encoding(encoding, space, proxies))
    return fmean(
        evaluate(name, encoding, made, tabular, size, seed=seed).kendall for seed in range(3)
    )


@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
@pytest.mark.parametrize(("size", "least"), list(zip(SIZES, WITH_PROXIES, strict=True)))
def test_proxies_help_and_archbos_own_are_as_good_as_published_ones(valid, size, least):
    published = ProxyTable.from_benchmark(valid.benchmark, ["c10_zc_*"])
    best, own = (
        max(kendall(name, valid, size, proxies) for name in ("gnn", "bnn-hmc"))
        for proxies in (published, None)
    )
    assert best >= least
    assert own >= best - 0.01
    assert best > kendall("xgboost", valid, size, published)


@pytest.mark.parametrize(("size", "least"), list(zip(SIZES, MIXED, strict=True)))
def test_mixers_rank_better_than_their_paper(valid, size, least):
    assert kendall("mixer", valid, size, None, "graph-features") >= least


# Latencies of a new device, those of the nine that papers take being known (arXiv 2106.08630).

KNOWN = (
    *("1080ti_1", "1080ti_32", "1080ti_256", "silver_4114", "silver_4210r"),
    *("samsung_a50", "pixel3", "essential_ph_1", "samsung_s7"),
)


def test_known_devices_tell_the_latency_of_new_ones(latency_table):
    space = catalog.space("nb201")
    benchmark = read_table(latency_table, space)
    known = ProxyTable.from_benchmark(benchmark, [f"lat_{device}" for device in KNOWN])
    with_them, without = (
        catalog.predictor("proxy-gp", space, None, known),
        catalog.predictor("gp", space),
    )
    for size, least in ((10, 0.93), (20, 0.95)):
        found = {
            predictor: fmean(
                evaluate(
                    "", "", predictor, benchmark.evaluator(f"lat_{device}"), size, seed=seed
                ).spearman
                for device in ("raspi4", "eyeriss", "fpga")
                for seed in range(2)
            )
            for predictor in (with_them, without)
        }
        assert found[with_them] >= least
        assert found[with_them] > found[without] + 0.05
