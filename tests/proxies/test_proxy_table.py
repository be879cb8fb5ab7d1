"""Tables of proxies against brute force."""

import json

import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from archbo.benchmarks import Benchmark, read_table
from archbo.errors import DataError
from archbo.proxies import ProxyTable, read_suite_zero
from archbo.spaces import DartsSpace, EdgeCellSpace, NodeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
CONV = NB201.op_names.index("nor_conv_3x3")


def conv_count(X):
    return (X == CONV).sum(-1, keepdim=True).double()


@pytest.fixture(scope="module")
def canonical():
    """Scores of canonical cells alone: how many convolutions count."""
    X = NB201.enumerate()
    X = X[(NB201.canonical(X) == X).all(-1)]
    return ProxyTable(NB201, X, torch.cat([conv_count(X), -conv_count(X)], -1), ["many", "few"])


def test_an_architecture_without_scores_takes_its_canonical_twins(canonical):
    X = NB201.sample(300, generator=torch.Generator().manual_seed(0))
    twins = NB201.canonical(X)
    assert not X.equal(twins)
    assert len(canonical) < len(NB201.enumerate())
    assert canonical.scores(X)[:, :1].equal(conv_count(twins))
    assert canonical.ranks(X).equal(canonical.ranks(twins))


def test_own_scores_come_before_the_twins():
    X = NB201.rows(
        ["(2, 1, 1, 1, 1, 1)", "(1, 1, 1, 1, 1, 1)"]
    )  # nothing reaches the output of either
    assert NB201.keys(X)[0] == NB201.keys(X)[1]
    for order in ([0, 1], [1, 0]):
        table = ProxyTable(NB201, X[order], torch.tensor([[5.0], [7.0]])[order], ["a"])
        assert table.scores(X).flatten().tolist() == [5.0, 7.0]


def test_ranks_keep_the_order_and_fill_the_interval(canonical):
    X = NB201.sample(300, generator=torch.Generator().manual_seed(1))
    scores, ranks = canonical.scores(X), canonical.ranks(X)
    for proxy in range(2):
        assert spearmanr(scores[:, proxy], ranks[:, proxy]).statistic == pytest.approx(1)
    assert ranks.abs().max() <= 1
    distinct = ProxyTable(NB201, X[:5].unique(dim=0), torch.arange(5.0).unsqueeze(-1), ["a"])
    assert distinct.ranks(distinct.X).flatten().tolist() == [-1, -0.5, 0, 0.5, 1]


@pytest.mark.parametrize("failure", [torch.nan, torch.inf, -torch.inf])
def test_failures_are_kept_and_rank_lowest(failure):
    X = NB201.distinct(
        NB201.canonical(NB201.sample(9, generator=torch.Generator().manual_seed(2)))
    )[:4]
    scores = torch.tensor([[1.0, 0.0], [failure, 0.0], [-1e8, 0.0], [2.0, 0.0]])
    table = ProxyTable(NB201, X, scores, ["a", "b"])
    torch.testing.assert_close(table.scores(X)[:, 0].float(), scores[:, 0], equal_nan=True)
    assert table.ranks(X)[:, 0].argsort().tolist() == [1, 2, 0, 3]


def test_what_is_in_no_table_is_named(canonical):
    table = ProxyTable(NB201, canonical.X[-1:], torch.ones(1, 1), ["a"])
    with pytest.raises(DataError, match=r"none~0.*has no scores by a, and neither has"):
        table.scores(torch.zeros(1, 6))
    with pytest.raises(DataError, match="no architecture of nb201 has a score by a, b"):
        ProxyTable(NB201, canonical.X[:1], torch.full((1, 2), torch.nan), ["a", "b"])
    with pytest.raises(
        DataError, match=r"1 architectures and 2 proxies, but scores of shape \(1, 1\)"
    ):
        ProxyTable(NB201, canonical.X[:1], torch.ones(1, 1), ["a", "b"])


def test_columns_are_taken_by_pattern_once_each():
    X = NB201.enumerate()[:3]
    metrics = pd.DataFrame({"acc": [1.0, 2, 3], "zc_a": [1.0, 2, 3], "zc_b": [3.0, 2, 1]})
    benchmark = Benchmark("b", NB201, X, metrics, None, "a test")
    table = ProxyTable.from_benchmark(benchmark, ["zc_b", "zc_*"])
    assert table.names == ("zc_b", "zc_a")
    assert table.scores(X).tolist() == [[3, 1], [2, 2], [1, 3]]
    with pytest.raises(
        DataError, match=r"no numeric column 'zero\*' for a proxy; it has acc, zc_a"
    ):
        ProxyTable.from_benchmark(benchmark, ["zero*"])


def test_published_scores_cover_the_whole_space(nb201_table):
    """They are of the nets without unreachable operations; every other one has its twin among these."""
    benchmark = read_table(nb201_table, NB201)
    table = ProxyTable.from_benchmark(benchmark, ["c10_zc_*"])
    assert len(table) == 9445
    assert len(table.names) == 13
    params = table.names.index("c10_zc_params")
    assert table.scores(benchmark.X)[:, params].min() > 0
    assert spearmanr(
        table.scores(table.X)[:, params], table.ranks(table.X)[:, params]
    ).statistic == pytest.approx(1)


