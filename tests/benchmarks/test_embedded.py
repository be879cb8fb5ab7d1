"""The benchmarks that come with the installation."""

import pickle
import subprocess
import sys

import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from archbo import catalog
from archbo.benchmarks import NAS_BENCH_GRAPH_DATASETS, analog_nas_bench, nas_bench_graph
from archbo.errors import DataError, UsageError


@pytest.fixture(scope="module")
def analog():
    return analog_nas_bench()


def test_analog_table_is_the_whole_of_nas_bench_201(analog):
    assert len(analog) == 15_625 == analog.space.size
    assert len(analog.space.row_keys(analog.X).unique()) == 15_625
    assert analog.default_objective == "baseline_accuracy"
    assert analog.metrics["baseline_accuracy"].between(0, 100).all()
    assert len(analog.metrics.columns) == len(set(analog.metrics.columns))


def test_analog_architectures_match_the_published_accuracies(analog, nb201_table):
    table = pd.read_parquet(nb201_table, columns=["arch_str", "c10_test_200"])
    rows = analog.rows_of(table["arch_str"].tolist())
    ours = analog.values("baseline_accuracy").flatten()[rows]
    assert spearmanr(ours, table["c10_test_200"]).statistic > 0.98
    # The best accuracy published for a cell on CIFAR-10 is 94.37 (arXiv 2001.00326).
    assert analog.evaluator().best == pytest.approx(94.37, abs=0.5)


@pytest.mark.parametrize("dataset", NAS_BENCH_GRAPH_DATASETS)
def test_graph_tables_hold_their_space(dataset):
    benchmark = nas_bench_graph(dataset)
    assert len(benchmark) == (2_021 if dataset == "proteins" else 26_206)
    assert list(benchmark.metrics) == ["valid_perf", "perf", "latency", "para"]
    assert benchmark.metrics[["valid_perf", "perf"]].stack().between(0, 1).all()
    assert (benchmark.metrics["latency"] > 0).all()
    assert benchmark.space.is_valid(benchmark.X).all()
    assert len(set(benchmark.space.ids(benchmark.X))) == len(benchmark)


@pytest.mark.parametrize("name", ["nb201", "nas-bench-graph/cora", "nas-bench-graph/proteins"])
def test_objective_is_the_column(name):
    benchmark = catalog.benchmark(name)
    assert benchmark.name == name
    tabular, column = benchmark.evaluator(), benchmark.default_objective
    picked = torch.randperm(len(benchmark), generator=torch.Generator().manual_seed(0))[:20]
    for index in picked.tolist():
        arch = benchmark.space.archs(benchmark.X[index : index + 1])[0]
        value = benchmark.metrics[column].iloc[index]
        assert tabular(arch) == tabular(str(arch)) == {column: value}
    assert tabular(tabular.argbest())[column] == tabular.best == benchmark.metrics[column].max()


def test_the_packages_of_the_tables_are_not_imported():
    code = (
        "import sys; from archbo.benchmarks import analog_nas_bench, nas_bench_graph;"
        "analog_nas_bench(); nas_bench_graph('proteins');"
        "print([m for m in sys.modules if m.split('.')[0] in ('analognasbench', 'nas_bench_graph')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_unknown_dataset_is_refused():
    with pytest.raises(UsageError, match=r"unknown dataset 'coral'; .* cora"):
        nas_bench_graph("coral")


@pytest.mark.parametrize(
    "content", [{}, {(0, 0, 0, 0, 0, 0): 3}, {"a": {"b": "c"}}, [1, 2], 7, None, {1: None}]
)
@pytest.mark.parametrize("read", [analog_nas_bench, lambda path: nas_bench_graph("cora", path)])
def test_pickles_of_other_data_are_refused(read, content, tmp_path):
    file = tmp_path / "other"
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match="other does not hold"):
        read(file)
