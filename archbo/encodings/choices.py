"""What the choices of a column, and of several columns, have in common."""

from collections.abc import Iterator, Sequence
from numbers import Real

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from archbo.encodings.base import Encoding
from archbo.spaces import SearchSpace

__all__ = ["ChoiceEncoding"]

MANY = 4
"""The least number of columns of which early and late ones are told apart."""


class ChoiceEncoding(Encoding):
    """Decisions as a person would read them: numbers have an order, and a choice that columns share is one thing.

    - A column of three or more numbers is one feature: the place of its choice among them, ascending, from 0 to 1.
      So widths on a linear scale and learning rates on a logarithmic one are both evenly spread.
    - Any other column has an indicator for each choice.
    - Columns with the same choices have, for each choice, the share of them that take it; and, of numbers, the mean
      place. Of other choices of four columns or more it also counts whether early or late ones take it. Where no two
      columns share their choices there is nothing to count.

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
        self._offsets = torch.tensor([0, *space.cardinalities[:-1]], device="cpu").cumsum(0)
        names: list[str] = []
        groups: list[int] = []
        weights: list[Tensor] = []
        for group, features in enumerate(self._features()):
            for name, weight in features:
                names.append(name)
                groups.append(group)
                weights.append(weight)
        self.feature_names, self.groups = tuple(names), tuple(groups)
        self._weights = torch.stack(weights, -1)

    def _features(self) -> Iterator[list[tuple[str, Tensor]]]:
        """For each group its features: their names, and the weights of all choices of all columns in them."""
        space = self.space
        alike: dict[tuple[str, ...], list[int]] = {}
        for column, texts in enumerate(space.choice_names):
            if _is_ordered(space, column):
                yield [(space.columns[column], self._place([column]))]
            else:
                yield [
                    (f"{space.columns[column]}={text}", self._share([column], text))
                    for text in texts
                ]
            alike.setdefault(tuple(sorted(texts)), []).append(column)
        for texts, columns in alike.items():
            if len(columns) == 1:
                continue
            where = ", ".join(space.columns[column] for column in columns)
            shares = [(f"{text} in {where}", self._share(columns, text)) for text in texts]
            if _is_ordered(space, columns[0]):
                yield shares
                yield [(f"mean of {where}", self._place(columns))]
                continue
            yield from ([share] for share in shares)
            if len(columns) >= MANY:
                yield [(f"{text} late in {where}", self._trend(columns, text)) for text in texts]

    def _share(self, columns: list[int], text: str, at: Sequence[float] | None = None) -> Tensor:
        """The weights of the share of columns that take a choice, or of what they count together."""
        weights = self._offsets.new_zeros(sum(self.space.cardinalities), dtype=torch.double)
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
        """The weights of the mean place of the choices of columns."""
        weights = self._offsets.new_zeros(sum(self.space.cardinalities), dtype=torch.double)
        for column in columns:
            choices = self.space.choices[column]
            for place, choice in enumerate(sorted(choices)):  # type: ignore[type-var] # they are numbers
                index = self._offsets[column] + choices.index(choice)
                weights[index] = place / (len(choices) - 1) / len(columns)
        return weights

    def _encode(self, X: Tensor) -> Tensor:
        # Summed up without a copy of the weights for each choice of each row.
        return embedding_bag(X.long() + self._offsets.to(X.device), self._weights.to(X), mode="sum")


def _is_ordered(space: SearchSpace, column: int) -> bool:
    """Whether the choices of a column are three or more numbers; two have no order worth a name."""
    choices = space.choices[column]
    return len(choices) > 2 and all(
        isinstance(choice, Real) and not isinstance(choice, bool) for choice in choices
    )
