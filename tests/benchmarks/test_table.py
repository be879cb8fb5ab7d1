"""Tables in, goals on them out."""

import gzip

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archbo.benchmarks import Benchmark, read_table
from archbo.errors import DataError, DataWarning, InvalidArchitectureError
from archbo.spaces import CategoricalSpace, EdgeCellSpace, NodeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
NB101 = NodeCellSpace.nas_bench_101()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "bias": [True, False]})
FORMATS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
}
every_format = pytest.mark.parametrize("ending", FORMATS)


def cells(n=20):
    return NB201.enumerate()[torch.arange(n) * 700]


def frame(n=20, **columns):
    X = cells(n)
    values = [float(value) for value in X.sum(-1)]
    return pd.DataFrame({"arch_str": [NB201.format(row) for row in X], "value": values, **columns})


@pytest.fixture
def write(tmp_path):
    def write(table, ending="csv"):
        path = tmp_path / f"table.{ending}"
        FORMATS[ending](table, path)
        return path

    return write


@every_format
def test_table_is_read_as_written(write, ending):
    path = write(frame(note="text", count=range(20)), ending)
    benchmark = read_table(path, NB201)
    assert (benchmark.name, len(benchmark), benchmark.source) == ("table", 20, str(path))
    assert benchmark.X.equal(cells())
    assert list(benchmark.metrics) == ["value", "count"]
    assert benchmark.default_objective is None
    assert benchmark.values("value").flatten().equal(cells().sum(-1))


@every_format
def test_a_single_numeric_column_is_the_objective(write, ending):
    tabular = read_table(write(frame(), ending), NB201).evaluator()
    assert tabular.goal.metrics == ("value",)
    values = [tabular(arch)["value"] for arch in NB201.archs(cells())]
    assert values == cells().sum(-1).tolist()


def test_several_numeric_columns_want_a_name(write):
    benchmark = read_table(write(frame(other=1.0)), NB201)
    with pytest.raises(DataError, match=r"name an objective: value, other"):
        benchmark.evaluator()


@every_format
def test_where_keeps_the_true_rows(write, ending):
    keep = [row % 3 == 0 for row in range(20)]
    benchmark = read_table(write(frame(keep=keep), ending), NB201, where="keep")
    assert benchmark.X.equal(cells()[torch.tensor(keep)])
    assert benchmark.values("value").flatten().equal(cells()[torch.tensor(keep)].sum(-1))
    with pytest.raises(InvalidArchitectureError, match="is not in the table table; it holds 7"):
        benchmark.rows_of([NB201.archs(cells())[1]])


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("absent", r"no column 'absent'; it has arch_str, value, never"),
        ("value", r"column 'value' .* holds '4.0'; where takes a boolean column, or one of"),
        ("never", r"holds no rows where never is true"),
    ],
)
def test_bad_where_is_named(write, where, message):
    with pytest.raises(DataError, match=message):
        read_table(write(frame(never=False)), NB201, where=where)


def test_architectures_may_have_another_column(write):
    path = write(frame().rename(columns={"arch_str": "cell"}))
    assert len(read_table(path, NB201, arch_column="cell")) == 20
    with pytest.raises(
        DataError, match=r"no column 'arch_str' of architectures.*; it has cell, value"
    ):
        read_table(path, NB201)


@every_format
def test_a_repeated_architecture_counts_once_with_its_mean(write, ending):
    table = pd.concat([frame(), frame().iloc[[4, 4, 7]]])
    table["value"] = [*range(20), 7.0, 9.0, 8.0]
    with pytest.warns(DataWarning, match=r"23 rows are measurements of 20 architectures"):
        benchmark = read_table(write(table, ending), NB201)
    assert benchmark.X.equal(cells())
    expected = torch.arange(20.0).index_fill(0, torch.tensor([4]), 20 / 3)
    expected[7] = 7.5
    assert benchmark.values("value").flatten().tolist() == pytest.approx(expected.tolist())
    squares = np.var([4, 7, 9]) * 3 + np.var([7, 8]) * 2
    assert benchmark.noise["value"] == pytest.approx((squares / 3) ** 0.5)


def test_a_benchmark_itself_holds_each_architecture_once():
    metrics = pd.DataFrame({"value": [1.0, 2.0]})
    with pytest.raises(DataError, match=r"rows 1 and 2 are the same .*; keep one"):
        Benchmark("b", NB201, cells()[[3, 3]], metrics, None, "a test")


