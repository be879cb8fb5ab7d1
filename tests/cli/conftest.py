"""The command line as a user runs it, in a folder with a small table."""

import json
import sys
import warnings

import pandas as pd
import pytest

from archbo import cli

SPACE = """kind = "categorical"
name = "toy"
[columns]
width = [8, 16, 32]
depth = [1, 2, 3, 4]
skip = ["no", "yes"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a space and a table of it, from which the commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.toml").write_text(SPACE)
    rows = pd.MultiIndex.from_product([[8, 16, 32], [1, 2, 3, 4], ["no", "yes"]])
    table = rows.to_frame(index=False, name=["width", "depth", "skip"])
    # Values repeat, so that ranks have ties.
    table["accuracy"] = (table["width"] / 8 + table["depth"] + (table["skip"] == "yes")).round()
    table["latency"] = table["width"] * table["depth"] / 10
    table["energy"] = table["width"] + 5.0 * (table["skip"] == "yes")
    # A short training that agrees with the accuracy.
    table["short"] = 0.5 * table["accuracy"] + (table["depth"] == 2) / 10
    table["constant"] = 1.0
    table["small"] = table["width"] < 32
    table.to_csv(tmp_path / "toy.csv", index=False)
    return tmp_path


@pytest.fixture
def table(folder):
    """The table, by the text of its architectures."""
    table = pd.read_csv(folder / "toy.csv")
    keys = [
        f"width={w},depth={d},skip={s}"
        for w, d, s in zip(table["width"], table["depth"], table["skip"], strict=True)
    ]
    return table.set_axis(keys)


@pytest.fixture
def archbo(monkeypatch, capsys):
    """The command in this process: exit code, what it printed, and what it complained about."""
    # The command redirects warnings; afterwards they are the tests' again.
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["archbo", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            cli.main()
        return done.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def toy(archbo, folder):
    """A search of the toy table: what --json has, and what is printed."""

    def run(*arguments):
        command = ("search", "--table", "toy.csv", "--space", "toy.toml")
        code, printed, complaint = archbo(*command, *arguments, "--json", "result.json")
        assert code == 0, complaint
        return json.loads((folder / "result.json").read_text()), printed

    return run
