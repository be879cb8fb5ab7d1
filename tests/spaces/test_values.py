"""Spaces and architectures as values: what is equal, what is refused, what a record of an older space still means."""

import json
import pickle
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
import torch

from archbo import catalog
from archbo.errors import DataError, InvalidArchitectureError
from archbo.spaces import Arch, CategoricalSpace, EdgeCellSpace, NodeCellSpace, Row
from archbo.spaces.choices import ColumnChoices

BEFORE = CategoricalSpace("my-space", {"width": [8, 16, 32], "op": ["a", "b"]})
AFTER = CategoricalSpace("my-space", {"width": [4, 8, 16, 32], "op": ["b", "a"]})


# Equal by content.


def test_an_architecture_of_an_edited_space_is_refused_with_what_differs():
    with pytest.raises(
        InvalidArchitectureError,
        match=r"width=32,op=b belongs to another space that is named 'my-space' too, but differs: "
        r"column 'width' has the choices 8, 16, 32 there and 4, 8, 16, 32 here; give",
    ):
        AFTER.arch(BEFORE.arch("width=32,op=b"))
    with pytest.raises(InvalidArchitectureError, match=r"columns are gone: z; give"):
        CategoricalSpace("s", {"w": [1, 2]}).arch(
            CategoricalSpace("s", {"w": [1, 2], "z": ["a", "b"]}).arch([0, 0])
        )


def test_numbers_and_their_texts_are_different_spaces():
    number, text = (CategoricalSpace("s", {"w": choices}) for choices in ([1, 2], ["1", "2"]))
    assert number != text
    assert number.unlike(text) == "the types of its choices"
    assert number == CategoricalSpace("s", {"w": [1.0, 2.0]})
    assert number.difference(text.content) == ""


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({"zero_ops": ["b"]}, {"zero_ops": ["a"]}, "zero_ops was ['a'] and is ['b']"),
        ({"identity_ops": ["b"]}, {}, "identity_ops was [] and is ['b']"),
        ({"notation": "tnb101"}, {}, "notation was 'nb201' and is 'tnb101'"),
    ],
)
def test_options_of_cells_are_part_of_what_they_are(one, other, message):
    first, second = (
        EdgeCellSpace("s", ["a", "b"], **({"notation": "nb201"} | options))
        for options in (one, other)
    )
    assert first != second
    assert first.difference(second.content) == message


def test_edges_of_node_cells_are_part_of_what_they_are():
    first, second = (NodeCellSpace("s", ["a"], max_edges=most) for most in (9, 7))
    assert first != second
    assert first.difference(second.content) == "max_edges was 7 and is 9"


def test_an_architecture_of_another_process_equals_itself(tmp_path):
    file = tmp_path / "arch.pkl"
    code = (
        "import pickle, archbo\n"
        "space = archbo.CategoricalSpace('s', {'lr': [.1, None, 'auto'], 'op': ['a', 'b']})\n"
        "archs = {space.arch('lr=auto,op=b'): 1, archbo.space('nb201').arch([4, 3, 2, 1, 0, 0]): 2}\n"
        f"pickle.dump(archs, open({str(file)!r}, 'wb'))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    archs = pickle.loads(file.read_bytes())  # noqa: S301 - written above
    mine = CategoricalSpace("s", {"lr": [0.1, None, "auto"], "op": ["a", "b"]}).arch([2, 1])
    assert archs[mine] == 1
    assert archs[catalog.space("nb201").arch([4, 3, 2, 1, 0, 0])] == 2
    assert type(next(iter(archs)).row) is Row


# What a record of an earlier version means.


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"width": [4, 8, 16, 32], "op": ["b", "a"]}, ""),
        ({"op": ["c", "a", "b"], "width": [32, 16, 8]}, ""),
        ({"width": ["8", "16", "32", "64"], "op": ["a", "b"]}, ""),
        ({"width": [8, 64], "op": ["a", "b"]}, "choices of column 'width' are gone: 16, 32"),
        ({"width": [8, 16, 32]}, "columns are gone: op"),
        ({"width": [8, 16, 32], "op": ["a", "b"], "lr": [1]}, "columns were added: lr"),
        (
            {"width": [8, 16], "ops": ["a"]},
            "columns are gone: op; columns were added: ops; choices of column 'width' are gone: 32",
        ),
    ],
)
def test_a_record_of_an_earlier_version_is_read_where_only_choices_were_added(columns, message):
    after = CategoricalSpace("my-space", columns)
    assert after.difference(json.loads(json.dumps(BEFORE.content))) == message
    assert after.difference(BEFORE.content) == message
    if not message:
        for arch in BEFORE.archs(BEFORE.enumerate()):
            again = after.arch(str(arch))
            assert {k: str(v) for k, v in again.values.items()} == {
                k: str(v) for k, v in arch.values.items()
            }


