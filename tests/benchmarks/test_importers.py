"""Small files in exactly the official formats become tables that hold what was put in."""

import hashlib
import json
import os
import pickle
import re
from dataclasses import replace

import numpy as np
import official_files as official
import pandas as pd
import pytest
import torch

import archbo
from archbo.benchmarks import read_table
from archbo.benchmarks.importers import (
    AccelNasBench,
    HwNasBench,
    NasBench101,
    NasBench201,
    NasBenchSuiteZero,
    NatsBenchSize,
    NatsBenchTopology,
    TransNasBench101,
    TransNasBench101Macro,
    read_provenance,
)
from archbo.catalog import IMPORTERS
from archbo.errors import DataError, DataWarning, UsageError
from archbo.spaces import DartsSpace, EdgeCellSpace, NodeCellSpace, TransNASMacroSpace
from archbo.spaces.published import accel_nas_bench, nats_bench_size

NB201, NB101, TNB, MACRO = (
    EdgeCellSpace.nas_bench_201(),
    NodeCellSpace.nas_bench_101(),
    EdgeCellSpace.trans_nas_micro(),
    TransNASMacroSpace(),
)
CELLS = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|",
    "|none~0|+|nor_conv_3x3~0|skip_connect~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|",
]


def check_archs(imported, wanted, space):
    """The table has these architectures, in the space's own notation, and is read as a table of the space."""
    assert imported.space == space
    assert imported.provenance.space == space.name
    if "arch_str" in imported.frame:
        parsed = [space.parse(text) for text in imported.frame["arch_str"]]
        assert [space.format(row) for row in parsed] == list(imported.frame["arch_str"])
        assert parsed == [space.parse(arch) for arch in wanted]
    else:
        rows = [
            dict(zip(space.columns, row, strict=True))
            for row in imported.frame[list(space.columns)].itertuples(index=False)
        ]
        assert [space.row_of(row) for row in rows] == [space.row_of(arch) for arch in wanted]


def check_values(imported, column, wanted):
    found = imported.frame[column]
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(wanted, rel=1e-6, nan_ok=True)


# NAS-Bench-101.

