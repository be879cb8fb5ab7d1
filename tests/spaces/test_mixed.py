"""Mixed spaces against brute force: keys, what does not count, draws, texts, contents, files."""

import json
import math
import pickle
from itertools import product

import pandas as pd
import pytest
import torch
from scipy.stats import kstest

import archbo
from archbo import Goal, Log
from archbo.encodings import default_encoding
from archbo.errors import DataError, DataWarning, InvalidArchitectureError
from archbo.randomness import generator
from archbo.spaces import (
    CategoricalSpace,
    Choice,
    Integer,
    MixedSpace,
    Ordered,
    Real,
    file_content,
    read_space,
    space_of,
)
from archbo.spaces.frames import rows_of_frame, text_columns

TINY = MixedSpace(
    "tiny",
    {
        "bias": {"values": ["yes", "no"], "active_if": {"kernel": [3, 5]}},
        "op": ["conv", "pool", "skip"],
        "kernel": Ordered([1, 3, 5], active_if={"op": ["conv"]}),
        "depth": Integer(1, 3, active_if={"op": ["conv", "pool"]}),
        "rate": Real(0.5, 2, log=True),
    },
)
ALL = torch.tensor(
    [
        [*finite, rate]
        for finite in product(*map(range, (2, 3, 3, 3)))
        for rate in (0.5, 0.1 + 0.2, 2)
    ]
)[:, [0, 1, 2, 3, 4]].double()
ALL[:, 4] = torch.tensor([0.5, 1.0, 2.0], dtype=torch.double).repeat(len(ALL) // 3)


def meaning(row):
    """What a row means, by hand."""
    bias, op, kernel, depth, rate = row
    return (
        op,
        kernel if op == 0 else None,
        bias if op == 0 and kernel > 0 else None,
        depth if op < 2 else None,
        rate,
    )


def test_keys_and_encodings_are_equal_iff_meanings_are():
    meanings = list(map(meaning, ALL.tolist()))
    ids, settled = TINY.ids(ALL), TINY.canonical(ALL)
    features = list(map(tuple, default_encoding(TINY)(ALL).tolist()))
    texts = list(map(TINY.format, ALL.tolist()))
    rows = list(map(tuple, settled.tolist()))
    for these in (ids, rows, features, texts, TINY.archs(ALL)):
        partners: dict[object, object] = {}
        for found, wanted in zip(these, meanings, strict=True):
            assert partners.setdefault(found, wanted) == wanted
        assert len(partners) == len(set(meanings))
    assert TINY.is_valid(ALL).all()
    assert TINY.distinct(ALL).shape == (len(set(meanings)), 5)
    assert [meaning(row) for row in settled.tolist()] == meanings


def test_zero_with_a_sign_is_zero_and_the_next_double_is_another():
    space = MixedSpace("s", {"a": Real(-1, 1)})
    X = torch.tensor([[0.0], [-0.0], [5e-324], [0.1 + 0.2], [0.3]], dtype=torch.double)
    assert len(set(space.ids(X))) == 4
    assert space.ids(X)[0] == space.ids(X)[1]


def test_draws_are_inside_and_uniform_on_their_scale():
    X = TINY.sample(4000, generator=generator(0))
    assert TINY.settled(X).equal(X)
    assert kstest(X[:, 4].log() / math.log(2), "uniform", (-1, 2)).pvalue > 0.01
    linear = Real(-3, 5).draw(4000, generator=generator(1))
    assert kstest(linear, "uniform", (-3, 8)).pvalue > 0.01
    assert linear.min() >= -3
    assert linear.max() <= 5
    rate = Real(1e-4, 1, log=True)
    assert kstest(rate.draw(4000, generator=generator(2)).log10(), "uniform", (-4, 4)).pvalue > 0.01


def test_integers_on_a_logarithmic_scale_have_the_share_of_what_is_rounded_to_them():
    integer = Integer(1, 20, log=True)
    cells = integer.draw(20_000, generator=generator(0))
    edges = [math.log(k + 0.5) for k in range(21)]
    wanted = torch.tensor(edges).diff() / (edges[-1] - edges[0])
    shares = cells.long().bincount(minlength=20) / len(cells)
    assert shares.allclose(wanted, atol=0.015)


@pytest.mark.parametrize(
    "decision",
    [Integer(1, 200), Integer(1, 200, log=True), Real(1e-4, 1, log=True), Ordered(range(9))],
    ids=repr,
)
def test_moves_lead_elsewhere_inside_and_mostly_near(decision):
    start = decision.draw(5000, generator=generator(0)).double()
    end = decision.moved(start, torch.rand(5000, generator=generator(1)))
    assert (end != start).all()
    first, last = decision.limits
    assert ((end >= first) & (end <= last)).all()
    steps = (decision.position(end) - decision.position(start)).abs()
    assert steps.median() < 0.15
    assert steps.max() > 0.3
    # Near one end one moves to the other side as well.
    ends = torch.tensor([first, last], dtype=torch.double).repeat(100)
    away = decision.moved(ends, torch.rand(200, generator=generator(2)))
    assert (away != ends).all()
    for cell in (first, last, float(start[0])):
        near = decision.near(cell)
        assert near == sorted(set(near))
        assert cell not in near
        assert all(first <= other <= last for other in near)


def test_positions_are_taken_back():
    for decision in (Integer(3, 90, log=True), Real(-2, 7), Ordered([1, 10, 1000], log=True)):
        cells = decision.draw(50, generator=generator(0)).double()
        assert decision.at(decision.position(cells)).allclose(cells)
    assert Ordered([1, 10, 1000], log=True).places == pytest.approx((0, 1 / 3, 1))
    assert Ordered([1, 10, 1000], log=False).places == pytest.approx((0, 9 / 999, 1))
    assert Ordered(["s", "m", "xl"]).places == (0, 0.5, 1)


def test_what_is_switched_on_is_drawn_and_what_is_switched_off_forgotten():
    X = TINY.rows(["bias=not active,op=skip,kernel=not active,depth=not active,rate=1"] * 500)
    mutated = TINY.mutate(X, generator=generator(0))
    assert ((mutated != X) & TINY.active(X)).sum(-1).equal(torch.ones(500, dtype=torch.long))
    convs = mutated[mutated[:, 1] == 0]
    assert convs[:, 2].unique().tolist() == [0, 1, 2]
    assert TINY.settled(mutated).equal(mutated)


# Notation.


def test_a_column_that_does_not_count_is_read_and_written():
    arch = TINY.arch(
        {"bias": None, "op": "pool", "kernel": "not active", "depth": 2, "rate": "0.75"}
    )
    assert str(arch) == "bias=not active,op=pool,kernel=not active,depth=2,rate=0.75"
    assert arch["kernel"] == "not active"
    assert arch == TINY.arch({"bias": "no", "op": "pool", "kernel": 5, "depth": 2.0, "rate": 0.75})
    assert arch == TINY.arch([1, 1, 2, 1, 0.75])
    assert hash(arch) == hash(pickle.loads(pickle.dumps(arch)))  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel": None}, "column 'kernel' counts in .*, so that it cannot be 'not active'"),
        ({"depth": 4}, "unknown choice '4' in column 'depth'; tiny has integers from 1 to 3"),
        ({"depth": 1.5}, "unknown choice '1.5' in column 'depth'"),
        ({"depth": True}, "unknown choice 'True' in column 'depth'"),
        ({"rate": "fast"}, "unknown choice 'fast' in column 'rate'; tiny has reals from 0.5 to 2"),
        ({"rate": float("nan")}, "unknown choice 'nan' in column 'rate'"),
        ({"op": None}, "unknown choice 'None' in column 'op'"),
    ],
)
def test_wrong_values_are_named(change, message):
    good = {"bias": "yes", "op": "conv", "kernel": 3, "depth": 1, "rate": 1.0}
    assert TINY.arch(good)
    with pytest.raises(InvalidArchitectureError, match=message) as caught:
        TINY.arch(good | change)
    assert "\n" not in str(caught.value)


