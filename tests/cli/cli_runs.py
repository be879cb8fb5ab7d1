"""What tests of the command line share."""

import os
import subprocess
import sys

import pandas as pd

RUN = {"seed", "method", "queries", "recommended", "seconds"}
QUERY = {"arch", "value", "best", "rank", "report"}
TOY = ("search", "--table", "toy.csv", "--space", "toy.toml", "--objective", "accuracy")


def as_shell(*arguments, cwd, stdout=subprocess.PIPE, **env):
    """The command in a process of its own."""
    code = "from archbo.cli import main; main()"
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "100"} | env,
    )


def check_runs(runs, values, reported=None, *, minimize=False):
    """Every entry against the table, by brute force."""
    sign = -1 if minimize else 1
    for run in runs:
        assert run.keys() == RUN
        assert run["seconds"] > 0
        queries = run["queries"]
        archs = [query["arch"] for query in queries]
        assert len(set(archs)) == len(archs)
        best = None
        for query in queries:
            assert query.keys() == QUERY
            assert query["value"] == values[query["arch"]]
            if best is None or sign * query["value"] > sign * values[best]:
                best = query["arch"]
            assert query["best"] == values[best]
            better = sum(sign * value > sign * values[best] for value in values.values())
            assert query["rank"] == 1 + better
            assert query["report"] == (reported[best] if reported else None)
        if run["method"] != "robot":
            assert run["recommended"] == best


def column(name, where=None):
    """A column of the toy table, by the text of its architectures."""
    table = pd.read_csv("toy.csv")
    table = table[table[where]] if where is not None else table
    return {
        f"width={row['width']},depth={row['depth']},skip={row['skip']}": float(row[name])
        for _, row in table.iterrows()
    }