MATRICES = [
    (
        [
            [0, 1, 1, 1, 0, 1, 0],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 1, 0, 0],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 0],
        ],
        [
            "input",
            "conv1x1-bn-relu",
            "conv3x3-bn-relu",
            "conv3x3-bn-relu",
            "conv3x3-bn-relu",
            "maxpool3x3",
            "output",
        ],
    ),
    ([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", "maxpool3x3", "output"]),
    ([[0, 1], [0, 0]], ["input", "output"]),
]


def accuracy(cell, epochs, repeat, part):
    """Of the validation; training is .01 above, the test .02 below."""
    return 0.5 + cell / 10 + epochs / 1000 + repeat / 10_000 + part / 100_000


def nb101_records(lengths=(4, 12, 36, 108), repeats=3):
    # Repeats, lengths and cells come in no order in the official files.
    return [
        official.nas_bench_101_record(
            hashlib.md5(str(cell).encode(), usedforsecurity=False).hexdigest(),
            epochs,
            matrix,
            ops,
            1_000_000 * (cell + 1),
            [
                (part * epochs / 2, part * epochs * 10.0, v + 0.01, v, v - 0.02)
                for part in range(3)
                for v in [accuracy(cell, epochs, repeat, part)]
            ],
        )
        for repeat in range(repeats)
        for cell, (matrix, ops) in enumerate(MATRICES)
        for epochs in lengths
    ]


def test_nas_bench_101(tmp_path):
    path = tmp_path / "small.tfrecord"
    path.write_bytes(official.tfrecord(nb101_records()))
    imported = NasBench101().read([path])
    check_archs(imported, [NB101.format(NB101.from_matrix(*cell)) for cell in MATRICES], NB101)
    assert imported.frame["params"].tolist() == [1_000_000, 2_000_000, 3_000_000]
    for epochs in (4, 12, 36, 108):
        each = [[accuracy(c, epochs, r, 2) for c in range(3)] for r in range(3)]
        means = np.mean(each, axis=0)
        check_values(imported, f"val_acc_{epochs}", 100 * means)
        check_values(imported, f"test_acc_{epochs}", 100 * (means - 0.02))
        check_values(imported, f"train_acc_{epochs}", 100 * (means + 0.01))
        check_values(imported, f"train_time_{epochs}", [20 * epochs] * 3)
        check_values(imported, f"half_train_time_{epochs}", [10 * epochs] * 3)
        half = np.mean([[accuracy(c, epochs, r, 1) for c in range(3)] for r in range(3)], axis=0)
        check_values(imported, f"half_val_acc_{epochs}", 100 * half)
        for repeat in range(3):
            check_values(imported, f"val_acc_{epochs}_{repeat + 1}", 100 * np.array(each[repeat]))


def test_nas_bench_101_of_one_length_and_with_fewer_repeats(tmp_path):
    path = tmp_path / "small.tfrecord"
    records = nb101_records(lengths=[108], repeats=2)
    path.write_bytes(official.tfrecord(records[:-1]))
    imported = NasBench101().read([path])
    check_values(
        imported, "val_acc_108_2", [100 * accuracy(c, 108, 1, 2) for c in range(2)] + [np.nan]
    )
    means = [100 * (accuracy(c, 108, 0, 2) + accuracy(c, 108, 1, 2)) / 2 for c in range(2)]
    check_values(imported, "val_acc_108", [*means, 100 * accuracy(2, 108, 0, 2)])
    assert not any("_12" in name or "_3" in name for name in imported.metrics)


def test_nas_bench_101_in_more_cells_and_records_than_are_read_at_once(tmp_path, monkeypatch):
    from archbo.benchmarks.importers import nas_bench_101

    monkeypatch.setattr(nas_bench_101, "BATCH", 5)
    monkeypatch.setattr(nas_bench_101, "CELLS", 1)
    path = tmp_path / "small.tfrecord"
    path.write_bytes(official.tfrecord(nb101_records()))
    seen = []
    imported = NasBench101().read([path], lambda done, total: seen.append((done, total)))
    assert len(imported.frame) == 3
    check_values(imported, "val_acc_4_3", [100 * accuracy(c, 4, 2, 2) for c in range(3)])
    assert seen[-1][0] == seen[-1][1]


def test_a_fourth_repeat_is_refused(tmp_path):
    path = tmp_path / "small.tfrecord"
    path.write_bytes(official.tfrecord(nb101_records(repeats=4)))
    with pytest.raises(DataError, match=r"record 37 of .*: one more training of 4 epochs"):
        NasBench101().read([path])


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "small.tfrecord"
    whole = official.tfrecord(nb101_records())
    size = len(official.tfrecord(nb101_records()[:1]))
    for place in (3, 10, 40, size - 2):
        content = bytearray(whole)
        content[size + place] ^= 1
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"record 2 of .*small.tfrecord is damaged"):
            NasBench101().read([path])


# NATS-Bench and NAS-Bench-201.


def value(cell, epochs, dataset, images, seed):
    return 40 + 10 * cell + epochs / 100 + len(dataset) + len(images) / 10 + seed / 1000


def states(archs, lengths, seeds):
    """What is known of each architecture by length."""
    return {
        index: {
            name: official.arch_results(
                index,
                arch,
                epochs,
                lambda dataset, images, seed, index=index, epochs=epochs: value(
                    index, epochs, dataset, images, seed
                ),
                seeds[:1] if epochs == 12 else seeds,
            )
            for name, epochs in lengths.items()
        }
        for index, arch in enumerate(archs)
    }


TSS = states(CELLS, {"12": 12, "200": 200}, [777, 888])
SIZES = ["8:8:8:8:8", "64:8:24:40:56"]
SSS = states(SIZES, {"01": 1, "12": 12, "90": 90}, [777])


def check_nats(imported, n, lengths):
    for epochs, seeds in lengths.items():
        for task, val, test in (
            ("c10", ("cifar10-valid", "x-valid"), ("cifar10", "ori-test")),
            ("c100", ("cifar100", "x-valid"), ("cifar100", "x-test")),
            ("in16", ("ImageNet16-120", "x-valid"), ("ImageNet16-120", "x-test")),
        ):
            for name, of in (("val", val), ("test", test)):
                wanted = [np.mean([value(c, epochs, *of, s) for s in seeds]) for c in range(n)]
                check_values(imported, f"{task}_{name}_{epochs}", wanted)
            check_values(imported, f"{task}_train_time_{epochs}", [7.5 * epochs] * n)
    check_values(imported, "c100_params", [0.5] * n)
    check_values(imported, "c10_flops", [20.25] * n)
    check_values(imported, "in16_latency", [0.015] * n)


