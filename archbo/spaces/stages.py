"""Stages of repeated blocks: networks as MobileNet, Once-for-All and AutoFormer have them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archbo.errors import DataError
from archbo.spaces.decisions import Decision, decision_of
from archbo.spaces.mixed import MixedSpace

__all__ = ["StageSpace"]

DEPTH = "depth"
"""What a stage calls the number of its blocks."""


class StageSpace(MixedSpace):
    """Stages one behind another, each of a number of blocks that is chosen; every block has choices of its own.

    Written ``stage1_depth=2,stage1_block1_kernel=5,...``. Blocks beyond the depth of their stage do not count, and
    are written ``not active``. So are the spaces of Once-for-All (arXiv 1908.09791) and of AutoFormer (arXiv 2107.00651).

    Args:
        name: The name of the space.
        stages: For each stage its ``depth``, whole numbers from 1 on as a list or a range, and the decisions of each of its
            blocks by name; each as ``MixedSpace`` takes them.
        overall: Decisions of the network as a whole by name, such as the resolution.

    Raises:
        DataError: A stage has no depth or no such as can be, or a decision is none.

    Example:
        >>> space = StageSpace("s", [{"depth": [1, 2], "kernel": [3, 5]}] * 2, {"resolution": [192, 224]})
        >>> space.n_columns
        7
        >>> str(space.arch([1, 0, 1, 0, 0, 1, 1]))[:72]
        'resolution=224,stage1_depth=1,stage1_block1_kernel=5,stage1_block2_kerne'
    """

    def __init__(
        self,
        name: str,
        stages: Sequence[Mapping[str, Any]],
        overall: Mapping[str, Any] | None = None,
    ) -> None:
        columns: dict[str, Any] = dict(overall or {})
        if not stages:
            raise DataError(f"space {name!r} has no stages; give at least one")
        for number, stage in enumerate(stages, 1):
            columns |= _stage(name, f"stage{number}", stage)
        super().__init__(name, columns)
        self.stages, self.overall = tuple(map(dict, stages)), dict(overall or {})


def _stage(space: str, stage: str, given: Mapping[str, Any]) -> dict[str, Decision]:
    """The columns of one stage."""
    if DEPTH not in given:
        raise DataError(
            f"{stage} of space {space!r} has no {DEPTH!r}; say of how many blocks it is"
        )
    depth = decision_of(given[DEPTH])
    depths = [value for value in depth.choices if isinstance(value, int) and value > 0]
    if not depths or len(depths) < depth.cardinality or depth.is_real:
        raise DataError(
            f"{DEPTH} of {stage} of space {space!r} is {depth.described}; give whole numbers from 1 on"
        )
    columns = {f"{stage}_{DEPTH}": depth}
    for block in range(1, max(depths) + 1):
        deep = [value for value in depths if value >= block]
        for column, what in given.items():
            if column == DEPTH:
                continue
            decision = decision_of(what)
            within = {f"{stage}_block{block}_{c}": v for c, v in decision.active_if.items()}
            if len(deep) < len(depths):
                within |= {f"{stage}_{DEPTH}": deep}
            columns[f"{stage}_block{block}_{column}"] = replace(decision, active_if=within)
    return columns
