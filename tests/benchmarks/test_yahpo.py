"""YAHPO Gym's surrogate of NAS-Bench-301, on a small model with the official inputs and output."""

import itertools
import json

import numpy as np
import official_files as official
import pandas as pd
import pytest
import torch

from archbo.benchmarks import YahpoNb301, read_table
from archbo.benchmarks.importers import YahpoNb301Sample, yahpo_nb301
from archbo.errors import DataError, InvalidArchitectureError, UsageError
from archbo.goals import Goal
from archbo.spaces import DartsSpace

pytest.importorskip("onnxruntime")

SPACE = DartsSpace.nas_bench_301()
X = SPACE.sample(20, generator=torch.Generator().manual_seed(1))
OPS = (
    "#na#",
    "avg_pool_3x3",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "max_pool_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "skip_connect",
)
PREFIX = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
GENERATOR = np.random.default_rng(0)
CHOSEN, TIME = GENERATOR.normal(size=(34, 2)), GENERATOR.normal(size=(1, 2))

ENCODING = {
    f"{PREFIX}edge_{cell}_{edge}": {op: n for n, op in enumerate(OPS)}
    for cell in ("normal", "reduce")
    for edge in range(14)
} | {
    f"{PREFIX}inputs_node_{cell}_{node}": {
        text: n
        for n, text in enumerate(
            ["#na#", *(f"{a}_{b}" for a, b in itertools.combinations(range(node), 2))]
        )
    }
    for cell in ("normal", "reduce")
    for node in (3, 4, 5)
}
"""As nb301/encoding_v2.json of slds-lmu/yahpo_data, whose order the model has (yahpo_gym/benchmarks/nb301.py)."""


def configuration(genotype):
    """The ConfigSpace dictionary of a genotype, by the definition of NAS-Bench-301's edges."""
    found = {}
    for cell, edges in genotype.items():
        for node in range(2, 6):
            pair = sorted(edges[2 * node - 4 : 2 * node - 2], key=lambda edge: edge[1])
            for op, source in pair:
                found[f"edge_{cell}_{sum(range(2, node)) + source}"] = op
            if node > 2:
                found[f"inputs_node_{cell}_{node}"] = f"{pair[0][1]}_{pair[1][1]}"
    return found


def expected(row, epoch):
    fields = eval(SPACE.format(row), {"Genotype": dict, "range": range})
    found = configuration({cell: fields[cell] for cell in ("normal", "reduce")})
    codes = [code[found.get(name.removeprefix(PREFIX), "#na#")] for name, code in ENCODING.items()]
    return codes @ CHOSEN.astype(np.float32) + epoch * TIME[0].astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model_v2.onnx").write_bytes(official.linear_model(CHOSEN, TIME))
    (tmp_path / "encoding_v2.json").write_text(json.dumps(ENCODING))
    return tmp_path


def test_the_model_sees_what_the_genotype_says(folder):
    surrogate = YahpoNb301(folder / "model_v2.onnx")
    for epoch in (1, 12, 98):
        wanted = [expected(row, epoch) for row in X]
        assert surrogate.values(X, epoch).numpy() == pytest.approx(np.array(wanted), rel=1e-5)


def test_it_is_an_evaluator_whose_fidelities_are_epochs(folder):
    surrogate = YahpoNb301(folder / "model_v2.onnx")
    arch = SPACE.archs(X[:1])[0]
    for given in (arch, str(arch)):
        assert surrogate(given, "12") == dict(
            zip(("val_accuracy", "runtime"), surrogate.values(X[:1], 12)[0].tolist(), strict=True)
        )
        assert surrogate(given) == surrogate(given, "98")
    for epoch in ("0", "99", "-1", "full", "1.5"):
        with pytest.raises(UsageError, match="give 1 to 98"):
            surrogate(arch, epoch)
    with pytest.raises(InvalidArchitectureError):
        surrogate("no genotype")


def test_a_table_of_it_has_fidelities(folder):
    surrogate = YahpoNb301(folder / "model_v2.onnx")
    seen = []
    table = surrogate.benchmark(X, (12, 98), lambda *done: seen.append(done))
    assert seen == [(20, 40), (40, 40)]
    assert table.space == SPACE
    assert list(table.metrics) == ["val_12", "runtime_12", "val_98", "runtime_98"]
    goal = Goal.parse("val_98", fidelities={"val_12": 12, "val_98": 98})
    found = table.evaluator(goal)(SPACE.archs(X[:1])[0], "val_12")
    assert found["val_98"] == pytest.approx(surrogate.values(X[:1], 12)[0, 0].item())


def test_a_sample_is_imported(folder, monkeypatch):
    monkeypatch.setattr(yahpo_nb301, "SAMPLE", 30)
    imported = YahpoNb301Sample().read([folder])
    imported.write(folder / "sample.parquet")
    table = read_table(folder / "sample.parquet", SPACE)
    X = SPACE.sample(30, generator=torch.Generator().manual_seed(0))
    assert imported.frame["arch_str"].tolist() == [SPACE.format(row) for row in X]
    wanted = np.array([expected(row, 49) for row in X])
    assert table.metrics["val_49"].to_numpy() == pytest.approx(wanted[:, 0], rel=1e-4)
    assert [source.name for source in imported.provenance.sources] == [folder.name]
    files = [folder / "encoding_v2.json", folder / "model_v2.onnx"]
    again = YahpoNb301Sample().read(files)
    assert [source.name for source in again.provenance.sources] == [file.name for file in files]
    pd.testing.assert_frame_equal(again.frame, imported.frame)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("encoding_v2.json", b"{", "cannot read .*encoding_v2.json as the encoding of nb301"),
        ("encoding_v2.json", b"{}", "as the encoding of nb301"),
        ("model_v2.onnx", b"", r"model_v2.onnx"),
        ("model_v2.onnx", official.linear_model(CHOSEN, TIME)[:-300], r"model_v2.onnx"),
        ("model_v2.onnx", b"arch_str,accuracy\n", r"model_v2.onnx"),
        (
            "model_v2.onnx",
            official.linear_model(CHOSEN[:, :1], TIME[:, :1]),
            "is no model of nb301",
        ),
    ],
)
def test_damaged_files_are_refused_in_a_line(name, content, message, folder):
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        YahpoNb301Sample().read([folder])
    assert "\n" not in str(caught.value)


def test_missing_files_are_refused(folder):
    with pytest.raises(DataError, match=r"give model_v2.onnx and encoding_v2.json"):
        YahpoNb301Sample().read([folder / "model_v2.onnx"])
    (folder / "encoding_v2.json").unlink()
    with pytest.raises(DataError, match="there is no encoding"):
        YahpoNb301(folder / "model_v2.onnx")


def test_without_onnxruntime_it_is_told_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    surrogate = YahpoNb301(folder / "model_v2.onnx")
    with pytest.raises(DataError, match=r"pip install 'archbo\[onnx\]'"):
        surrogate.values(X)


def test_the_real_model_gives_the_published_table(yahpo_model, yahpo_table):
    frame = pd.read_parquet(yahpo_table).head(200)
    surrogate = YahpoNb301(yahpo_model)
    rows = SPACE.sample(yahpo_nb301.SAMPLE, generator=torch.Generator().manual_seed(0))[:200]
    assert frame["arch_str"].tolist() == [SPACE.format(row) for row in rows]
    found = surrogate.benchmark(rows).metrics
    for column in found:
        assert found[column].to_numpy() == pytest.approx(frame[column].to_numpy(), rel=1e-5)
