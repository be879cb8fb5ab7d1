"""A stranger's package, the block of code of the page on predictors: it keeps the contract, and runs by its name."""

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from archbo.testing.predictors import PredictorContract

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "predictor.md"
CODE = re.search(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)[1]
ENTRY_POINT = re.search(
    r"```text\n\[project.entry-points.(.*?)```", PAGE.read_text(), flags=re.DOTALL
)[1]
PACKAGE = tempfile.TemporaryDirectory()
sys.path.append(PACKAGE.name)
(Path(PACKAGE.name) / "ridge_on_paths.py").write_text(CODE)
ridge_on_paths = importlib.import_module("ridge_on_paths")


class TestRidgeOnPaths(PredictorContract):
    def make(self, space):
        return ridge_on_paths.RidgeOnPaths(space)


@pytest.fixture(scope="module")
def installed():
    """The folder of the package, as pip would leave it."""
    information = Path(PACKAGE.name) / "ridge_on_paths-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: ridge-on-paths\nVersion: 1.0\n"
    )
    (information / "entry_points.txt").write_text("[" + ENTRY_POINT.replace('"', ""))
    return PACKAGE.name


def test_the_code_of_the_page_is_short():
    assert len(CODE.splitlines()) <= 40


@pytest.mark.parametrize(
    "command",
    [
        [
            "compare",
            "nb201",
            "--predictors",
            "ridge-on-paths",
            "--train-sizes",
            "30",
            "--repeats",
            "1",
        ],
        ["search", "nb201", "--predictor", "ridge-on-paths", "--queries", "8"],
    ],
    ids=["compare", "search"],
)
def test_is_found_by_its_name(command, installed, tmp_path):
    file = tmp_path / "results.json"
    paths = os.pathsep.join([installed, os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-m", "archbo", *command, "--json", str(file)],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        capture_output=True,
    )
    content = json.loads(file.read_text())
    named = content.get("results") or content["runs"]
    assert "ridge-on-paths" in {row.get("predictor", row.get("method")) for row in named}
