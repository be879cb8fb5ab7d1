"""Zero-cost proxies that were computed before, by architecture."""

import fnmatch
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from archbo.benchmarks import Benchmark
from archbo.errors import ArchboError, DataError
from archbo.proxies.base import Proxies
from archbo.proxies.scores import ARCH, nodes_of
from archbo.spaces import SearchSpace

__all__ = ["ProxyTable", "read_suite_zero"]


class ProxyTable(Proxies):
    """Scores of architectures by several proxies, computed before.

    An architecture that is not in the table takes the scores of its canonical twin: what cannot be reached
    does not count.

    Args:
        space: The space that the rows belong to.
        X: ``n x d``, the architectures as rows.
        scores: ``n x P``. NaN and infinities are failures, which rank below all else; an architecture of
            which all are NaN counts as not in the table.
        names: Of the ``P`` proxies.
        nodes: ``n x d x k``, the parts of measures by decision; there need not be any.
        node_names: Of their ``k`` measures.

    Raises:
        DataError: There are no scores, or not as many as rows and names.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> cells = ["(2, 1, 1, 1, 1, 2)", "(2, 1, 1, 1, 1, 1)"]  # in the second nothing follows the convolution
        >>> table = ProxyTable(space, space.rows(cells[:1]), torch.tensor([[3.0]]), ["params"])
    """

    def __init__(
        self,
        space: SearchSpace,
        X: Tensor,
        scores: Tensor,
        names: Sequence[str],
        *,
        nodes: Tensor | None = None,
        node_names: Sequence[str] = (),
    ) -> None:
        if scores.shape != (len(X), len(names)) or not names:
            raise DataError(
                f"{len(X)} architectures and {len(names)} proxies, but scores of shape "
                f"{tuple(scores.shape)}; give one row per architecture and one column per proxy"
            )
        shape = (len(X), space.n_columns, len(node_names))
        parts = torch.zeros(shape) if nodes is None else nodes
        if parts.shape != shape:
            raise DataError(
                f"{len(X)} architectures of {space.n_columns} decisions and {len(node_names)} measures, "
                f"but parts of shape {tuple(parts.shape)}"
            )
        known = ~scores.isnan().all(-1)
        if not bool(known.any()):
            raise DataError(f"no architecture of {space.name} has a score by {', '.join(names)}")
        self.space, self.names, self.node_names = space, tuple(names), tuple(node_names)
        self.X = X[known]
        self._scores, self._nodes = scores[known].double(), parts[known].double()

    @classmethod
    def read(cls, path: str | Path, space: SearchSpace) -> Self:
        """Read a Parquet or CSV file of scores, as ``score`` writes it.

        The column ``arch_str`` names the architectures. Columns such as ``op_0_1.snip``, a decision and a measure,
        are parts; all other columns are proxies.

        Raises:
            DataError: The file is no such file, or an architecture is of another space.
        """
        try:
            frame = pd.read_csv(path) if Path(path).suffix == ".csv" else pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read {path} as a table of scores: {error}") from error
        if ARCH not in frame:
            raise DataError(f"{path} has no column {ARCH!r}, so it is no file of scores")
        try:
            X = space.rows([str(arch) for arch in frame[ARCH]])
        except ArchboError as error:
            raise DataError(f"{path}: {error}") from error
        columns, first = [str(column) for column in frame], f"{space.columns[0]}."
        node_names = [name.removeprefix(first) for name in columns if name.startswith(first)]
        parts = {f"{column}.{name}" for column in space.columns for name in node_names}
        missing = parts.difference(columns)
        if missing:
            raise DataError(f"{path} has no column {min(missing)!r}")
        names = [name for name in columns if name != ARCH and name not in parts]
        try:
            scores = torch.from_numpy(frame[names].to_numpy(dtype=np.float64, copy=True))
            nodes = nodes_of(frame, space, node_names)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error
        return cls(space, X, scores, names, nodes=nodes, node_names=node_names)

    @classmethod
    def from_benchmark(cls, benchmark: Benchmark, patterns: Iterable[str]) -> Self:
        """The columns of a benchmark's table that match a pattern such as ``c10_zc_*``.

        Raises:
            DataError: A pattern matches no column, or the columns hold no scores.
        """
        names = _matching(patterns, list(benchmark.metrics.columns), benchmark.name)
        scores = torch.tensor(benchmark.metrics[names].to_numpy().copy())
        return cls(benchmark.space, benchmark.X, scores, names)

    def __len__(self) -> int:
        return len(self.X)

    def scores(self, X: Tensor) -> Tensor:
        """Each proxy's own numbers, ``m x P``, of rows ``X`` (``m x d``); they may be NaN or infinite.

        Raises:
            DataError: An architecture is not in the table, and neither is its canonical twin.
        """
        return self._scores[self._find(X)]

    def nodes(self, X: Tensor) -> Tensor:
        """The parts that each decision has in a measure, ``m x d x k``, of rows ``X`` (``m x d``).

        Raises:
            DataError: An architecture is not in the table, and neither is its canonical twin.
        """
        return self._nodes[self._find(X)]

    @property
    def reference(self) -> tuple[Tensor, Tensor]:
        return self._scores, self._nodes

    def same_as(self, other: Proxies) -> bool:
        """Whether another table holds the same scores, by the same names, of the same architectures."""
        if self is other:
            return True
        if not isinstance(other, ProxyTable) or self.space != other.space:
            return False
        names = (self.names, self.node_names) == (other.names, other.node_names)
        tensors = [(self.X, other.X), (self._scores, other._scores), (self._nodes, other._nodes)]
        return names and all(
            mine.shape == theirs.shape and bool(mine.to(theirs).isclose(theirs, 0, 0, True).all())
            for mine, theirs in tensors
        )

    def select(self, patterns: Iterable[str]) -> Self:
        """The same with only those proxies that match a pattern such as ``*norm``, in the patterns' order.

        Raises:
            DataError: A pattern matches none.
        """
        names = _matching(patterns, self.names, f"the table of {self.space.name}")
        columns = [self.names.index(name) for name in names]
        return type(self)(
            self.space,
            self.X,
            self._scores[:, columns],
            names,
            nodes=self._nodes,
            node_names=self.node_names,
        )

    @cached_property
    def _places(self) -> Mapping[Hashable, int]:
        """Where an architecture is, by row and by canonical row, the table's own rows before their twins."""
        own, twins = self.space.row_keys(self.X), self.space.keys(self.X)
        places: dict[Hashable, int] = {}
        for place, key in enumerate(_hashable(own)):
            places.setdefault((False, key), place)
        for place, key in enumerate(_hashable(twins)):
            places.setdefault((True, key), place)
        return places

    def _find(self, X: Tensor) -> Tensor:
        found: list[int] = []
        own, twins = _hashable(self.space.row_keys(X)), _hashable(self.space.keys(X))
        for row, key, twin in zip(X, own, twins, strict=True):
            place = self._places.get((False, key), self._places.get((True, twin)))
            if place is None:
                raise DataError(
                    f"{self.space.format(row)} has no scores by {', '.join(self.names)}, "
                    f"and neither has its canonical twin; the table holds {len(self):,} architectures"
                )
            found.append(place)
        return torch.tensor(found, dtype=torch.int64, device=self.X.device)


