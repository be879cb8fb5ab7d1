"""What the choices of a column, and of several columns, have in common."""

from collections.abc import Iterator, Sequence
from numbers import Real

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from archbo.encodings.base import Encoding
from archbo.spaces import Decision, Ordered, SearchSpace
from archbo.spaces.decisions import Range, Scaled

__all__ = ["ChoiceEncoding"]

MANY = 4
"""The least number of columns of which early and late ones are told apart."""


class ChoiceEncoding(Encoding):
    """Decisions as a person would read them: numbers have an order, and a choice that columns share is one thing.

    - A column of three or more numbers is one feature: the place of its choice among them, ascending, from 0 to 1.
      So widths on a linear scale and learning rates on a logarithmic one are both evenly spread.
    - An ordered choice, and a range of integers or reals, is its position on its scale, from 0 to 1; gradients flow
      through those of ranges.
    - Any other column has an indicator for each choice.
    - What does not count has no indicator, or its position is in the middle, beside a feature that says whether it counts.
    - Columns with the same choices have, for each choice, the share of them that take it; and, of numbers, the mean
      place. Of other choices of four columns or more it also counts whether early or late ones take it. Where no two
      columns share their choices there is nothing to count. Reals share nothing, nor do flags beside them, of 0 and 1
      (``python -m perf mixed``).

    A column is a group. The shares of numbers are one group, the shares of other choices one each: what a layer of a
    kind costs is then learned from few networks, wherever in the network it is. What is early or late is one group.

    Args:
        space: The space that the rows belong to.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "op1": ["conv", "pool"], "op2": ["conv", "pool"]})
        >>> encoding = ChoiceEncoding(space)
        >>> encoding.feature_names[5:]
        ('conv in op1, op2', 'pool in op1, op2')
        >>> encoding(torch.tensor([[1.0, 0.0, 0.0]]))
        tensor([[0.5000, 1.0000, 0.0000, 1.0000, 0.0000, 1.0000, 0.0000]])
    """

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        decisions = space.decisions
        # A range has one line of weights, and what may not count has one more for when it does not.
        sizes = [(len(d.names) or 1) + bool(d.active_if) for d in decisions]
        self._offsets = torch.tensor([0, *sizes[:-1]], device="cpu").cumsum(0)
        self._n_lines = sum(sizes)
        self._listed = torch.tensor([bool(d.names) for d in decisions], device="cpu")
        self._last = torch.tensor(sizes, device="cpu") - 1
        self.differentiable = any(isinstance(d, Range) for d in decisions)
        self._is_plain = not self.differentiable and not any(d.active_if for d in decisions)
        names: list[str] = []
        groups: list[int] = []
        weights: list[Tensor] = []
        for group, features in enumerate(self._features()):
            for name, weight in features:
                names.append(name)
                groups.append(group)
                weights.append(weight)
        self.feature_names, self.groups = tuple(names), tuple(groups)
        self._weights, self._slopes = torch.stack(weights, -1).split(
            [self._n_lines, len(decisions)]
        )

    def _features(self) -> Iterator[list[tuple[str, Tensor]]]:
        """For each group its features: their names, and the weights of all choices and ranges of all columns in them."""
        space = self.space
        alike: dict[tuple[object, ...], list[int]] = {}
        for column, (name, decision) in enumerate(space.finders.items()):
            texts = decision.names
            if _is_ordered(decision):
                yield list(self._own_place(column))
            else:
                yield [(f"{name}={text}", self._share([column], text)) for text in texts]
            alike.setdefault((*sorted(texts), str(decision.scale)), []).append(column)
        for columns in alike.values():
            if len(columns) == 1:
                continue
            where = ", ".join(space.columns[column] for column in columns)
            decision = space.decisions[columns[0]]
            flags = not space.is_finite and set(decision.choices) <= {0, 1}
            if decision.is_real or flags:  # of two rates one is hardly the other, nor of two flags
                continue
            shares = [(f"{t} in {where}", self._share(columns, t)) for t in sorted(decision.names)]
            if _is_ordered(decision):
                yield from [shares] if shares else []
                yield [(f"mean of {where}", self._place(columns))]
                continue
            yield from ([share] for share in shares)
            if len(columns) >= MANY:
                yield [
                    (f"{t} late in {where}", self._trend(columns, t))
                    for t in sorted(decision.names)
                ]

    def _own_place(self, column: int) -> Iterator[tuple[str, Tensor]]:
        """The place of one column, which is in the middle where it does not count, and whether it does."""
        name, place = self.space.columns[column], self._place([column])
        if not self.space.decisions[column].active_if:
            yield name, place
            return
        first, last = int(self._offsets[column]), int(self._offsets[column] + self._last[column])
        place[last] = 0.5
        yield name, place
        counts = self._no_weights()
        counts[first:last] = 1.0
        yield f"{name} counts", counts

    def _no_weights(self) -> Tensor:
        n = self._n_lines + self.space.n_columns
        return torch.zeros(n, dtype=torch.double, device="cpu")

    def _share(self, columns: list[int], text: str, at: Sequence[float] | None = None) -> Tensor:
        """The weights of the share of columns that take a choice, or of what they count together."""
        weights = self._no_weights()
        for column, count in zip(columns, at or [1.0] * len(columns), strict=True):
            place = self.space.choice_names[column].index(text)
            weights[self._offsets[column] + place] = count / len(columns)
        return weights

    def _trend(self, columns: list[int], text: str) -> Tensor:
        """The weights of how much more the later of columns take a choice, which count from -1 to 1."""
        return self._share(
            columns, text, torch.linspace(-1, 1, len(columns), device="cpu").tolist()
        )

    def _place(self, columns: list[int]) -> Tensor:
        """The weights of the mean place of the choices, or of the mean position in the ranges, of columns."""
        weights = self._no_weights()
        for column in columns:
            decision = self.space.decisions[column]
            for index, place in enumerate(_places(decision)):
                weights[self._offsets[column] + index] = place / len(columns)
            if isinstance(decision, Range):
                weights[self._n_lines + column] = 1 / len(columns)
        return weights

    def _encode(self, X: Tensor) -> Tensor:
        weights: Tensor = self._weights.to(X)
        offsets, lines = self._offsets.to(X.device), X.long()
        if not self._is_plain:
            counts = self.space.active(X)
            lines = torch.where(self._listed.to(X.device), lines, 0)
            lines = torch.where(counts, lines, self._last.to(X.device))
        # Summed up without a copy of the weights for each choice of each row.
        features: Tensor = embedding_bag(lines + offsets, weights, mode="sum")
        if not self.differentiable:
            return features
        places = [
            decision.position(cells) if isinstance(decision, Range) else torch.zeros_like(cells)
            for decision, cells in zip(self.space.decisions, X.unbind(-1), strict=True)
        ]
        features += (torch.stack(places, -1) * counts) @ self._slopes.to(X)
        return features


def _is_ordered(decision: Decision) -> bool:
    """Whether values have an order: of choices three or more numbers do; two have none worth a name."""
    if isinstance(decision, Scaled):
        return True
    return decision.cardinality > 2 and all(
        isinstance(choice, Real) and not isinstance(choice, bool) for choice in decision.choices
    )


def _places(decision: Decision) -> Sequence[float]:
    """The place of each choice in an order, from 0 to 1; none of a range, whose cells have one."""
    if isinstance(decision, Range):
        return ()
    if isinstance(decision, Ordered):
        return decision.places
    ascending = sorted(decision.choices)  # type: ignore[type-var] # they are numbers
    return [ascending.index(choice) / (len(ascending) - 1) for choice in decision.choices]
