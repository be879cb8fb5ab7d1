"""The tables that measurements look values up in; most of them in that of NAS-Bench-201."""

from functools import cache
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.acquisition.candidates.base import DerivedCandidates
from archbo.benchmarks import Benchmark, read_table

__all__ = ["EMBEDDED", "TABLE", "TASKS", "VALID", "Nearest", "everything", "load"]

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nb201.parquet"
"""Where the table is unless another path is given: beside the repository."""
EMBEDDED = Path("nb201")
"""In place of a path: the benchmark of that name in the catalog, which needs no file."""
TASKS = {"c10": "CIFAR-10", "c100": "CIFAR-100", "in16": "ImageNet16-120"}
"""What the columns of each task begin with, and its name."""
VALID = "is_valid_net"
"""The column that tells which networks have no unreachable operations; published proxies are of these."""


@cache
def load(table: Path, where: str | None = None, space: str = "nb201") -> Benchmark:
    """The table, or its rows in which a boolean column is true; read once by each process.

    Args:
        table: Its path, or ``EMBEDDED``.
        where: A column of flags: the rows that count.
        space: The name of its space in the catalog, or the path of a TOML file.

    Raises:
        DataError: It cannot be read.
    """
    if table == EMBEDDED:
        return catalog.benchmark(str(table))
    return read_table(table, catalog.space(space), where=where)


def everything(benchmark: Benchmark) -> FixedCandidates:
    """All architectures of a table."""
    return FixedCandidates(benchmark.space, benchmark.X)


@final
class Nearest(DerivedCandidates):
    """Rows of a table that holds few of its space: a move ends at the nearest one, by the sum over decisions."""

    def __init__(self, candidates: FixedCandidates) -> None:
        super().__init__(candidates)
        self.rows = candidates.X

    def restrict(self, X: Tensor) -> Tensor:
        """The row of the table, ``n x d``, that is nearest to each of ``X`` (``n x d``), the first of several."""
        widths = (self.rows.amax(0) - self.rows.amin(0)).clamp_min(1)
        return self.rows[torch.cdist(X / widths, self.rows / widths, p=1).argmin(-1)]