def read_suite_zero(path: str | Path, space: SearchSpace, dataset: str) -> ProxyTable:
    """Read a file of NAS-Bench-Suite-Zero (arXiv 2210.03230), ``zc_<space>.json``.

    It maps each dataset's architectures, as NASLib writes them, to ``{"score", "time"}`` by proxy, with an
    architecture's accuracy beside them.

    Args:
        path: The file.
        space: The space of its architectures.
        dataset: Such as ``cifar10``.

    Raises:
        DataError: The file is no such file, has not that dataset, or an architecture of another space.
    """
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path} as JSON: {error}") from error
    if not isinstance(content, dict) or dataset not in content:
        known = ", ".join(map(str, content)) if isinstance(content, dict) else "none"
        raise DataError(f"{path} has no dataset {dataset!r}; it has {known}")
    by_arch: dict[str, dict[str, Any]] = content[dataset]
    names = list(
        dict.fromkeys(
            name
            for entry in by_arch.values()
            for name, value in entry.items()
            if isinstance(value, dict)
        )
    )
    rows, scores = [], []
    for text, entry in by_arch.items():
        try:
            rows.append(space.parse(text))
            scores.append(
                [float(entry[name]["score"]) if name in entry else torch.nan for name in names]
            )
        except (ArchboError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}, {dataset}, {text}: {error}") from error
    if not rows:
        raise DataError(f"{path} holds no architecture of {dataset!r}")
    return ProxyTable(
        space,
        torch.tensor(rows, dtype=torch.double),
        torch.tensor(scores, dtype=torch.double).reshape(len(rows), len(names)),
        names,
    )


def _matching(patterns: Iterable[str], columns: Sequence[str], where: str) -> list[str]:
    """The columns that match a pattern, pattern by pattern, each once."""
    names: list[str] = []
    for pattern in patterns:
        found = fnmatch.filter(columns, pattern)
        if not found:
            raise DataError(
                f"{where} has no numeric column {pattern!r} for a proxy; "
                f"it has {', '.join(columns[:12])}{', ...' if len(columns) > 12 else ''}"
            )
        names.extend(name for name in found if name not in names)
    return names


def _hashable(keys: Tensor) -> list[Hashable]:
    return list(keys.tolist() if keys.ndim == 1 else map(tuple, keys.tolist()))