def test_nats_bench_topology_from_a_folder(tmp_path):
    official.nats_folder(tmp_path / "NATS-tss-v1_0-3ffb9-simple", CELLS, TSS)
    imported = NatsBenchTopology().read([tmp_path / "NATS-tss-v1_0-3ffb9-simple"])
    check_archs(imported, CELLS, NB201)
    check_nats(imported, 3, {12: [777], 200: [777, 888]})
    (source,) = imported.provenance.sources
    assert source.n_files == 3
    files = sorted((tmp_path / "NATS-tss-v1_0-3ffb9-simple").glob("0*"))
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files]
    assert source.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert source.size == sum(f.stat().st_size for f in files)


def test_nats_bench_topology_from_one_file(tmp_path):
    path = tmp_path / "tss.pickle.pbz2"
    path.write_bytes(official.pbz2(official.nats_whole(CELLS, TSS)))
    imported = NatsBenchTopology().read([path])
    check_archs(imported, CELLS, NB201)
    check_nats(imported, 3, {12: [777], 200: [777, 888]})


def test_nas_bench_201(tmp_path):
    by_name = {index: {"full": found["200"], "less": found["12"]} for index, found in TSS.items()}
    official.torch_file(tmp_path / "nb201.pth", official.nats_whole(CELLS, by_name))
    imported = NasBench201().read([tmp_path / "nb201.pth"])
    check_archs(imported, CELLS, NB201)
    check_nats(imported, 3, {12: [777], 200: [777, 888]})
    assert imported.provenance.format == "nas-bench-201"


def test_nats_bench_size(tmp_path):
    official.nats_folder(tmp_path / "sss", SIZES, SSS)
    imported = NatsBenchSize().read([tmp_path / "sss"])
    space = nats_bench_size()
    wanted = [dict(zip(space.columns, map(int, s.split(":")), strict=True)) for s in SIZES]
    check_archs(imported, wanted, space)
    check_nats(imported, 2, {1: [777], 12: [777], 90: [777]})


def test_the_two_spaces_of_nats_bench_are_told_apart(tmp_path):
    official.nats_folder(tmp_path / "sss", SIZES, SSS)
    official.nats_folder(tmp_path / "tss", CELLS, TSS)
    with pytest.raises(DataError, match=r"sss, row 1: .*8:8:8.*is nb201 its space\?"):
        NatsBenchTopology().read([tmp_path / "sss"])
    with pytest.raises(DataError, match="is it a file of nats-bench-size"):
        NatsBenchSize().read([tmp_path / "tss"])


# NAS-Bench-Suite-Zero.

GENOTYPE = (
    "(((0, 1), (1, 3), (0, 6), (2, 1), (1, 2), (3, 4), (0, 0), (2, 5)), "
    "((0, 4), (1, 2), (0, 1), (1, 0), (1, 6), (2, 3), (3, 5), (4, 2)))"
)


@pytest.mark.parametrize(
    ("file", "space", "archs", "datasets", "columns"),
    [
        (
            "zc_nasbench201.json",
            NB201,
            ["(4, 3, 3, 0, 0, 0)", "(2, 1, 1, 1, 1, 2)"],
            ["cifar10", "ImageNet16-120"],
            ["c10_val_200_zc", "c10_zc_snip", "in16_val_200_zc", "in16_zc_snip"],
        ),
        (
            "zc_nasbench101.json",
            NB101,
            ["(0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 2, 1)"],
            ["cifar10"],
            ["val_acc", "zc_snip"],
        ),
        (
            "zc_nasbench301.json",
            DartsSpace.nas_bench_301(),
            [GENOTYPE],
            ["cifar10"],
            ["val_acc", "zc_snip"],
        ),
        (
            "zc_transbench101_micro.json",
            TNB,
            ["(3, 1, 1, 2, 1, 2)", "(0, 0, 1, 2, 3, 1)"],
            ["class_scene", "jigsaw"],
            ["class_scene_val_best", "class_scene_zc_snip", "jigsaw_val_best", "jigsaw_zc_snip"],
        ),
        (
            "zc_transbench101_macro.json",
            MACRO,
            ["(1, 2, 3, 4, 0, 0)", "(4, 1, 4, 1, 4, 0)"],
            ["class_scene", "jigsaw"],
            ["class_scene_val_best", "class_scene_zc_snip", "jigsaw_val_best", "jigsaw_zc_snip"],
        ),
    ],
)
def test_nas_bench_suite_zero(file, space, archs, datasets, columns, tmp_path):
    content = {
        dataset: {
            arch: {
                "val_accuracy": 50.5 + n + 10 * d,
                "snip": {"score": 1.5 + n + 10 * d, "time": 0.1},
                "id": n,
            }
            for n, arch in enumerate(archs)
        }
        for d, dataset in enumerate(datasets)
    }
    (tmp_path / file).write_text(json.dumps(content))
    imported = NasBenchSuiteZero().read([tmp_path / file])
    check_archs(imported, archs, space)
    assert imported.metrics == columns
    for d in range(len(datasets)):
        check_values(imported, columns[2 * d], [50.5 + n + 10 * d for n in range(len(archs))])
        check_values(imported, columns[2 * d + 1], [1.5 + n + 10 * d for n in range(len(archs))])