def test_a_number_in_single_precision_is_the_number_that_it_was_written_as():
    frame = pd.DataFrame({"a": pd.Series([0.1, 1.0], dtype="float32")})
    assert rows_of_frame(frame, MixedSpace("s", {"a": Real(0.1, 1)})).flatten().tolist() == [0.1, 1]


def test_tables_leave_cells_empty_that_do_not_count():
    frame = pd.DataFrame(
        {
            "bias": [None, "no"],
            "op": ["pool", "conv"],
            "kernel": [math.nan, 5],
            "depth": [2, 1],
            "rate": 1.5,
        }
    )
    assert [arch.row for arch in TINY.archs(rows_of_frame(frame, TINY))] == [
        (0, 1, 0, 1, 1.5),
        (1, 0, 2, 0, 1.5),
    ]
    assert text_columns(TINY) == ["bias", "op"]


# Values.


def test_contents_and_files_go_through_json():
    content = json.loads(json.dumps(file_content(TINY)))
    again = space_of(content)
    assert again == TINY
    assert hash(again) == hash(TINY)
    assert again.decisions == TINY.decisions
    assert json.loads(json.dumps(TINY.content)) == again.content


def test_a_space_that_has_grown_is_no_difference_and_one_that_has_shrunk_is():
    small = MixedSpace("s", {"a": Integer(2, 8), "b": Real(0, 1), "c": [1, 2]})
    wide = MixedSpace("s", {"a": Integer(1, 9), "b": Real(0, 2, log=False), "c": Integer(1, 5)})
    assert wide.difference(small.content) == ""
    assert small != wide
    assert small.unlike(wide)
    assert "column 'a' was 1 to 9 and is 2 to 8" in small.difference(wide.content)
    assert "column 'b' was 0.0 to 2.0 and is 0.0 to 1.0" in small.difference(wide.content)
    reals = MixedSpace("s", {"a": Real(2, 8), "b": Real(0, 1), "c": [1, 2]})
    assert reals.difference(small.content) == ""
    assert "column 'a' was 2.0 to 8.0 and is 2 to 8" in small.difference(reals.content)
    other = MixedSpace(
        "s", {"a": Integer(2, 8, active_if={"c": [1]}), "b": Real(0, 1), "c": [1, 2]}
    )
    assert "active_if" in other.difference(small.content)
    scaled = MixedSpace("s", {"a": Integer(2, 8, log=True), "b": Real(0, 1), "c": [1, 2]})
    assert scaled.unlike(small) == "the scales of its columns"


