"""Tables as people have them: words for nothing, failed and repeated runs, and files of every make."""

import gzip
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from archbo.benchmarks import is_table, read_frame, read_table
from archbo.bo_loop import RandomSearch, run
from archbo.errors import DataError, DataWarning
from archbo.goals import Goal
from archbo.log import Log
from archbo.spaces import CategoricalSpace, EdgeCellSpace, NodeCellSpace

WIDTHS = CategoricalSpace("widths", {"width": [8, 16, 32]})


@pytest.fixture
def written(tmp_path):
    def write(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


# Cells.


def test_words_for_nothing_are_choices_and_only_an_empty_cell_is_missing(written):
    words = ["None", "NA", "null", "nan", "ReLU"]
    space = CategoricalSpace("s", {"act": words, "width": [8, 16]})
    rows = [f"{word},{width}" for word in words for width in (8, 16)]
    path = written("\n".join(["act,width,accuracy", *(f"{row},{n}" for n, row in enumerate(rows))]))
    assert read_table(path, space).X.equal(space.enumerate())
    past = Log.from_past(read_frame(path, ["act"]), space, Goal.parse("accuracy"))
    assert past.rows().equal(space.enumerate())
    path = written("act,width,accuracy\nReLU,8,1\n,16,2\n")
    message = "row 2: no choice in column 'act'; s has None, NA, .*'not active'"
    with pytest.raises(DataError, match=message):
        read_table(path, space)


def test_texts_that_look_like_numbers_stay_texts(written):
    space = CategoricalSpace("s", {"lr": ["1e-3", "0.001", "01", "1"]})
    path = written("lr,accuracy\n0.001,2\n1e-3,1\n1,4\n01,3\n")
    assert read_table(path, space).X.flatten().tolist() == [1, 0, 3, 2]


def test_numbers_are_compared_as_numbers_in_the_columns_precision(tmp_path):
    space = CategoricalSpace("s", {"lr": [0.1, 0.01], "dropout": [0.0, 0.5]})
    frame = pd.DataFrame({"lr": np.float32([0.1, 0.01]), "dropout": np.float16([0, 0.5])})
    frame.assign(accuracy=[1.0, 2.0]).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", space).X.tolist() == [[0, 0], [1, 1]]
    assert space.parse("lr=0.10,dropout=0.0") == (0, 0)
    assert WIDTHS.parse("width=8.0") == (0,)


@pytest.mark.parametrize("choice", ["not active", None])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("values", "cells"), [([0.0, 0.9], [0.0, 0.9, None]), (["a", "NA"], ["a", "NA", None])]
)
def test_an_empty_cell_is_the_choice_that_is_not_active(tmp_path, choice, ending, values, cells):
    space = CategoricalSpace("s", {"optimizer": ["sgd", "adam"], "momentum": [*values, choice]})
    frame = pd.DataFrame({"optimizer": ["sgd", "sgd", "adam"], "momentum": cells, "acc": [1, 2, 3]})
    path = tmp_path / f"t.{ending}"
    (frame.to_csv if ending == "csv" else frame.to_parquet)(path, index=False)
    assert read_table(path, space).X.tolist() == [[0, 0], [0, 1], [1, 2]]
    narrow = CategoricalSpace("s", {"optimizer": ["sgd", "adam"], "momentum": values})
    with pytest.raises(DataError, match=r"row 3: no choice in column 'momentum'.*'not active'"):
        read_table(path, narrow)


# Rows.


def test_failed_runs_are_failures_and_repeated_ones_replicates(written):
    path = written("width,accuracy\n8,70\n16,\n32,90\n32,91\n32,\n")
    with pytest.warns(DataWarning, match="5 rows are measurements of 3 architectures"):
        benchmark = read_table(path, WIDTHS)
    assert benchmark.noise == {"accuracy": pytest.approx(math.sqrt(0.5))}
    tabular = benchmark.evaluator()
    assert tabular("width=32") == {"accuracy": 90.5}
    assert (tabular.best, tabular.rank(70), len(tabular)) == (90.5, 2, 3)
    log = run(RandomSearch(WIDTHS, tabular.goal, seed=0), tabular, 3)
    assert (log.n_told, log.n_failed) == (2, 1)
    assert str(log.best[0]) == "width=32"


def test_a_front_and_its_reference_are_those_of_runs_that_did_not_fail(written):
    path = written("width,a,b\n8,1,3\n16,,9\n32,2,1\n")
    tabular = read_table(path, WIDTHS).evaluator("a,b")
    assert tabular.reference.tolist() == [1, 1]
    assert tabular.front.tolist() == [0, 2]
    with pytest.raises(DataError, match="no row of table has values of all of a, b"):
        read_table(written("width,a,b\n8,1,\n16,,9\n"), WIDTHS).evaluator("a,b")


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        (["1", "0", "1"], [0, 2]),
        (["1.0", "0.0", ""], [0]),
        (["True", "", "False"], [0]),
        (["true", "no", "YES"], [0, 2]),
    ],
)
def test_flags_of_any_type_keep_rows(written, flags, kept):
    rows = [f"{w},{flag},{w}" for w, flag in zip((8, 16, 32), flags, strict=True)]
    path = written("\n".join(["width,ok,accuracy", *rows]))
    assert read_table(path, WIDTHS, where="ok").X.flatten().tolist() == kept


