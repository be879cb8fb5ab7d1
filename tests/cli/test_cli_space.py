"""``archbo space``, and searches of spaces from files."""

import json

import pytest

from archbo import catalog
from archbo.studies import read_header

CELLS = """\
kind = "edge-cell"
name = "my-cells"
nodes = 5
ops = ["zero", "identity", "[conv]"]
zero = ["zero"]
identity = ["identity"]
"""
CODE = """
def evaluate(arch):
    return arch.row.count(2)
"""


@pytest.fixture
def cells(folder):
    (folder / "cells.toml").write_text(CELLS)
    (folder / "train.py").write_text(CODE)
    return folder


def test_a_file_is_shown_written_and_drawn(archbo, cells):
    code, printed, _ = archbo("space", "cells.toml", "--json", "space.json", "--plot", "cell.png")
    assert code == 0
    for text in ("my-cells", "edge-cell", "59,049", "op_3_4", "zero, identity, [conv]"):
        assert text in printed
    assert (cells / "cell.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads((cells / "space.json").read_text())
    space = catalog.space("cells.toml")
    assert content["size"] == 59_049
    assert content["columns"] == {c: ["zero", "identity", "[conv]"] for c in space.columns}
    assert (content["zero"], content["identity"]) == (["zero"], ["identity"])
    for text in content["samples"]:
        assert str(space.arch(text)) == text
        assert text in printed
    other = archbo("space", "cells.toml", "--seed", 1)[1]
    assert content["samples"][0] not in other


@pytest.mark.parametrize("name", [*catalog.SPACES, "toy.toml"])
def test_every_space_is_shown(archbo, folder, name):
    code, printed, complaint = archbo("space", name)
    assert code == 0, complaint
    assert catalog.space(name).columns[-1] in printed
    assert f"{catalog.space(name).size:,}" in printed


def test_no_file_and_no_space_are_refused(archbo, cells):
    for name, message in (
        ("none.toml", "no space file none.toml"),
        ("cells", "unknown space 'cells'"),
    ):
        code, _, complaint = archbo("space", name)
        assert (code, complaint.count("\n")) == (2, 1)
        assert message in complaint
    code, _, complaint = archbo("space", "cells.toml", "--json", "cells.toml")
    assert code == 2
    assert "--json would write over cells.toml" in complaint


def test_a_study_keeps_what_the_file_says(archbo, cells):
    search = ("search", "./train.py:evaluate", "--study", "run.db", "--strategy", "random")
    assert archbo(*search, "--space", "cells.toml", "--queries", 3)[0] == 0
    space = catalog.space("cells.toml")
    assert read_header("run.db").space == space.content
    (cells / "cells.toml").unlink()
    code, printed, complaint = archbo("ask", "run.db")
    assert code == 0, complaint
    assert space.arch(printed.strip())
    assert archbo("worker", "run.db", "./train.py:evaluate", "--queries", 5)[0] == 0
    assert "my-cells, 59,049 rows" in archbo("status", "run.db")[1]