def test_isomorphic_cells_are_one_architecture_where_the_space_folds(write):
    first = "110000000100000000000:input|conv1x1-bn-relu|maxpool3x3|output"
    labels = ["input", "conv1x1-bn-relu", "maxpool3x3", "output"]
    twins = [
        str(([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], labels)),
        str(
            (
                [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]],
                [labels[0], labels[2], labels[1], labels[3]],
            )
        ),
    ]
    assert len({NB101.format(NB101.parse(text)) for text in twins}) == 2
    path = write(pd.DataFrame({"arch_str": twins, "value": [1.0, 2.0]}))
    with pytest.warns(DataWarning, match="2 rows are measurements of 1 architectures"):
        benchmark = read_table(path, NB101)
    assert benchmark.evaluator()(twins[1]) == {"value": 1.5}
    assert first != twins[0]


@every_format
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_bad_value_is_a_failure_and_named_where_each_is_needed(write, ending, bad):
    table = frame(good=1.0)
    table.loc[[6, 9], "value"] = bad
    benchmark = read_table(write(table, ending), NB201)
    message = r"column 'value' has no number in 2 rows, the first is row 7 .*; drop them, .* where"
    with pytest.raises(DataError, match=message) as caught:
        benchmark.values("value")
    assert table["arch_str"][6] in str(caught.value)
    assert benchmark.measured("value").isnan().flatten().nonzero().flatten().tolist() == [6, 9]
    assert benchmark.evaluator("good").best == 1.0
    tabular = benchmark.evaluator("value")
    assert np.isnan(tabular(table["arch_str"][9])["value"])
    assert (~tabular.known).nonzero().flatten().tolist() == [6, 9]
    assert tabular.best == table["value"].drop([6, 9]).max()


def test_absent_column_is_named_with_those_there_are(write):
    benchmark = read_table(write(frame(note="text")), NB201)
    for column, why in (
        ("accuracy", ""),
        ("note", r" \(its row 1 is 'text', no number\)"),
        ("op_0_1", r" \(its cells are choices of the space\)"),
        ("arch_str", ""),
    ):
        with pytest.raises(DataError, match=f"no numeric column '{column}'{why}; it has value"):
            benchmark.evaluator(column)


@every_format
@pytest.mark.parametrize("text", ["|nor_conv_5x5~0|", "", "nan", "8"])
def test_a_malformed_architecture_is_named_with_its_row(write, ending, text):
    table = frame()
    table.loc[3, "arch_str"] = text
    with pytest.raises(DataError, match=r"table.*, row 4: .*; is nb201 its space\?"):
        read_table(write(table, ending), NB201)


@pytest.mark.parametrize("space", [NB101, TOY, EdgeCellSpace.trans_nas_micro()])
def test_a_wrong_space_is_suspected(write, space):
    with pytest.raises(DataError, match=rf"row \d+: .*is {space.name} its space\?|no column"):
        read_table(write(frame(), "csv"), space)


# Categorical spaces.


def toy_frame():
    rows = [(width, bias) for width in (8, 16, 32) for bias in (True, False)]
    table = pd.DataFrame(rows, columns=["width", "bias"])
    return table.assign(value=[1.0, 2, 3, 4, 5, 6])


@every_format
@pytest.mark.parametrize("kind", [int, float, str])
def test_categorical_rows_are_read_from_their_columns(write, ending, kind):
    table = toy_frame()
    table["width"] = table["width"].map(kind)
    benchmark = read_table(write(table, ending), TOY)
    assert benchmark.X.equal(TOY.enumerate())
    assert list(benchmark.metrics) == ["value"]
    assert benchmark.evaluator()("width=16,bias=False") == {"value": 4}


def test_categorical_rows_are_read_from_text(write):
    texts = [TOY.format(row) for row in TOY.enumerate()]
    benchmark = read_table(write(pd.DataFrame({"arch_str": texts, "value": 1.0})), TOY)
    assert benchmark.X.equal(TOY.enumerate())


