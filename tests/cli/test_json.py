"""The shapes of ``--json``, key by key: other programs read them."""

import json

import pytest

QUERY = {"arch", "value", "best", "rank", "report"}
FIDELITY = {"fidelity", "spent"}
SEVERAL = {"values", "feasible", "hypervolume"}
RUN = {"seed", "method", "queries", "seconds"}
TOP = {"benchmark", "objective", "report", "runs"}
GOALS = {"objectives", "constraints", "reference", "true_hypervolume"}
SCORED = {"predictor", "encoding", "train_size", "seed", "kendall", "spearman"}
SCORED |= {"precision_at_10", "nll", "fit_seconds", "predict_seconds"}
CHEAP = ("--fidelities", "short=1,accuracy=5")


@pytest.mark.parametrize(
    ("options", "top", "run", "query"),
    [
        (("--objective", "accuracy"), TOP, RUN | {"recommended"}, QUERY),
        (CHEAP, TOP | {"fidelities"}, RUN | {"recommended"}, QUERY | FIDELITY),
        (
            ("--objective", "accuracy,-latency"),
            {"benchmark", "runs"} | GOALS,
            RUN | {"front"},
            {"arch"} | SEVERAL,
        ),
        (
            ("--objective", "accuracy", "--subject-to", "latency<=5"),
            TOP | GOALS,
            RUN | {"recommended", "front"},
            QUERY | SEVERAL,
        ),
        (
            ("--objective", "accuracy,-latency", *CHEAP),
            {"benchmark", "fidelities", "runs"} | GOALS,
            RUN | {"front"},
            {"arch"} | SEVERAL | FIDELITY,
        ),
    ],
)
def test_search_writes_these_keys(toy, options, top, run, query):
    result, _ = toy(*options, "--queries", 4)
    assert result.keys() == top
    for made in result["runs"]:
        assert made.keys() == run
        for asked in made["queries"]:
            assert asked.keys() == query
        for entry in made.get("front", []):
            assert entry.keys() == {"arch", "values"}
    for objective in result.get("objectives", []):
        assert objective.keys() == {"column", "minimize"}
    for constraint in result.get("constraints", []):
        assert constraint.keys() == {"column", "bound", "kind"}


def test_compare_writes_these_keys(archbo, folder):
    command = ("compare", "--table", "toy.csv", "--space", "toy.toml", "--objective", "latency")
    options = ("--predictors", "gp", "--train-sizes", "8", "--repeats", 1, "--json", "c.json")
    code, _, complaint = archbo(*command, *options)
    assert code == 0, complaint
    result = json.loads((folder / "c.json").read_text())
    assert result.keys() == {"benchmark", "objective", "results"}
    (scored,) = result["results"]
    assert scored.keys() == SCORED


def test_predict_writes_these_keys(archbo, folder):
    lines = (folder / "toy.csv").read_text().splitlines()
    (folder / "some.csv").write_text("\n".join(lines[:16]))
    command = ("predict", "some.csv", "--space", "toy.toml", "--objective", "accuracy,-latency")
    code, _, complaint = archbo(*command, "--json", "p.json")
    assert code == 0, complaint
    result = json.loads((folder / "p.json").read_text())
    assert result.keys() == {"space", "objectives", "trained", "held_out", "predictions"}
    assert result["objectives"] == ["accuracy", "latency"]
    assert result["trained"].keys() == {"told", "failed"}
    for scored in result["held_out"]:
        keys = {"objective", "architectures", "kendall", "coverage", "verdict"}
        assert scored.keys() == keys
    for predicted in result["predictions"]:
        assert predicted.keys() == {"arch", "mean", "std"}
        assert predicted["mean"].keys() == predicted["std"].keys() == {"accuracy", "latency"}