def test_scores_beyond_single_precision_stay_double(tmp_path):
    scores = {"synflow": {"score": 1e60, "time": 0}, "snip": {"score": float("inf"), "time": 0}}
    entry = {"val_accuracy": 1, **scores}
    (tmp_path / "zc_nasbench101.json").write_text(
        json.dumps({"cifar10": {"(0, 1, 0, 0, 0, 1)": entry}})
    )
    frame = NasBenchSuiteZero().read([tmp_path / "zc_nasbench101.json"]).frame
    assert frame["zc_synflow"].tolist() == [1e60]
    assert frame["zc_snip"].dtype == np.float32


# HW-NAS-Bench.

DEVICES = [
    "edgegpu_latency",
    "edgegpu_energy",
    "raspi4_latency",
    "edgetpu_latency",
    "pixel3_latency",
    "eyeriss_latency",
    "eyeriss_energy",
    "eyeriss_arithmetic_intensity",
    "fpga_latency",
    "fpga_energy",
]


def hw_content(kind):
    """As hw_nas_bench_api.py reads it, with columns of some kind of numbers."""
    tasks = ("cifar10", "cifar100", "ImageNet16-120")
    cells = {
        task: {
            device: kind([1000 * t + 10 * d + n + 0.125 for n in range(3)])
            for d, device in enumerate(DEVICES)
        }
        | {"config": [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": c} for c in CELLS]}
        for t, task in enumerate(tasks)
    }
    return {"nasbench201": cells, "fbnet": {"edgegpu_latency": {"FC_Cin1504_Cout100": 1.5}}}


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize(
    "kind",
    [list, np.array, lambda numbers: list(map(np.float64, numbers))],
    ids=["list", "array", "scalars"],
)
def test_hw_nas_bench(kind, protocol, tmp_path):
    (tmp_path / "hw.pickle").write_bytes(pickle.dumps(hw_content(kind), protocol=protocol))
    imported = HwNasBench().read([tmp_path / "hw.pickle"])
    check_archs(imported, CELLS, NB201)
    for t, task in enumerate(("c10", "c100", "in16")):
        for d, device in enumerate(DEVICES):
            wanted = [1000 * t + 10 * d + n + 0.125 for n in range(3)]
            check_values(imported, f"{task}_{device}", wanted)


# TransNAS-Bench-101.

TASKS = {
    "class_scene": "top1",
    "class_object": "top1",
    "room_layout": "neg_loss",
    "jigsaw": "top1",
    "segmentsemantic": "acc",
    "normal": "ssim",
    "autoencoder": "ssim",
}
INFO = ["inference_time", "encoder_params", "model_params", "model_FLOPs", "encoder_FLOPs"]


def tnb_content(archs, part="micro"):
    """As api.py of yawen-d/TransNASBench reads it."""

    def results(a, t, metric):
        curve = [a + t + e / 10 for e in range(5)]
        return {
            "model_info": {name: 100.0 * a + n for n, name in enumerate(INFO)},
            "metrics": {
                f"valid_{metric}": curve,
                f"test_{metric}": [v - 0.5 for v in curve],
                "time_elapsed": [60.0 * (e + 1) for e in range(5)],
            },
            "total_epochs": 5,
        }

    by_arch = {
        arch: {task: results(a, t, metric) for t, (task, metric) in enumerate(TASKS.items())}
        for a, arch in enumerate(archs)
    }
    return {
        "metrics_dict": {task: [f"valid_{m}", f"test_{m}"] for task, m in TASKS.items()},
        "info_names": INFO,
        "task_list": list(TASKS),
        "data": {"macro": {"another": {}}, "micro": {"another": {}}, part: by_arch},
    }


@pytest.mark.parametrize(
    ("importer", "part", "archs", "space"),
    [
        (TransNasBench101, "micro", ["64-41414-1_02_333", "64-41414-0_00_001"], TNB),
        (TransNasBench101Macro, "macro", ["64-414141-basic", "64-1234-basic"], MACRO),
    ],
)
def test_trans_nas_bench_101(importer, part, archs, space, tmp_path):
    official.torch_file(tmp_path / "tnb.pth", tnb_content(archs, part))
    imported = importer().read([tmp_path / "tnb.pth"])
    check_archs(imported, archs, space)
    for t, task in enumerate(TASKS):
        check_values(imported, f"{task}_val", [t + 0.4, 1 + t + 0.4])
        check_values(imported, f"{task}_test", [t - 0.1, 1 + t - 0.1])
        check_values(imported, f"{task}_train_time", [300, 300])
        check_values(imported, f"{task}_model_FLOPs", [3, 103])


# Accel-NASBench.


def accel_results():
    space = accel_nas_bench()
    X = space.sample(3, generator=torch.Generator().manual_seed(0))
    archs = [{column: arch[column] for column in space.columns} for arch in space.archs(X)]
    return archs, {
        f"json/result_{n}.json": official.accel_result(
            {k: str(v) if isinstance(v, bool) and n == 1 else v for k, v in arch.items()},
            {"val_top1": 60.5 + n, "val_top5": 80.25, "train_time": 1000.0, "note": "x"},
            {"throughput_a100": (9000.0 + n, 1.5), "latency_zcu102": (None if n else 2.5, None)},
        )
        for n, arch in enumerate(archs)
    }


@pytest.mark.parametrize("packed", [True, False])
def test_accel_nas_bench(packed, tmp_path):
    archs, results = accel_results()
    path = tmp_path / "json"
    if packed:
        path = tmp_path / "small.tar.gz"
        path.write_bytes(official.tar_gz(results))
    else:
        path.mkdir()
        for name, content in results.items():
            (tmp_path / name).write_text(json.dumps(content))
    imported = AccelNasBench().read([path])
    check_archs(imported, archs, accel_nas_bench())
    check_values(imported, "val_top1", [60.5, 61.5, 62.5])
    check_values(imported, "throughput_a100", [9000, 9001, 9002])
    check_values(imported, "throughput_a100_std", [1.5] * 3)
    check_values(imported, "latency_zcu102", [2.5, np.nan, np.nan])
    assert "note" not in imported.frame


# What all have in common.


@pytest.fixture
def files(tmp_path):
    """For each format a file that is of it, and its content."""
    by_name = {
        "nas-bench-101": ("a.tfrecord", official.tfrecord(nb101_records())),
        "nats-bench-topology": ("a.pickle.pbz2", official.pbz2(official.nats_whole(CELLS, TSS))),
        "nats-bench-size": ("b.pickle.pbz2", official.pbz2(official.nats_whole(SIZES, SSS))),
        "nas-bench-suite-zero": (
            "zc_nasbench101.json",
            json.dumps({"cifar10": {"(0, 1, 0, 0, 0, 1)": {"val_accuracy": 1.5}}}).encode(),
        ),
        "hw-nas-bench": ("a.pickle", pickle.dumps(hw_content(list))),
        "accel-nasbench": ("a.tar.gz", official.tar_gz(accel_results()[1])),
    }
    for name, content in (
        ("nas-bench-201", official.nats_whole(CELLS, TSS)),
        ("transnas-bench-101", tnb_content(["64-41414-1_02_333"])),
        ("transnas-bench-101-macro", tnb_content(["64-1234-basic"], "macro")),
    ):
        official.torch_file(tmp_path / f"{name}.pth", content)
        by_name[name] = (f"{name}.pth", (tmp_path / f"{name}.pth").read_bytes())
    for file, content in by_name.values():
        (tmp_path / file).write_bytes(content)
    return {name: tmp_path / file for name, (file, _) in by_name.items()}


FORMATS = [name for name in IMPORTERS if name != "yahpo-nb301"]  # tested by itself


@pytest.mark.parametrize("name", FORMATS)
def test_the_table_is_written_whole_and_says_where_it_comes_from(name, files, tmp_path):
    path = files[name]
    imported = IMPORTERS[name]().read([path])
    imported.write(tmp_path / "table.parquet")
    assert read_provenance(tmp_path / "table.parquet") == imported.provenance
    (source,) = imported.provenance.sources
    assert source.name == path.name
    assert source.size == path.stat().st_size
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert imported.provenance.format == name
    assert imported.provenance.archbo == archbo.__version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", imported.provenance.date)
    assert source.sha256 in str(imported.provenance)
    table = read_table(tmp_path / "table.parquet", imported.space)
    assert len(table) == len(imported.frame)
    assert set(table.metrics) == set(imported.metrics)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), imported.frame)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "another"])
