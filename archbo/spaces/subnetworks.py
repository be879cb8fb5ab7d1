"""Sub-networks of Once-for-All, as dictionaries, in the columns of a space of stages."""

from collections.abc import Mapping
from functools import partial
from itertools import count, takewhile
from typing import Any

from archbo.errors import InvalidArchitectureError
from archbo.spaces.base import SearchSpace, shown
from archbo.spaces.choices import NOT_ACTIVE, python_value

__all__ = ["is_subnetwork", "subnetwork_values"]

NAMES: Mapping[str, tuple[str, ...]] = {
    "d": ("d", "depth"),
    "ks": ("ks", "kernel", "kernel_size"),
    "e": ("e", "expand", "expand_ratio"),
    "r": ("r", "resolution"),
}
"""The keys of a sub-network: depth of each stage, kernel size and expansion ratio of each block
(``sample_active_subnet`` in ofa/imagenet_classification/elastic_nn/networks/ofa_mbv3.py), and the resolution, which is of
Once-for-All's search; and what the columns of a space may call them."""


def is_subnetwork(values: Mapping[str, object], space: SearchSpace) -> bool:
    """Whether a mapping has the keys of a sub-network, which are no columns of the space."""
    keys = {"ks", "e", "d"}
    return keys <= values.keys() and not keys <= space.finders.keys()


def subnetwork_values(net: Mapping[str, object], space: SearchSpace) -> dict[str, object]:
    """The value of each column of a space that has the stages and blocks of a sub-network.

    The space has columns such as ``stage1_depth`` and ``stage1_block1_kernel``, or ``d_1`` and ``ks_1_1``. Of blocks
    beyond the depth of their stage the columns are inactive, or have the choice 0.

    Args:
        net: ``ks`` and ``e`` with an entry for each block, those beyond the depth included, and ``d`` with one for each
            stage; or one number for all. Other keys are columns; ``wid``, which may be None, is none.
        space: The space.

    Raises:
        InvalidArchitectureError: The space has no such columns, or another number of blocks or stages.

    Example:
        >>> from archbo.spaces import StageSpace
        >>> space = StageSpace("s", [{"depth": [1, 2], "kernel": [3, 5], "expand": [4, 6]}] * 2)
        >>> net = {"ks": [3, 5, 5, 3], "e": 6, "d": [1, 2]}
        >>> str(space.arch(net)).split(",stage2_")[0]
        'stage1_depth=1,stage1_block1_kernel=3,stage1_block1_expand=6,stage1_block2_kernel=not active,stage1_block2_expand=not active'
    """
    stages = takewhile(lambda stage: _column(space, "ks", stage, 1), count(1))
    sizes = {
        stage: len([*takewhile(partial(_column, space, "ks", stage), count(1))]) for stage in stages
    }
    blocks = [(stage, block) for stage, size in sizes.items() for block in range(1, size + 1)]
    if not blocks or not all(_column(space, "e", *place) for place in blocks):
        raise InvalidArchitectureError(
            f"{shown(dict(net))} is a sub-network of Once-for-All, but {space.name} has no columns such as "
            "stage1_block1_kernel and stage1_block1_expand, or ks_1_1 and e_1_1, for its blocks"
        )
    depths = dict(zip(sizes, _entries(net, "d", len(sizes), "stages", space), strict=True))
    values: dict[str, object] = {}
    for stage, depth in depths.items():
        if depth not in range(sizes[stage] + 1):
            raise InvalidArchitectureError(
                f"stage {stage} of the sub-network has the depth {depth!r}; that of {space.name} has {sizes[stage]} blocks"
            )
        values[_column(space, "d", stage)] = depth
    for key in ("ks", "e"):
        entries = _entries(net, key, len(blocks), "blocks", space)
        for (stage, block), value in zip(blocks, entries, strict=True):
            column = _column(space, key, stage, block)
            is_there = block <= depths[stage]
            if is_there and not value:
                raise InvalidArchitectureError(
                    f"{key} of block {block} of stage {stage} of the sub-network is {value!r}, but the stage has the "
                    f"depth {depths[stage]}"
                )
            values[column] = value if is_there else _absent(space, column, stage, value)
    values.pop("", None)  # the depth, where the columns of the blocks imply it
    return values | {
        _other(space, key): value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in net.items()
        if key not in ("ks", "e", "d") and (key, value) != ("wid", None)
    }


def _column(space: SearchSpace, key: str, stage: int, *block: int) -> str:
    """The column of a decision of a stage, or of one of its blocks; empty if there is none."""
    numbers = "_".join(map(str, (stage, *block)))
    place = "_".join([f"stage{stage}", *(f"block{number}" for number in block)])
    written = (column for name in NAMES[key] for column in (f"{name}_{numbers}", f"{place}_{name}"))
    return next((column for column in written if column in space.finders), "")


def _other(space: SearchSpace, key: str) -> str:
    return next((name for name in NAMES.get(key, ()) if name in space.finders), key)


def _entries(
    net: Mapping[str, object], key: str, n: int, what: str, space: SearchSpace
) -> list[Any]:
    """The entries of a key, ``n`` of them."""
    given = python_value(net[key])
    if isinstance(given, int):
        return [given] * n
    if not isinstance(given, list | tuple) or len(given) != n:
        number = f"{len(given)} entries" if isinstance(given, list | tuple) else f"{given!r}"
        raise InvalidArchitectureError(
            f"{key} of the sub-network has {number}; {space.name} has {n} {what}, so give a list of {n}, blocks beyond "
            "the depth of their stage included"
        )
    return list(map(python_value, given))


def _absent(space: SearchSpace, column: str, stage: int, value: object) -> object:
    """What a column holds of a block that is not there."""
    decision = space.finders[column]
    if decision.active_if:
        return NOT_ACTIVE
    if decision.empty is not None:
        return decision.value(decision.empty)
    # Any value is as good where a column of its own has the depth.
    is_free = decision.find(0) is None and bool(_column(space, "d", stage))
    return value if is_free else 0
