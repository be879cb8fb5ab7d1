"""Canonical forms of small graphs: the smallest integer code over all ways to number their nodes."""

import torch
from torch import Tensor

__all__ = ["FORBIDDEN", "smallest_code"]

FORBIDDEN = 2.0**48
"""The weight of an edge that a numbering would turn backwards; all real codes are smaller."""


def smallest_code(features: Tensor, weights: Tensor, *, chunk: int = 8192) -> Tensor:
    """The smallest code of each graph over all numberings of its nodes.

    A numbering moves each feature of a graph (an edge, the operation of a node) to another digit of its
    code, so the codes under all numberings are one matrix product. They are exact: all terms are
    integers, and their sums stay below 2^53.

    Args:
        features: ``n x f``, small non-negative integers.
        weights: ``f x r`` double, the value of each feature's digit under each of ``r`` numberings;
            ``FORBIDDEN`` for an edge that would point backwards.
        chunk: How many rows are worked on at once; bounds the memory.

    Returns:
        ``n`` int64.

    Example:
        >>> digits = torch.tensor([[3, 1], [1, 3]])
        >>> swaps = torch.tensor([[10, 1], [1, 10]], dtype=torch.double)
        >>> smallest_code(digits, swaps)
        tensor([13, 13])
    """
    weights = weights.to(features.device)
    code = torch.empty(len(features), dtype=torch.int64, device=features.device)
    for start in range(0, len(features), chunk):
        part = slice(start, start + chunk)
        code[part] = (features[part].double() @ weights).amin(-1)
    return code