def test_damaged_and_wrong_files_are_refused_in_a_line(name, damage, files):
    path = files[name]
    content = path.read_bytes()
    other = files["hw-nas-bench" if name != "hw-nas-bench" else "nas-bench-101"].read_bytes()
    path.write_bytes(
        {
            "truncated": content[: len(content) * 2 // 3 - 7],
            "empty": b"",
            "text": b"arch_str,accuracy\n",
            "another": other,
        }[damage]
    )
    with pytest.raises(DataError) as caught:
        IMPORTERS[name]().read([path])
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


class Shell:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("nats-bench-topology", lambda path, bad: path.write_bytes(official.pbz2(bad))),
        ("nats-bench-size", lambda path, bad: path.write_bytes(official.pbz2(bad))),
        ("nas-bench-201", official.torch_file),
        ("transnas-bench-101", official.torch_file),
        ("transnas-bench-101-macro", official.torch_file),
        ("hw-nas-bench", lambda path, bad: path.write_bytes(pickle.dumps(bad))),
    ],
)
def test_code_in_a_pickle_is_refused_and_never_run(name, write, tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "bad"
    write(path, {"arch2infos": Shell(f"touch {canary}")})
    with pytest.raises(DataError, match=r"refused .*bad: it asks for posix.system"):
        IMPORTERS[name]().read([path])
    assert not canary.exists()


def test_a_file_with_an_official_name_and_another_content_is_told(files, tmp_path):
    path = tmp_path / "nasbench_only108.tfrecord"
    path.write_bytes(files["nas-bench-101"].read_bytes())
    with pytest.warns(DataWarning, match=r"is not the published .* SHA-256 `4c39c3936e"):
        imported = NasBench101().read([path])
    assert len(imported.frame) == 3
    path = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    path.write_bytes(files["nats-bench-topology"].read_bytes())
    with pytest.warns(DataWarning, match="MD5 ends in `3ffb9`"):
        NatsBenchTopology().read([path])


def test_the_official_digest_is_recognised(files, monkeypatch):
    path = files["nas-bench-101"]
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    known = replace(NasBench101.files[0], name=path.name, sha256=sha256)
    monkeypatch.setattr(NasBench101, "files", (known,))
    NasBench101().read([path])  # warnings are errors


def test_missing_files_and_folders_without_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"needs files to import; give nasbench_full.tfrecord"):
        NasBench101().read([])
    with pytest.raises(DataError, match=r"there is no file .*nothing"):
        NasBench101().read([tmp_path / "nothing"])
    with pytest.raises(DataError, match=r"has no file \*\.json"):
        AccelNasBench().read([tmp_path])
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match=r"cannot tell the space of .*other.json"):
        NasBenchSuiteZero().read([tmp_path / "other.json"])


def test_a_table_that_was_not_imported_says_nothing(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "plain.parquet")
    assert read_provenance(tmp_path / "plain.parquet") is None
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(DataError, match=r"cannot read .*text.parquet"):
        read_provenance(tmp_path / "text.parquet")


def test_what_cannot_be_written_leaves_nothing(files, tmp_path):
    imported = NasBench101().read([files["nas-bench-101"]])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match="cannot write"):
        imported.write(tmp_path / "no folder" / "table.parquet")
    assert sorted(tmp_path.iterdir()) == before
