"""NAS-Bench-Suite-Zero: JSON of zero-cost proxies."""

from collections.abc import Mapping
from typing import Any, final

import pandas as pd

from archbo.benchmarks.importers.base import ARCH, Files, Importer, Published
from archbo.errors import DataError
from archbo.spaces import DartsSpace, EdgeCellSpace, NodeCellSpace, SearchSpace, TransNASMacroSpace

__all__ = ["NasBenchSuiteZero", "scores_of"]

SPACES = {
    "zc_nasbench101.json": (NodeCellSpace.nas_bench_101, "val_acc"),
    "zc_nasbench201.json": (EdgeCellSpace.nas_bench_201, "val_200_zc"),
    "zc_nasbench301.json": (DartsSpace.nas_bench_301, "val_acc"),
    "zc_transbench101_micro.json": (EdgeCellSpace.trans_nas_micro, "val_best"),
    "zc_transbench101_macro.json": (TransNASMacroSpace, "val_best"),
}
"""For each file its space, and the column of its accuracies."""

TASKS = {"cifar10": "c10", "cifar100": "c100", "ImageNet16-120": "in16"}
"""The tasks of NAS-Bench-201 in the names of columns; others are written as in the file."""


@final
class NasBenchSuiteZero(Importer):
    """13 zero-cost proxies of the architectures of five spaces (arXiv 2210.03230).

    Columns: ``zc_{proxy}``, and the accuracy of the file; where the file has several tasks, ``c10_zc_{proxy}``,
    ``class_scene_zc_{proxy}`` and so on. FLOPs and parameters are in M.
    """

    name = "nas-bench-suite-zero"
    licence = "Apache-2.0"
    files = (
        Published(
            "zc_nasbench201.json",
            "https://drive.google.com/file/d/1k2EUtVJ4JqoJCnuyJEVgZs6vAmbg6XVB",
            "not stated",
        ),
        Published(
            "zc_nasbench101.json",
            "https://drive.google.com/file/d/1uT3tuIDMVaB4U1N8l9imEYHWPOLls3FD",
            "not stated",
        ),
        Published(
            "zc_nasbench301.json",
            "https://drive.google.com/file/d/11kIyLr7LwFB_fXGDk3ic5yjiYMY5JLXG",
            "not stated",
        ),
        Published(
            "zc_transbench101_micro.json",
            "https://drive.google.com/file/d/1i8N2n7yflN33xAuQVzlTYM4E7W1Cwn1S",
            "not stated",
        ),
        Published(
            "zc_transbench101_macro.json",
            "https://drive.google.com/file/d/1nMaa3LjlP1d_umgudX7abKSdDMeoBNb5",
            "not stated",
        ),
    )

    def _read(self, files: Files) -> tuple[SearchSpace, pd.DataFrame]:
        path, *others = files.paths
        if others:
            raise DataError(
                f"{path} and {others[0]} are tables of two spaces; import each by itself"
            )
        if path.name not in SPACES:
            raise DataError(
                f"cannot tell the space of {path}; give it its published name, one of {', '.join(SPACES)}"
            )
        make, accuracy = SPACES[path.name]
        content = files.load_json(path)
        if not isinstance(content, dict):
            raise DataError(f"{path} holds no datasets by name; give the official file")
        several = path.name not in ("zc_nasbench101.json", "zc_nasbench301.json")
        parts = []
        for dataset, by_arch in content.items():
            prefix = f"{TASKS.get(dataset, dataset)}_" if several else ""
            scores = scores_of(by_arch, f"{path}, {dataset}").add_prefix(f"{prefix}zc_")
            scores.insert(0, prefix + accuracy, _accuracies(by_arch, f"{path}, {dataset}"))
            parts.append(scores)
        table = pd.concat(parts, axis=1, sort=False) if parts else pd.DataFrame()
        return make(), table.rename_axis(ARCH).reset_index()


def scores_of(by_arch: object, where: str) -> pd.DataFrame:
    """The scores of a dataset: a row for each architecture, in the file's notation, and a column for each proxy.

    Args:
        by_arch: For each architecture, for each proxy, ``{"score", "time"}``, beside other numbers.
        where: What the dataset is called in errors.

    Raises:
        DataError: It is not that.
    """
    if not isinstance(by_arch, Mapping):
        raise DataError(f"{where} holds no architectures by name; give the official file")
    rows: dict[str, dict[str, float]] = {}
    for arch, entry in by_arch.items():
        try:
            proxies = {name: value for name, value in entry.items() if isinstance(value, Mapping)}
            rows[arch] = {name: float(value["score"]) for name, value in proxies.items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}, {arch}: {error}; give the official file") from error
    return pd.DataFrame(list(rows.values()), index=list(rows), dtype=float)


def _accuracies(by_arch: Mapping[str, Any], where: str) -> "pd.Series[float]":
    try:
        found = {arch: float(entry["val_accuracy"]) for arch, entry in by_arch.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{where}: an architecture has no val_accuracy ({error}); give the official file"
        ) from error
    return pd.Series(found, dtype=float)