def test_a_record_of_another_space_is_not_read():
    assert "its name was 'my-space' and is 'yours'" in CategoricalSpace(
        "yours", {"width": [8, 16, 32], "op": ["a", "b"]}
    ).difference(BEFORE.content)
    assert "its kind was 'CategoricalSpace'" in catalog.space("nb201").difference(BEFORE.content)
    for nonsense in ({}, {"columns": 3}, {"columns": ["a"], "choices": None}):
        assert BEFORE.difference(nonsense)


def test_digits_mean_operations_in_their_order():
    """A space whose notation numbers its operations may gain some at the end only."""
    before = json.loads(json.dumps(catalog.space("tnb101-micro").content))
    ops = list(catalog.space("tnb101-micro").op_names)

    def changed(ops):
        return EdgeCellSpace("tnb101-micro", ops, notation="tnb101").difference(before)

    assert changed(ops) == changed([*ops, "new"]) == ""
    assert "the digits of its notation meant them in this order" in changed([*ops[::-1]])
    assert "the digits of its notation meant them in this order" in changed(["new", *ops])


# Values that keep their types.

TYPED = CategoricalSpace(
    "typed",
    {"width": [8, 16], "lr": [0.0, 1e-3, 0.1], "bn": [True, False], "act": [None, "relu", "01"]},
)


def test_an_architecture_gives_the_objects_it_was_made_of():
    arch = TYPED.arch("width=16,lr=0.001,bn=True,act=None")
    assert arch.values == {"width": 16, "lr": 0.001, "bn": True, "act": None}
    assert [type(value) for value in arch.values.values()] == [int, float, bool, type(None)]
    assert (arch["width"], arch["bn"]) == (16, True)
    cell = catalog.space("nb201").arch([3, 0, 1, 0, 0, 4])
    assert cell["op_0_1"] == "nor_conv_3x3"
    cell = catalog.space("nb101").arch("110000100000000000000:input|maxpool3x3|output")
    assert cell["edge_0_1"] == 1
    assert cell["edge_0_3"] == 0
    assert cell["op_1"] == "maxpool3x3"


@pytest.mark.parametrize(
    ("column", "value", "index"),
    [
        ("width", 16, 1),
        ("width", 16.0, 1),
        ("width", "16.0", 1),
        ("width", np.int64(16), 1),
        ("width", torch.tensor(16), 1),
        ("width", torch.tensor([8.0]), 0),
        ("width", 17, None),
        ("lr", "0.0", 0),
        ("lr", 0, 0),
        ("lr", "-0", 0),
        ("lr", "1e-3", 1),
        ("lr", np.float32(0.1), 2),
        ("lr", torch.tensor(0.1), 2),
        ("lr", float(np.float32(0.1)), None),
        ("lr", 0.1 + 1e-9, None),
        ("lr", "nan", None),
        ("bn", True, 0),
        ("bn", np.bool_(False), 1),
        ("bn", "True", 0),
        ("bn", "1", None),
        ("act", None, 0),
        ("act", "None", 0),
        ("act", "relu", 1),
        ("act", "01", 2),
        ("act", 1, None),
        ("act", "1", None),
        ("act", [1], None),
    ],
)
def test_numbers_are_found_as_numbers_and_texts_as_texts(column, value, index):
    found = ColumnChoices(TYPED.choices[TYPED.columns.index(column)]).find(value)
    assert found == index
    if isinstance(value, str) and index is not None:
        first = dict(zip(TYPED.columns, (names[0] for names in TYPED.choice_names), strict=True))
        text = ",".join(f"{key}={item}" for key, item in (first | {column: value}).items())
        assert TYPED.parse(text)[TYPED.columns.index(column)] == index


def test_in_single_precision_two_choices_may_be_one():
    """Then nobody can tell which is meant."""
    column = ColumnChoices([0.1, 0.1 + 1e-9])
    assert column.find(np.float32(0.1)) is None
    assert column.find(0.1) == 0


