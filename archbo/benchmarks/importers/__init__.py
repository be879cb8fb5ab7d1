"""Official files of benchmarks become tables."""

from archbo.benchmarks.importers.accel_nas_bench import AccelNasBench
from archbo.benchmarks.importers.base import (
    Files,
    Imported,
    Importer,
    Provenance,
    Published,
    Source,
    read_provenance,
)
from archbo.benchmarks.importers.hw_nas_bench import HwNasBench
from archbo.benchmarks.importers.nas_bench_101 import NasBench101
from archbo.benchmarks.importers.nats_bench import NasBench201, NatsBenchSize, NatsBenchTopology
from archbo.benchmarks.importers.suite_zero import NasBenchSuiteZero
from archbo.benchmarks.importers.trans_nas_bench import TransNasBench101, TransNasBench101Macro
from archbo.benchmarks.importers.yahpo_nb301 import YahpoNb301Sample

__all__ = [
    "AccelNasBench",
    "Files",
    "HwNasBench",
    "Imported",
    "Importer",
    "NasBench101",
    "NasBench201",
    "NasBenchSuiteZero",
    "NatsBenchSize",
    "NatsBenchTopology",
    "Provenance",
    "Published",
    "Source",
    "TransNasBench101",
    "TransNasBench101Macro",
    "YahpoNb301Sample",
    "read_provenance",
]