def test_nullable_flags_keep_rows(tmp_path):
    flags = pd.array([True, None, False], dtype="boolean")
    frame = pd.DataFrame({"width": [8, 16, 32], "ok": flags, "accuracy": [1.0, 2, 3]})
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", WIDTHS, where="ok").X.tolist() == [[0]]


def test_isomorphic_cells_of_nas_bench_101_are_repeated_measurements(nb101_table):
    """500 rows are 292 cells."""
    with pytest.warns(DataWarning, match="500 rows are measurements of 292 architectures"):
        benchmark = read_table(nb101_table, NodeCellSpace.nas_bench_101())
    assert len(benchmark) == 292
    frame = pd.read_parquet(nb101_table)
    squares = frame.groupby("canonical_str")["val_acc"].var(ddof=0) * frame.value_counts(
        "canonical_str"
    )
    assert benchmark.noise["val_acc"] == pytest.approx((squares.sum() / 208) ** 0.5, rel=1e-4)


# Files.

PLAIN = "width,accuracy,note\n8,70.5,a\n16,80.5,b;c\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.CSV", PLAIN.encode()),
        ("t.csv", PLAIN.encode("utf-16")),
        ("t.csv", PLAIN.encode("utf-8-sig")),
        ("t.csv", b"width;accuracy;note\n8;70.5;a\n16;80.5;b,c\n"),
        ("t.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)),
        ("t.tsv", b"width\taccuracy\tnote\n8\t70.5\ta\n16\t80.5\tb,c\n"),
        ("t.TSV.GZ", gzip.compress(b"width\taccuracy\n8\t70.5\n16\t80.5\n", mtime=0)),
    ],
)
def test_files_of_every_make_are_read(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert is_table(name)
    benchmark = read_table(tmp_path / name, WIDTHS)
    assert benchmark.X.tolist() == [[0], [1]]
    assert benchmark.values("accuracy").flatten().tolist() == [70.5, 80.5]


def test_a_row_of_a_frame_with_an_index_of_its_own_is_named_by_its_place(tmp_path):
    frame = pd.DataFrame({"width": [8, 17], "accuracy": [1.0, 2]}, index=["first", "second"])
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="row 2: unknown choice '17'"):
        read_table(tmp_path / "t.parquet", WIDTHS)


def test_times_are_in_seconds_and_numbers_of_every_make_are_metrics(tmp_path):
    frame = pd.DataFrame(
        {
            "width": [8, 16],
            "time": pd.to_timedelta([90, 30], unit="s"),
            "maybe": pd.array([1, None], dtype="Int64"),
            "exact": [Decimal("1.5"), Decimal("2.5")],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    benchmark = read_table(tmp_path / "t.parquet", WIDTHS)
    assert benchmark.values("time").flatten().tolist() == [90, 30]
    assert benchmark.measured("maybe")[:, 0].nan_to_num(-1).tolist() == [1, -1]
    assert benchmark.values("exact").flatten().tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["70", "71.2%"], "its row 2 is '71.2%', no number"),
        (["failed", "71"], "its row 1 is 'failed', no number"),
    ],
)
def test_columns_that_are_no_numbers_are_told_why(written, cells, why):
    rows = [f"{w},{cell}" for w, cell in zip((8, 16), cells, strict=True)]
    benchmark = read_table(written("\n".join(["width,acc", *rows])), WIDTHS)
    with pytest.raises(DataError, match=rf"no numeric column 'acc' \({why}\); it has none$"):
        benchmark.evaluator("acc")
    with pytest.raises(
        DataError, match=rf"no numeric column; beside the architectures it has acc \({why}\)$"
    ):
        benchmark.evaluator()


def test_numbers_that_are_stored_as_text_are_told_so(tmp_path):
    frame = pd.DataFrame({"width": [8, 16], "bits": ["010", "110"]})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        DataError, match=r"'bits' \(its numbers are stored as text, such as '010'\)"
    ):
        read_table(tmp_path / "t.parquet", WIDTHS).evaluator("bits")


# The numbers of NAS-Bench-201.

OFFICIAL = {
    0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    9: "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
    123: "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
}
"""Cells that the authors' own code asserts (exps/NAS-Bench-201/main.py of AutoDL-Projects)."""


def test_tables_are_read_by_the_official_numbers_of_nas_bench_201(written):
    space = EdgeCellSpace.nas_bench_201()
    path = written("index,latency\n" + "\n".join(f"{index},{index}" for index in OFFICIAL))
    benchmark = read_table(path, space, arch_column="index")
    assert [str(arch) for arch in space.archs(benchmark.X)] == list(OFFICIAL.values())
    assert list(benchmark.metrics) == ["latency"]
    with pytest.raises(DataError, match=r"row 2: there is no architecture 15625; .* 0 to 15,624"):
        read_table(written("index,latency\n3,1\n15625,2\n"), space, arch_column="index")
    with pytest.raises(DataError, match=r"row 1: (cannot read|malformed)"):
        read_table(path, EdgeCellSpace.trans_nas_micro(), arch_column="index")


def test_the_official_order_is_that_of_published_tables(nb201_table):
    space = EdgeCellSpace.nas_bench_201()
    frame = pd.read_parquet(nb201_table, columns=["arch_index", "arch_str"])
    assert space.official_order[frame["arch_index"].tolist()].equal(
        space.rows(list(frame["arch_str"]))
    )
    assert space.official_order.unique(dim=0).shape == (15625, 6)