def test_scalars_of_libraries_become_pythons():
    space = CategoricalSpace(
        "s", {"w": [torch.tensor(1), torch.tensor(2.5)], "v": np.array([4, 8]), "t": [np.str_("x")]}
    )
    assert space.choice_names == (("1", "2.5"), ("4", "8"), ("x",))
    assert [type(value) for value in space.arch([0, 1, 0]).values.values()] == [int, int, str]


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        (3, {"a": [1]}, "the name of a space is a text; got 3"),
        ("s", {3: [1]}, "columns of space 's' are named by texts; got 3"),
        ("s", {"a": [1, 1.0]}, "column 'a' of space 's' needs distinct choices"),
        ("s", {"a": [1, True]}, "column 'a' of space 's' needs distinct choices"),
        ("s", {"a": [1, "1"]}, "column 'a' of space 's' needs distinct choices"),
        ("s", {"a": [torch.tensor(1), 1]}, "column 'a' of space 's' needs distinct choices"),
        ("s", {"a": "abc"}, "column 'a' of space 's' needs a list of choices; got 'abc'"),
        ("s", {"a": 5}, "column 'a' of space 's' needs a list of choices; got 5"),
        ("s", {"a": {"x", "y"}}, "column 'a' of space 's' needs a list of choices"),
        ("s", {"a": ["x,y"]}, "'x,y' in column 'a' of space 's': names may not"),
        ("s", {"a": [torch.tensor([1, 2])]}, "in column 'a' of space 's': names may not"),
        ("s", {"a=b": [1]}, "'a=b' in column 'a=b' of space 's': names may not"),
        ("s", {}, "space 's' has no columns"),
        ("s", ["a"], "space 's' has no columns"),
    ],
)
def test_choices_that_cannot_be_told_apart_or_written_are_refused(name, choices, message):
    with pytest.raises(DataError, match=message) as caught:
        CategoricalSpace(name, choices)
    assert "\n" not in str(caught.value)


def test_space_files_that_are_too_deep_or_have_no_name_are_refused(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text("kind = 'categorical'\n[columns]\na = " + "[" * 3000 + "]" * 3000)
    with pytest.raises(DataError, match=r"space.toml: its lists are nested too deeply"):
        CategoricalSpace.from_toml(path)
    path.write_text("kind = 'categorical'\nname = 3\n[columns]\na = [1]")
    with pytest.raises(DataError, match=r"space.toml: name is 3; write it in quotes"):
        CategoricalSpace.from_toml(path)


# Forms.


def test_an_architecture_is_no_collection():
    arch = TYPED.arch([0, 0, 0, 0])
    with pytest.raises(TypeError, match="not iterable"):
        list(arch)
    with pytest.raises(TypeError):
        "width" in arch  # noqa: B015


def test_a_row_of_an_architecture_is_a_row_wherever_it_comes_from():
    space = catalog.space("nb201")
    for arch in (
        Arch(space, (4, 0, 3, 1, 4, 3)),
        space.archs(torch.tensor([[4, 0, 3, 1, 4, 3]]))[0],
    ):
        assert space.arch(arch.row) == space.arch(pickle.loads(pickle.dumps(arch.row))) == arch  # noqa: S301
        assert arch.row == (4, 0, 3, 1, 4, 3)


def test_matrices_and_genotypes_are_read_as_objects():
    nb101, darts = catalog.space("nb101"), catalog.space("darts")
    matrix, ops = [[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", "maxpool3x3", "output"]
    wanted = nb101.arch(f"({matrix}, {ops})")
    for pair in ((matrix, ops), [np.array(matrix), ops], (torch.tensor(matrix), tuple(ops))):
        assert nb101.arch(pair) == wanted
    with pytest.raises(InvalidArchitectureError, match="points backwards"):
        nb101.arch((np.array(matrix).T, ops))

    genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
    cell = [("sep_conv_3x3", 0), ("skip_connect", 1)] * 4
    made = genotype(cell, range(2, 6), cell, range(2, 6))
    assert darts.arch(made) == darts.arch(str(made))
    links = ([0, 1, 2, 1], ["gcn", "skip", "fc", "cheb"])
    assert catalog.space("nas-bench-graph").arch(links).row == (1, 2, 1, 1, 8, 7, 3)
