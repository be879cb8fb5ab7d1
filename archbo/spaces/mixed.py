"""Spaces of any decisions: choices, ordered choices, integers and reals, some of which count only with others."""

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property
from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from archbo.errors import DataError, InvalidArchitectureError
from archbo.spaces.base import SearchSpace, literal_of, shown
from archbo.spaces.choices import NOT_ACTIVE, text_of
from archbo.spaces.decisions import Decision, Listed, decision_of
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.subnetworks import is_subnetwork, subnetwork_values

__all__ = ["MixedSpace"]


class MixedSpace(SearchSpace):
    """A product of decisions of any kind; architectures are written ``op=conv,kernel=3,rate=0.01``.

    Read are also choices in the order of the columns, as a list or its text, indices as a list of integers, unless they
    could be choices themselves, and sub-networks of Once-for-All (``subnetwork_values``).

    What does not count is written ``kernel=not active``, is the same in every row, and the same to every model.

    Its graph has one node per decision that counts between an input and an output, so that a path is a decision.

    Args:
        name: The name of the space.
        columns: For each column a ``Decision``; or what a file has there, such as a list of choices or a dict
            with ``low`` and ``high``.

    Raises:
        DataError: There are no columns, one of them is no decision, the notation cannot hold its name or its choices,
            or a condition leads nowhere or back to itself.

    Example:
        >>> from archbo.spaces import Integer, Real
        >>> kernel = Integer(3, 7, active_if={"op": ["conv"]})
        >>> space = MixedSpace("s", {"op": ["conv", "pool"], "kernel": kernel, "rate": Real(1e-4, 1, log=True)})
        >>> arch = space.arch("op=conv,kernel=5,rate=0.01")
        >>> arch.row, arch["kernel"]
        ((0, 2, 0.01), 5)
        >>> str(space.arch({"op": "pool", "kernel": None, "rate": 0.1}))
        'op=pool,kernel=not active,rate=0.1'
    """

    merges_isomorphs: ClassVar[bool] = True

    def __init__(
        self, name: str, columns: Mapping[str, Decision | Sequence[object] | Mapping[str, Any]]
    ) -> None:
        if not isinstance(name, str):
            raise DataError(f"the name of a space is a text; got {name!r}")
        if not isinstance(columns, Mapping) or not columns:
            raise DataError(
                f"space {name!r} has no columns; give at least one, each with a list of choices"
            )
        self.name = name
        self._given = {column: _checked(column, given, name) for column, given in columns.items()}
        self.columns = tuple(self._given)
        self.choices = tuple(decision.choices for decision in self.decisions)
        self.op_names = tuple(
            f"{column}={label}"
            for column, decision in self._given.items()
            for label in decision.labels
        )
        d = len(self.columns)
        support = torch.zeros(d + 2, d + 2, dtype=torch.bool, device="cpu")
        support[0, 1:-1] = support[1:-1, -1] = True
        self.template = GraphTemplate(("input", "output", *self.op_names), (0,), (d + 1,), support)
        if self._conditions:
            self.rule = "; what does not count is the same in every row"

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """What each column stands for."""
        return tuple(self._given.values())

    @property
    def content(self) -> dict[str, object]:
        """As any space's, with the scales of columns that have one, and with the conditions where there are some."""
        scales = {column: d.scale for column, d in self._given.items() if d.scale}
        conditions = {
            column: {parent: list(map(text_of, values)) for parent, values in d.active_if.items()}
            for column, d in self._given.items()
            if d.active_if
        }
        content = super().content
        content |= {"scales": scales} if scales else {}
        return content | ({"active_if": conditions} if conditions else {})

    def row_of(self, values: Mapping[str, object]) -> tuple[Any, ...]:
        if is_subnetwork(values, self):
            values = subnetwork_values(values, self)
        return super().row_of(values)

    def _parse_object(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            return super()._parse_object(value)
        if len(value) != self.n_columns:
            raise InvalidArchitectureError(
                f"{shown(value)} has {len(value)} entries; {self.name} has {self.n_columns} columns "
                f"({', '.join(self.columns)}), give a choice or an index of each"
            )
        return self.arch(dict(zip(self.columns, value, strict=True))).row

    def parse(self, text: str) -> tuple[Any, ...]:
        written = literal_of(text)
        # Numbers with a point are no indices, and what else they are cannot be told.
        if isinstance(written, dict) or (written and float not in map(type, written)):
            return self.arch(written).row
        parts = [part.partition("=") for part in text.split(",")]
        given = {key.strip(): value.strip() for key, _, value in parts}
        if set(given) != set(self.columns) or len(parts) != len(self.columns):
            defaults = [decision.default for decision in self.decisions]
            raise InvalidArchitectureError(
                f"malformed architecture {text!r}: give each of {', '.join(self.columns)} once, "
                f"as in {self.format(defaults)!r}"
            )
        return self.row_of(given)

    def format(self, row: Sequence[Any] | Tensor) -> str:
        cells = list(map(float, row))
        return ",".join(
            f"{column}={decision.text(cell) if counts else NOT_ACTIVE}"
            for (column, decision), cell, counts in zip(
                self._given.items(), cells, self.counting(cells), strict=True
            )
        )

    def canonical(self, X: Tensor) -> Tensor:
        return self.settled(X)

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.template.n_nodes
        sizes = [0, *(len(decision.labels) for decision in self.decisions[:-1])]
        offsets = torch.tensor(sizes, device=X.device).cumsum(0)
        levels = [d.level(cells) for d, cells in zip(self.decisions, X.unbind(-1), strict=True)]
        ops = torch.zeros(n, V, dtype=torch.int64, device=X.device)
        ops[:, 1:-1] = torch.stack(levels, -1) + offsets + 2
        ops[:, -1] = 1
        mask = torch.ones(n, V, dtype=torch.bool, device=X.device)
        mask[:, 1:-1] = self.active(X)
        ops *= mask
        support = self.template.support.to(X.device).expand(n, V, V)
        return GraphBatch(self.template, support & mask.unsqueeze(1) & mask.unsqueeze(2), ops, mask)


def _checked(column: object, given: object, space: str) -> Decision:
    """The decision of a column, if the notation can hold it and tell its choices apart."""
    if not isinstance(column, str):
        raise DataError(f"the columns of space {space!r} are named by texts; got {column!r}")
    # A set has another order in each process.
    if isinstance(given, str | bytes | Set) or not isinstance(given, Iterable | Decision):
        raise DataError(
            f"column {column!r} of space {space!r} needs a list of choices; got {given!r}"
        )
    try:
        decision = decision_of(given)
    except DataError as error:
        raise DataError(f"column {column!r} of space {space!r}: {error}") from error
    texts = decision.names
    if isinstance(decision, Listed):
        numbers = [choice for choice in decision.choices if isinstance(choice, Real)]
        if not texts or len(set(texts)) < len(texts) or len(set(numbers)) < len(numbers):
            raise DataError(
                f"column {column!r} of space {space!r} needs distinct choices, at least one; got {list(texts)}"
            )
    for text in (column, *texts):
        if set(text) & {",", "="} or text != text.strip() or not text:
            raise DataError(
                f"{text!r} in column {column!r} of space {space!r}: names may not be empty, "
                "hold ',' or '=', or begin or end with a space"
            )
    if decision.active_if and NOT_ACTIVE in texts:
        raise DataError(
            f"column {column!r} of space {space!r} has both active_if and the choice {NOT_ACTIVE!r}; leave the choice out"
        )
    return decision
