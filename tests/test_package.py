"""The public page: quick to import, and complete."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import archbo

HEAVY = ("torch", "botorch", "gpytorch", "pandas", "torch_geometric", "xgboost", "pyro")


def test_import_is_quick_and_loads_nothing_heavy():
    code = (
        "import time, sys, json; start = time.perf_counter(); import archbo;"
        f"print(json.dumps([time.perf_counter() - start, [m for m in {HEAVY} if m in sys.modules]]))"
    )
    runs = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        runs.append(json.loads(done.stdout))
    assert min(seconds for seconds, _ in runs) < 1
    assert [loaded for _, loaded in runs] == [[], []]


@pytest.mark.parametrize("name", archbo.__all__)
def test_every_public_name_is_there(name):
    found = getattr(archbo, name)
    assert found.__name__ == name
    assert found.__module__.startswith("archbo.")
    assert name in dir(archbo)


def test_type_checkers_see_what_users_get():
    tree = ast.parse(Path(archbo.__file__).with_suffix(".pyi").read_text())
    imported = {
        alias.name: f"archbo.{node.module}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(imported) == sorted(archbo.__all__)
    for name, module in imported.items():
        home = importlib.import_module(module)
        assert getattr(home, name) is getattr(archbo, name)
        assert name in getattr(home, "__all__", ())


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="No archbo attribute Predictr"):
        archbo.Predictr  # noqa: B018


def test_every_error_is_an_archbo_error():
    from archbo import errors

    # What ends a training early is no error of the library's, and nothing that catches those may catch it.
    for name in set(errors.__all__) - {"DataWarning", "NumericalWarning", "PrunedError"}:
        assert issubclass(getattr(errors, name), archbo.ArchboError)
