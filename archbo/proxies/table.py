"""Tables of zero-cost proxies that were computed before."""

import fnmatch
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from archbo.benchmarks import Benchmark, read_frame
from archbo.benchmarks.files import numbers_of
from archbo.benchmarks.importers.suite_zero import scores_of
from archbo.errors import ArchboError, DataError
from archbo.proxies.base import Proxies
from archbo.proxies.measures import ARCH, nodes_of
from archbo.spaces import SearchSpace
from archbo.spaces.frames import few, rows_of_frame, text_columns

__all__ = ["ProxyTable", "read_suite_zero"]


class ProxyTable(Proxies):
    """Scores of architectures by several proxies, computed before.

    An architecture that is not in the table has the scores of its canonical twin: unreachable operations do not
    count.

    Args:
        space: The space that the rows belong to.
        X: ``n x d``, the architectures as rows.
        scores: ``n x P``. NaN and infinities are failures, which rank as the worst (see ``Proxies``); an
            architecture whose scores are all NaN counts as not in the table.
        names: The names of the ``P`` proxies.
        nodes: ``n x d x k``, the parts of measures by decision, if there are any. NaN parts count as 0.
        node_names: The names of the ``k`` measures.

    Raises:
        DataError: There are no scores, or their shape does not fit the rows and names.

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
        parts = torch.zeros(shape, device="cpu") if nodes is None else nodes
        if parts.shape != shape:
            raise DataError(
                f"{len(X)} architectures of {space.n_columns} decisions and {len(node_names)} measures, "
                f"but parts of shape {tuple(parts.shape)}; give parts of shape {shape}"
            )
        X, scores, parts = X.cpu(), scores.cpu(), parts.cpu()
        known = ~scores.isnan().all(-1)
        if not bool(known.any()):
            raise DataError(
                f"no architecture of {space.name} has a score by {', '.join(names)}; all are NaN"
            )
        self.space, self.names, self.node_names = space, tuple(names), tuple(node_names)
        self.X = X[known]
        self._scores, self._nodes = scores[known].double(), parts[known].double()

    @classmethod
    def read(cls, path: str | Path, space: SearchSpace, *, arch_column: str | None = None) -> Self:
        """Read a file of scores, such as ``score`` writes or other people have; ``read_frame`` knows its kinds.

        Columns such as ``op_0_1.snip``, a decision and a measure, are parts; all other columns of numbers are proxies.

        Args:
            path: The file.
            space: The space of its architectures.
            arch_column: The column of architectures; unless given ``arch_str``, or the first one whose first cell is
                an architecture of the space. Where there is none, the columns of the space hold the choices.

        Raises:
            DataError: The file cannot be read as such, or an architecture is of another space.
        """
        frame = read_frame(path, text_columns(space))
        frame.columns = frame.columns.map(str)
        names = [arch_column] if arch_column is not None else [ARCH, *frame]
        column = next((name for name in names if _holds_archs(frame, name, space)), names[0])
        with torch.device("cpu"):
            X = rows_of_frame(frame, space, arch_column=column, source=str(path))
        others = [str(name) for name in frame if name not in (column, *space.columns)]
        found = {name: numbers_of(frame[name]) for name in others}
        numbers = {name: cells for name, cells in found.items() if not isinstance(cells, str)}
        if not numbers:
            raise DataError(f"{path} has no column of numbers beside the architectures")
        frame = pd.DataFrame(numbers)
        columns, first = list(numbers), f"{space.columns[0]}."
        node_names = [name.removeprefix(first) for name in columns if name.startswith(first)]
        parts = {f"{column}.{name}" for column in space.columns for name in node_names}
        missing = parts.difference(columns)
        if missing:
            raise DataError(
                f"{path} has no column {min(missing)!r} of numbers, but has parts by other decisions; add it, or drop theirs"
            )
        names = [name for name in columns if name not in parts]
        scores = torch.from_numpy(frame[names].to_numpy(dtype=np.float64, copy=True))
        nodes = nodes_of(frame, space, node_names)
        return cls(space, X, scores, names, nodes=nodes, node_names=node_names)

    @classmethod
    def from_benchmark(cls, benchmark: Benchmark, patterns: Iterable[str]) -> Self:
        """The columns of a benchmark's table that match a pattern such as ``c10_zc_*``.

        Raises:
            DataError: A pattern matches no column, or the columns hold no scores.
        """
        names = _matching(patterns, list(benchmark.metrics.columns), benchmark.name)
        scores = torch.from_numpy(benchmark.metrics[names].to_numpy(dtype=np.float64, copy=True))
        return cls(benchmark.space, benchmark.X, scores, names)

    def __len__(self) -> int:
        return len(self.X)

    def scores(self, X: Tensor) -> Tensor:
        """The scores by each proxy, ``m x P``, of rows ``X`` (``m x d``); they may be NaN or infinite.

        Raises:
            DataError: An architecture is not in the table, and neither is its canonical twin.
        """
        return self._scores[self._find(X)]

    def nodes(self, X: Tensor) -> Tensor:
        """The parts of measures by decision, ``m x d x k``, of rows ``X`` (``m x d``).

        Raises:
            DataError: An architecture is not in the table, and neither is its canonical twin.
        """
        return self._nodes[self._find(X)]

    @property
    def reference(self) -> tuple[Tensor, Tensor]:
        return self._scores, self._nodes

    def _same_scores(self, other: Self) -> bool:
        return (
            self.X.equal(other.X)
            and _same_numbers(self._scores, other._scores)
            and _same_numbers(self._nodes, other._nodes)
        )

    def select(self, patterns: Iterable[str]) -> Self:
        """The table with only the proxies that match a pattern such as ``*norm``, in the order of the patterns.

        Raises:
            DataError: A pattern matches no proxy.
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
        """The position of an architecture by (False, its key) and by (True, the key of its canonical row)."""
        own, twins = self._keys(self.X)
        places: dict[Hashable, int] = {}
        for place, (key, twin) in enumerate(zip(own, twins, strict=True)):
            places.setdefault((False, key), place)
            places.setdefault((True, twin), place)
        return places

    def _keys(self, X: Tensor) -> tuple[list[Hashable], list[Hashable]]:
        with torch.device("cpu"):
            return _hashable(self.space.row_keys(X)), _hashable(self.space.keys(X))

    def _find(self, X: Tensor) -> Tensor:
        found: list[int] = []
        X = X.cpu()
        own, twins = self._keys(X)
        for row, key, twin in zip(X, own, twins, strict=True):
            place = self._places.get((False, key), self._places.get((True, twin)))
            if place is None:
                raise DataError(
                    f"{self.space.format(row)} has no scores by {', '.join(self.names)}, "
                    f"and neither has its canonical twin; the table holds {len(self):,} architectures, "
                    "give one that holds this one too"
                )
            found.append(place)
        return torch.tensor(found, dtype=torch.int64, device="cpu")


