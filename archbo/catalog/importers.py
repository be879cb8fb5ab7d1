"""Importers of official files by name."""

from archbo.benchmarks.importers import (
    AccelNasBench,
    HwNasBench,
    Importer,
    NasBench101,
    NasBench201,
    NasBenchSuiteZero,
    NatsBenchSize,
    NatsBenchTopology,
    TransNasBench101,
    TransNasBench101Macro,
    YahpoNb301Sample,
)
from archbo.catalog.entry import Entry, Registry

__all__ = ["IMPORTERS"]

OWN: tuple[type[Importer], ...] = (
    NasBench101,
    NasBench201,
    NatsBenchTopology,
    NatsBenchSize,
    NasBenchSuiteZero,
    HwNasBench,
    TransNasBench101,
    TransNasBench101Macro,
    YahpoNb301Sample,
    AccelNasBench,
)
"""Those of archbo itself."""

IMPORTERS: Registry[Importer] = Registry(
    "importer", "archbo.importers", [Entry(importer.name, importer) for importer in OWN]
)
"""Each makes an importer, which makes a table of official files."""
