"""The stranger's package keeps archbo's contract, and runs by name on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ridge_on_paths import RidgeOnPaths

from archbo.testing.predictors import PredictorContract

HERE = Path(__file__).parent


class TestRidgeOnPaths(PredictorContract):
    def make(self, space):
        return RidgeOnPaths(space)


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
def test_is_found_by_its_name(command, tmp_path):
    file = tmp_path / "results.json"
    paths = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-m", "archbo", *command, "--json", str(file)],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        capture_output=True,
    )
    content = json.loads(file.read_text())
    named = content.get("results") or content["runs"]
    assert "ridge-on-paths" in {row.get("predictor", row.get("method")) for row in named}