def _holds_archs(frame: pd.DataFrame, column: str, space: SearchSpace) -> bool:
    """Whether a column is there and begins with an architecture."""
    if column not in frame or frame.empty:
        return False
    try:
        space.parse(str(frame[column].iloc[0]))
    except ArchboError:
        return False
    return True


def read_suite_zero(path: str | Path, space: SearchSpace, dataset: str | None = None) -> ProxyTable:
    """Read a file of NAS-Bench-Suite-Zero (arXiv 2210.03230), ``zc_<space>.json``.

    It maps each dataset's architectures, in NASLib's notation, to ``{"score", "time"}`` by proxy, beside the accuracy.

    Args:
        path: The file.
        space: The space of its architectures.
        dataset: Such as ``cifar10``; it may be left out where the file has one.

    Raises:
        DataError: The file cannot be read as such, lacks the dataset, or has an architecture of another space.
    """
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path} as JSON: {error}") from error
    known = list(content) if isinstance(content, dict) else []
    if dataset is None and len(known) == 1:
        dataset = known[0]
    if dataset not in known:
        lacks = f"has no dataset {dataset!r}" if dataset is not None else "needs a dataset"
        raise DataError(f"{path} {lacks}; it has {', '.join(known) or 'none'}")
    by_arch = content[dataset]
    scores = scores_of(by_arch, f"{path}, {dataset}")
    if not len(scores):
        raise DataError(
            f"{path} holds no architecture of {dataset!r}; give a dataset that has some"
        )
    rows = []
    for text in by_arch:
        try:
            rows.append(space.parse(text))
        except ArchboError as error:
            raise DataError(f"{path}, {dataset}, {text}: {error}") from error
    return ProxyTable(
        space,
        torch.tensor(rows, dtype=torch.double, device="cpu"),
        torch.from_numpy(scores.to_numpy(dtype=np.float64, copy=True)),
        list(map(str, scores)),
    )


def _matching(patterns: Iterable[str], columns: Sequence[str], where: str) -> list[str]:
    """The columns that match a pattern, pattern by pattern, each once."""
    names: list[str] = []
    for pattern in patterns:
        found = fnmatch.filter(columns, pattern)
        if not found:
            raise DataError(
                f"{where} has no numeric column {pattern!r} for a proxy; it has {few(columns)}"
            )
        names.extend(name for name in found if name not in names)
    return names


def _same_numbers(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal where NaN equals NaN."""
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())


def _hashable(keys: Tensor) -> list[Hashable]:
    return list(keys.tolist() if keys.ndim == 1 else map(tuple, keys.tolist()))
