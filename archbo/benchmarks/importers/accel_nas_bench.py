"""Accel-NASBench: a file of JSON for each network, packed or in a folder."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

import pandas as pd

from archbo.benchmarks.importers.base import CHUNK, Files, Importer, Published, read_json
from archbo.errors import DataError
from archbo.spaces import SearchSpace
from archbo.spaces.published import accel_nas_bench

__all__ = ["AccelNasBench"]

FLAGS = {"True": True, "False": False}
"""How flags may be written (utils.py of the repository)."""


@final
class AccelNasBench(Importer):
    """5,130 networks of MobileNet kind on ImageNet, and their speed on six accelerators (arXiv 2404.08005).

    Columns: those of the space; ``val_top1`` and ``val_top5`` in % after a short training, ``train_time`` in seconds,
    and what else is measured of the network; ``throughput_{device}`` in images/s and ``latency_{device}`` in ms, with
    ``..._std`` of the measurement. A few networks are there twice.
    """

    name = "accel-nasbench"
    patterns = ("*.json",)
    licence = "Apache-2.0"
    files = (
        Published(
            "anb_dataset_jsons.tar.gz",
            "https://github.com/afzalxo/Accel-NASBench/tree/master/anb_dataset",
            "not stated, in the repository",
        ),
    )

    def _read(self, files: Files) -> tuple[SearchSpace, pd.DataFrame]:
        space = accel_nas_bench()
        rows: list[dict[str, object]] = []
        for path in files.paths:
            for where, content in _contents(files, path):
                try:
                    rows.append(_row(space, content))
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    raise DataError(
                        f"{where} is no result of {self.name} ({type(error).__name__}: {error}); "
                        f"give {self.files[0].name}, or the files in it"
                    ) from error
        return space, pd.DataFrame(rows)


def _contents(files: Files, path: Path) -> Iterator[tuple[str, Any]]:
    """What each file of JSON holds, with what errors call it."""
    if path.suffix == ".json":
        yield str(path), files.load_json(path)
        return
    try:
        with (
            files.open(path) as file,
            gzip.open(file) as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|") as archive,
        ):
            for member in archive:
                content = archive.extractfile(member)
                if content is not None and member.name.endswith(".json"):
                    where = f"{member.name} in {path}"
                    yield where, read_json(content, where)
            while unpacked.read(CHUNK):  # its checksum comes last
                pass
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(
            f"cannot read {path}: {error}; give a .tar.gz or .json file, it may be cut short"
        ) from error


def _row(space: SearchSpace, content: Mapping[str, Any]) -> dict[str, object]:
    """The network of a file, and what was measured of it."""
    network = content["architecture"]
    row: dict[str, object] = {
        column: FLAGS.get(network[column], network[column]) for column in space.columns
    }
    metrics = dict(content["metrics"])
    row["val_top1"] = float(metrics.pop("val_top1"))
    for name, value in [*metrics.items(), *content.items()]:
        if isinstance(value, int | float):
            row[name] = float(value)
    for metric, measured in content.get("platform_perf", {}).items():
        kind = metric.partition("_")[0]
        for end, statistic in (("", "mean"), ("_std", "std")):
            value = (measured or {}).get(f"{kind}_{statistic}")
            row[metric + end] = float("nan") if value is None else float(value)
    return row