def test_categorical_columns_and_choices_are_checked(write):
    with pytest.raises(DataError, match=r"'bias' of the columns of space toy; it has width, value"):
        read_table(write(toy_frame().drop(columns="bias")), TOY)
    table = toy_frame()
    table.loc[2, "width"] = 17
    with pytest.raises(
        DataError, match=r"row 3: unknown choice '17' in column 'width'; .*8, 16, 32"
    ):
        read_table(write(table), TOY)


GOOD = 'kind = "categorical"\nname = "my-space"\n[columns]\nwidth = [8, 16.0]\nop = ["a", "b"]\n'


def test_space_file_is_read(tmp_path):
    (tmp_path / "space.toml").write_text(GOOD)
    space = CategoricalSpace.from_toml(tmp_path / "space.toml")
    assert (space.name, space.columns) == ("my-space", ("width", "op"))
    assert space.choice_names == (("8", "16"), ("a", "b"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind =", "type =", r'kind is None; write kind = "categorical" or'),
        ('"categorical"', '"graph"', r"kind is 'graph'; write"),
        ("[columns]", "[choices]", r"unknown key 'choices'; .* has kind, name, columns"),
        ("[8, 16.0]", "8", r"a list of choices per column"),
        ("[8, 16.0]", "[]", r"column 'width' of space 'my-space' needs distinct choices"),
        ("[8, 16.0]", "[8, 8.0]", r"column 'width' .* needs distinct choices"),
        ('"b"', '"b,c"', r"'b,c' in column 'op' .* names may not"),
        ('width = [8, 16.0]\nop = ["a", "b"]', "", r"has no columns; give at least one"),
        ("kind =", "kind", r"cannot read space file .*space.toml"),
        (GOOD, "\0", r"cannot read space file .*space.toml"),
    ],
)
def test_bad_space_files_name_place_and_remedy(tmp_path, old, new, message):
    assert old in GOOD
    path = tmp_path / "space.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(DataError, match=message):
        CategoricalSpace.from_toml(path)


def test_missing_space_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no space file .*nowhere.toml; give the path"):
        CategoricalSpace.from_toml(tmp_path / "nowhere.toml")


# Files.


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "cannot read table .*t.csv"),
        ("t.csv", b"\x00\x80", "cannot read table .*t.csv"),
        ("t.csv", b"\xff\xfe\x00", "cannot read table .*t.csv"),
        ("t.csv.gz", b"arch_str,value", "cannot read table .*t.csv.gz"),
        (
            "t.csv.gz",
            gzip.compress(b"arch_str,value", mtime=0)[:-9],
            "cannot read table .*t.csv.gz",
        ),
        ("t.csv", b"arch_str,value\n", "t.csv holds no rows$"),
        ("t.parquet", b"arch_str,value\n", "cannot read table .*t.parquet"),
        ("t.xlsx", b"", "cannot tell the format of .*t.xlsx; give a .parquet or .csv file"),
        ("t.csv", None, "no table at .*t.csv; give the path"),
    ],
)
def test_unreadable_files_are_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(tmp_path / name, NB201)
    assert len(str(caught.value).splitlines()) == 1


# Objectives.


def benchmark_of(values):
    space = CategoricalSpace("line", {"x": range(len(values))})
    metrics = pd.DataFrame({"value": [float(value) for value in values]})
    return Benchmark("line", space, space.enumerate(), metrics, "value", "a test")


# Values repeat, so that ties are common.
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.integers(-4, 4), st.booleans())
def test_rank_is_one_more_than_the_number_of_strictly_better(values, target, minimize):
    tabular = benchmark_of(values).evaluator("-value" if minimize else "value")
    sign = -1 if minimize else 1
    better = sum(sign * value > sign * target for value in values)
    assert tabular.rank(sign * target) == 1 + better
    assert tabular.rank(tabular.best_gain) == 1
    best = (min if minimize else max)(values)
    assert (tabular.best, tabular.best_gain) == (best, sign * best)
    assert tabular.argbest().row == (values.index(best),)
    assert [tabular([x])["value"] for x in range(len(values))] == values


def test_single_precision_values_keep_their_ranks(write):
    table = frame()
    table["value"] = (table["value"] / 7).astype("float32")
    tabular = read_table(write(table, "parquet"), NB201).evaluator()
    for arch in table["arch_str"]:
        value = tabular(arch)["value"]
        assert tabular.rank(value) == 1 + sum(table["value"] > value)