def test_infinite_spaces_say_so():
    assert TINY.size == math.inf
    assert not TINY.is_enumerable
    assert MixedSpace("s", {"a": Integer(1, 5), "b": ["x", "y"]}).size == 10
    assert repr(TINY) == "MixedSpace('tiny', d=5, size=inf)"


def test_past_trainings_of_another_space_are_carried_over():
    old = CategoricalSpace("old", {"op": ["conv", "pool"], "rate": [0.5, 1, 4], "gone": [1, 2]})
    goal = Goal.parse("accuracy")
    past = Log(old, goal).asked(old.rows(["op=pool,rate=0.5,gone=1", "op=pool,rate=4,gone=1"]))
    past = past.told(past.trials[0], [1.0]).told(past.trials[1], [2.0])
    new = MixedSpace("new", {"op": ["conv", "pool"], "rate": Real(0.1, 2), "depth": Integer(1, 9)})
    with pytest.warns(DataWarning, match="1 of 2 rows of the past trainings .* rate=4"):
        log = Log.from_past(past.frame(), new, goal, fill={"depth": 3})
    assert [str(trial) for trial in log.trials] == ["op=pool,rate=0.5,depth=3"]


# Files.

FILE = """\
kind = "mixed"
name = "mine"
[columns]
block = ["conv", "mbconv", "pool"]
kernel = { values = [3, 5, 7], ordered = true, active_if = { block = ["conv", "mbconv"] } }
width = { low = 1, high = 200 }
rate = { low = 1e-4, high = 1.0, log = true }
"""


def test_a_file_is_the_space_in_python(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(FILE)
    wanted = MixedSpace(
        "mine",
        {
            "block": Choice(["conv", "mbconv", "pool"]),
            "kernel": Ordered([3, 5, 7], active_if={"block": ["conv", "mbconv"]}),
            "width": Integer(1, 200),
            "rate": Real(1e-4, 1, log=True),
        },
    )
    assert archbo.space(str(path)) == read_space(path) == wanted


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("low = 1, high = 200", "low = 200, high = 1", "column 'width' .* low must be below high"),
        ("low = 1e-4", "low = 0.0", "column 'rate' .* a logarithmic scale begins above 0"),
        (
            "low = 1, high",
            "lo = 1, high",
            "column 'width' .* unknown key 'lo'; a column has values",
        ),
        ("low = 1, ", "", "column 'width' .* write values, or low and high"),
        ("log = true", "log = 1", "column 'rate' .* log is 1; write true or false"),
        ("low = 1e-4", 'low = "a"', "column 'rate' .* low is 'a'; give a finite number"),
        ("[3, 5, 7]", "[3, 5, 3]", "column 'kernel' .* needs distinct choices"),
        ("[3, 5, 7]", "[]", "column 'kernel' .* needs distinct choices, at least one"),
        ("[3, 5, 7]", "3", "column 'kernel' .* values is 3; write a list of choices"),
        ("ordered = true", "ordered = false, log = true", "log goes with ordered = true"),
        ("ordered = true", 'ordered = "yes"', "ordered is 'yes'; write true or false"),
        (
            "[3, 5, 7], ordered = true",
            "[7, 3], ordered = true, log = true",
            "a scale needs ascending",
        ),
        ('{ block = ["conv", "mbconv"] }', "3", "active_if is 3; give values by column"),
        ("{ block =", "{ blok =", "leads to a column that there is not, or back to itself"),
        ("{ block =", "{ kernel =", "leads to a column that there is not, or back to itself"),
        ('"mbconv"] }', '"none"] }', "wants block to be one of .*; block has conv, mbconv, pool"),
        ('{ block = ["conv", "mbconv"] }', "{ rate = 0.1 }", "rate has reals .* none can be named"),
        ('block = ["conv", "mbconv", "pool"]', "block = 3", "columns is .*; write a table"),
    ],
)
def test_bad_files_name_place_and_remedy(tmp_path, old, new, message):
    path = tmp_path / "space.toml"
    assert old in FILE
    path.write_text(FILE.replace(old, new))
    with pytest.raises(DataError, match=message) as caught:
        read_space(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_loop_of_conditions_is_refused():
    with pytest.raises(DataError, match="or back to itself"):
        MixedSpace(
            "s",
            {"a": Integer(1, 2, active_if={"b": [1]}), "b": Integer(1, 2, active_if={"a": [1]})},
        )


def test_a_categorical_space_takes_lists_only():
    with pytest.raises(DataError, match="column 'a' of space 's' needs a list of choices"):
        CategoricalSpace("s", {"a": {"low": 1, "high": 2}})
