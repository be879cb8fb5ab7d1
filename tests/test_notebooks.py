"""The notebooks run, and their two forms agree."""

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

HARDWARE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nb201_hw.parquet"
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


def jupyter(*arguments, **environment):
    subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        check=True,
        timeout=600,
        env={**os.environ, **environment},
    )


def cells(path):
    """Kind and text of each cell."""
    content = json.loads(path.read_text())
    return [(cell["cell_type"], "".join(cell["source"])) for cell in content["cells"]]


def outputs(path):
    content = json.loads(path.read_text())
    return [output for cell in content["cells"] for output in cell.get("outputs", [])]


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_with_a_small_budget(script, tmp_path):
    notebook = tmp_path / "run.ipynb"
    jupyter("jupytext", "--quiet", "--to", "ipynb", "--output", notebook, script)
    jupyter(
        "jupyter",
        "execute",
        "--inplace",
        notebook,
        ARCHBO_NOTEBOOK_QUERIES="14",
        ARCHBO_NOTEBOOK_REPEATS="1",
        ARCHBO_NOTEBOOK_SIZES="12",
        ARCHBO_NOTEBOOK_PREDICTORS="gp,gbdt",
        # A notebook leaves out what it cannot show without the table.
        ARCHBO_NOTEBOOK_HARDWARE=str(HARDWARE),
    )
    kinds = [output["output_type"] for output in outputs(notebook)]
    assert "error" not in kinds
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook))


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda path: path.stem)
def test_both_forms_agree_and_outputs_are_kept(script, tmp_path):
    fresh = tmp_path / "fresh.ipynb"
    jupyter("jupytext", "--quiet", "--to", "ipynb", "--output", fresh, script)
    kept = script.with_suffix(".ipynb")
    assert cells(kept) == cells(fresh)
    assert any("image/png" in output.get("data", {}) for output in outputs(kept))


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda path: path.stem)
def test_asks_first_and_says_last_what_it_does_not_show(script):
    texts = [text for kind, text in cells(script.with_suffix(".ipynb")) if kind == "markdown"]
    assert "**The question.**" in texts[0]
    assert "**What this does not show.**" in texts[-1]


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda path: path.stem)
def test_pictures_can_be_seen_in_a_dark_notebook(script):
    for output in outputs(script.with_suffix(".ipynb")):
        if "image/png" in output.get("data", {}):
            picture = imread(io.BytesIO(base64.b64decode(output["data"]["image/png"])))
            assert picture.shape[-1] == 3 or picture[..., 3].min() == 1, "its face is transparent"