def test_suite_zero_files_are_read(tmp_path):
    score = {"score": 1.5, "time": 0.1}
    content = {
        "cifar10": {
            "(4, 3, 3, 0, 0, 0)": {
                "synflow": score,
                "nwot": {"score": -3, "time": 1},
                "val_accuracy": 90,
            },
            "(2, 1, 1, 1, 1, 2)": {
                "synflow": {"score": float("inf"), "time": 0},
                "val_accuracy": 10,
            },
        }
    }
    file = tmp_path / "zc_nasbench201.json"
    file.write_text(json.dumps(content))
    table = read_suite_zero(file, NB201, "cifar10")
    assert table.names == ("synflow", "nwot")
    assert table.scores(NB201.rows(["(4, 3, 3, 0, 0, 0)"])).tolist() == [[1.5, -3.0]]
    assert table.scores(NB201.rows(["(2, 1, 1, 1, 1, 2)"]))[0].isfinite().tolist() == [False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "as JSON"),
        ("[]", "no dataset 'cifar10'; it has none"),
        ('{"svhn": {}}', "no dataset 'cifar10'; it has svhn"),
        ('{"cifar10": {}}', "holds no architecture of 'cifar10'"),
        (
            '{"cifar10": {"(9, 0)": {"a": {"score": 1}}}}',
            r"cifar10, \(9, 0\): malformed digit tuple",
        ),
        (
            '{"cifar10": {"(4, 3, 3, 0, 0, 0)": {"a": {"time": 1}}}}',
            r"\(4, 3, 3, 0, 0, 0\): 'score'",
        ),
    ],
)
def test_other_files_are_refused_in_a_line_that_helps(tmp_path, text, message):
    file = tmp_path / "zc.json"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_suite_zero(file, NB201, "cifar10")


@pytest.mark.parametrize(
    ("space", "key", "text"),
    [
        (
            NodeCellSpace.nas_bench_101(),
            "(0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 2, 1)",
            "110000100001000000000:input|conv3x3-bn-relu|maxpool3x3|output",
        ),
        (
            DartsSpace.nas_bench_301(),
            "(((0, 1), (1, 3), (0, 6), (2, 1), (1, 2), (3, 4), (0, 0), (2, 5)), "
            "((0, 4), (1, 2), (0, 1), (1, 0), (1, 6), (2, 3), (3, 5), (4, 2)))",
            "Genotype(normal=[('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('dil_conv_5x5', 0), "
            "('avg_pool_3x3', 2), ('skip_connect', 1), ('sep_conv_5x5', 3), ('max_pool_3x3', 0), "
            "('dil_conv_3x3', 2)], normal_concat=range(2, 6), reduce=[('sep_conv_5x5', 0), "
            "('skip_connect', 1), ('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('dil_conv_5x5', 1), "
            "('sep_conv_3x3', 2), ('dil_conv_3x3', 3), ('skip_connect', 4)], reduce_concat=range(2, 6))",
        ),
    ],
    ids=["nb101", "nas-bench-301"],
)
def test_suite_zero_files_of_other_spaces_are_read(tmp_path, space, key, text):
    content = {"cifar10": {key: {"snip": {"score": 2.5, "time": 0.1}}}}
    file = tmp_path / "zc.json"
    file.write_text(json.dumps(content))
    table = read_suite_zero(file, space)
    assert [str(arch) for arch in space.archs(table.X)] == [text]
    assert table.scores(space.rows([text])).tolist() == [[2.5]]


@pytest.mark.parametrize("name", ["cell", "arch_str", "arch"])
def test_scores_are_read_beside_texts_whatever_their_columns_are_called(tmp_path, name):
    cells = ["(4, 3, 3, 0, 0, 0)", "(2, 1, 1, 1, 1, 2)"]
    frame = pd.DataFrame({"author": ["a", "b"], name: cells, "snip": [1.0, 2.0], "note": ["", "x"]})
    frame.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    table = ProxyTable.read(tmp_path / "t.tsv", NB201)
    assert table.names == ("snip",)
    assert table.scores(NB201.rows(cells)).flatten().tolist() == [1, 2]
    again = ProxyTable.read(tmp_path / "t.tsv", NB201, arch_column=name)
    assert again.same_as(table)


def test_files_without_architectures_or_scores_are_refused(tmp_path):
    frame = pd.DataFrame({"arch_str": ["(4, 3, 3, 0, 0, 0)"], "note": ["x"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="no column of numbers beside the architectures"):
        ProxyTable.read(tmp_path / "t.csv", NB201)
    frame.drop(columns="arch_str").to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=r"no column 'arch_str' of architectures, nor 'op_0_1'"):
        ProxyTable.read(tmp_path / "t.csv", NB201)
