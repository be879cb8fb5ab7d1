"""How often each operation is used."""

import torch
from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.spaces import SearchSpace

__all__ = ["OpCountEncoding"]


class OpCountEncoding(Encoding):
    """The number of uses of each operation between inputs and outputs.

    The plainest of GRAF's features (arXiv 2404.16551): few and ordered, so that a model learns from a handful
    of architectures which operations pay. Operations that do not reach an output do not count. Each
    operation is a group of its own.

    Args:
        space: The space that the rows belong to.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> encoding = OpCountEncoding(EdgeCellSpace.nas_bench_201())
        >>> encoding.feature_names
        ('skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3')
        >>> encoding(torch.tensor([[3.0, 0, 1, 0, 0, 3], [3.0, 0, 0, 0, 0, 3]]))
        tensor([[1., 0., 2., 0.],
                [0., 0., 0., 0.]])
    """

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self.feature_names = tuple(op for op in space.op_names if op not in space.zero_ops)
        self.groups = tuple(range(len(self.feature_names)))
        names = space.template.op_names
        self._labels = [names.index(op) for op in self.feature_names]

    def _encode(self, X: Tensor) -> Tensor:
        graphs = self.space.graphs(X)
        ops = torch.where(graphs.connected(), graphs.ops, -1)
        return torch.stack([(ops == label).sum(-1) for label in self._labels], -1).to(X.dtype)
