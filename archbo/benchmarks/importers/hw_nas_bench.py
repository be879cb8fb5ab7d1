"""HW-NAS-Bench: a pickle of latencies and energies."""

from typing import final

import pandas as pd

from archbo.benchmarks.importers.base import ARCH, Files, Importer, Published
from archbo.errors import DataError
from archbo.spaces import EdgeCellSpace, SearchSpace

__all__ = ["HwNasBench"]

TASKS = {"cifar10": "c10", "cifar100": "c100", "ImageNet16-120": "in16"}
"""The datasets, and what the columns of each begin with."""

METRICS = (
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
)
"""What is measured of each cell (hw_nas_bench_api/hw_nas_bench_api.py)."""


@final
class HwNasBench(Importer):
    """Latency and energy of the 15,625 cells of NAS-Bench-201 on six devices (arXiv 2103.10584).

    Columns: ``{task}_{device}_latency`` in ms and ``{task}_{device}_energy`` in mJ, for each task ``c10``, ``c100`` and
    ``in16``. The lookup tables of FBNet's operators in the same file are no table of architectures, and are left out.
    """

    name = "hw-nas-bench"
    licence = "MIT"
    files = (
        Published(
            "HW-NAS-Bench-v1_0.pickle",
            "https://github.com/GATECH-EIC/HW-NAS-Bench",
            "about 10 MB, in the repository",
        ),
    )

    def _read(self, files: Files) -> tuple[SearchSpace, pd.DataFrame]:
        path, *others = files.paths
        if others:
            raise DataError(f"{self.name} is one file; leave {others[0]} out")
        content = files.load_pickle(path)
        columns: dict[str, object] = {}
        try:
            cells = content["nasbench201"]
            configs = cells["cifar10"]["config"]
            columns[ARCH] = [configs[cell]["arch_str"] for cell in range(len(configs))]
            for task, prefix in TASKS.items():
                for metric in METRICS:
                    values = cells[task][metric]
                    if len(values) != len(configs):
                        raise ValueError(f"{len(values)} of {metric} for {len(configs)} cells")
                    columns[f"{prefix}_{metric}"] = [float(values[n]) for n in range(len(values))]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise DataError(
                f"{path} holds no HW-NAS-Bench ({type(error).__name__}: {error}); give {self.files[0].name}"
            ) from error
        return EdgeCellSpace.nas_bench_201(), pd.DataFrame(columns)
