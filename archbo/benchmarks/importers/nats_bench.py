"""NATS-Bench and NAS-Bench-201: pickles of what was recorded of each training."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, ClassVar, final

import pandas as pd

from archbo.benchmarks.importers.base import ARCH, Files, Importer, Published
from archbo.errors import DataError
from archbo.spaces import EdgeCellSpace, SearchSpace
from archbo.spaces.published import nats_bench_size

__all__ = ["NasBench201", "NatsBenchSize", "NatsBenchTopology"]

SETS = {
    "c10": (("cifar10-valid", "x-valid"), ("cifar10", "ori-test")),
    "c100": (("cifar100", "x-valid"), ("cifar100", "x-test")),
    "in16": (("ImageNet16-120", "x-valid"), ("ImageNet16-120", "x-test")),
}
"""The dataset and the images of the validation and of the test accuracy of each task
(``remap_dataset_set_names`` of nats_bench/api_utils.py)."""

LENGTHS = {"less": "12", "full": "200"}
"""How NAS-Bench-201 calls the lengths of trainings (nas_201_api/api_201.py)."""


class _Trained(Importer):
    """Architectures trained for several lengths and seeds on three datasets.

    Columns, each the mean over seeds, for each task ``c10``, ``c100`` and ``in16`` (ImageNet16-120):
    ``{task}_val_{epochs}`` and ``{task}_test_{epochs}``, accuracy in %; ``{task}_train_time_{epochs}`` of the training
    that was validated, in seconds; ``{task}_flops`` and ``{task}_params`` in M; ``{task}_latency`` in seconds.
    """

    patterns: ClassVar[tuple[str, ...]] = ("*[0-9].pickle.pbz2",)
    licence: ClassVar[str] = "MIT"

    @abstractmethod
    def _table(self, archs: Sequence[str]) -> tuple[SearchSpace, dict[str, object]]:
        """The space of architectures, and the columns that hold them.

        Raises:
            ValueError: They are of another space.
        """

    @final
    def _read(self, files: Files) -> tuple[SearchSpace, pd.DataFrame]:
        rows: dict[str, dict[str, float]] = {}
        for path in files.paths:
            content = files.load_pickle(path)
            try:
                for by_length in _architectures(content):
                    arch, row = _row(by_length)
                    rows[arch] = row
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                raise DataError(
                    f"{path} holds no trainings of {self.name} ({type(error).__name__}: {error}); "
                    f"give {' or '.join(file.name for file in self.files)}"
                ) from error
        try:
            space, columns = self._table(list(rows))
        except ValueError as error:
            raise DataError(f"{files.paths[0]}: {error}; is it a file of {self.name}?") from error
        metrics = pd.DataFrame(list(rows.values()), dtype=float)
        return space, pd.DataFrame(columns).join(metrics.dropna(axis=1, how="all"))


class NatsBenchTopology(_Trained):
    """15,625 cells on three datasets, trained for 12 and 200 epochs (arXiv 2009.00437)."""

    name = "nats-bench-topology"
    files = (
        Published(
            "NATS-tss-v1_0-3ffb9-simple",
            "https://drive.google.com/file/d/17_saCsj_krKjlCBLOJEpNtzPXArMCqxU",
            "1.1 GB, a folder in a .tar",
        ),
        Published(
            "NATS-tss-v1_0-3ffb9.pickle.pbz2",
            "https://drive.google.com/file/d/1vzyK0UVH2D3fTpa1_dSWnp1gvGpAxRul",
            "1.1 GB",
            md5="3ffb9",
        ),
    )

    @final
    def _table(self, archs: Sequence[str]) -> tuple[SearchSpace, dict[str, object]]:
        return EdgeCellSpace.nas_bench_201(), {ARCH: list(archs)}


@final
class NasBench201(NatsBenchTopology):
    """The cells of NATS-Bench's topology space in the older files of NAS-Bench-201 (arXiv 2001.00326)."""

    name = "nas-bench-201"
    files = (
        Published(
            "NAS-Bench-201-v1_1-096897.pth",
            "https://drive.google.com/file/d/16Y0UwGisiouVRxW-W5hEtbxmcHw_0hF_",
            "4.7 GB",
            md5="096897",
        ),
        Published(
            "NAS-Bench-201-v1_0-e61699.pth",
            "https://drive.google.com/file/d/1SKW0Cu0u8-gb18zDpaAGi0f74UdXeGKs",
            "2.2 GB",
            md5="e61699",
        ),
    )


@final
class NatsBenchSize(_Trained):
    """32,768 networks of different widths on three datasets, trained for 1, 12 and 90 epochs (arXiv 2009.00437)."""

    name = "nats-bench-size"
    files = (
        Published(
            "NATS-sss-v1_0-50262-simple",
            "https://drive.google.com/file/d/1scOMTUwcQhAMa_IMedp9lTzwmgqHLGgA",
            "1.1 GB, a folder in a .tar",
        ),
        Published(
            "NATS-sss-v1_0-50262.pickle.pbz2",
            "https://drive.google.com/file/d/1IabIvzWeDdDAWICBzFtTCMXxYWPIOIOX",
            "1.1 GB",
            md5="50262",
        ),
    )

    def _table(self, archs: Sequence[str]) -> tuple[SearchSpace, dict[str, object]]:
        space = nats_bench_size()
        channels = [list(map(int, arch.split(":"))) for arch in archs]
        columns = zip(space.columns, zip(*channels, strict=True), strict=True)
        return space, {name: list(values) for name, values in columns}


def _architectures(content: Mapping[Any, Any]) -> Iterator[Mapping[str, Any]]:
    """For each architecture of a file what is known by length: a file of one, or of all of them."""
    infos = content.get("arch2infos", {0: content})
    for index in sorted(infos):
        yield {LENGTHS.get(length, length): results for length, results in infos[index].items()}


def _row(by_length: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """An architecture and its metrics, from ``ArchResults.state_dict`` by length (nats_bench/api_utils.py)."""
    row: dict[str, float] = {}
    archs = {results["arch_str"] for results in by_length.values()}
    for task, ((validated, images), (tested, test_images)) in SETS.items():
        for length, results in by_length.items():
            epochs = int(length)
            runs = _runs(results, validated)
            row[f"{task}_val_{epochs}"] = _mean([_accuracy(run, images) for run in runs])
            test = [_accuracy(run, test_images) for run in _runs(results, tested)]
            row[f"{task}_test_{epochs}"] = _mean(test)
            times = [run.get("train_times") for run in runs]
            row[f"{task}_train_time_{epochs}"] = _mean([sum(t.values()) for t in times if t])
            for run in runs:
                row[f"{task}_flops"], row[f"{task}_params"] = run["flop"], run["params"]
            latencies = [fmean(run["latency"]) for run in runs if run.get("latency")]
            row[f"{task}_latency"] = _mean(latencies)
    (arch,) = archs
    return str(arch), row


def _runs(results: Mapping[str, Any], dataset: str) -> list[Mapping[str, Any]]:
    """The trainings on a dataset, by seed."""
    seeds = results["dataset_seed"].get(dataset, ())
    return [results["all_results"][dataset, seed] for seed in seeds]


def _accuracy(run: Mapping[str, Any], images: str) -> float:
    """The accuracy on some images after the last epoch; NaN where it was not measured."""
    found: float = run["eval_acc1es"].get(f"{images}@{run['epochs'] - 1}", math.nan)
    return found


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else math.nan
