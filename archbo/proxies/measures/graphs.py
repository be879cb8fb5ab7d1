"""Random graphs and labels for measures of graph networks."""

import torch
from torch import Tensor

from archbo import randomness
from archbo.errors import UsageError

__all__ = ["random_graph"]


def random_graph(
    nodes: int = 64, *, features: int = 128, degree: int = 4, classes: int = 7, seed: int = 0
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """A graph without structure, and labels of its nodes drawn at random.

    Every node picks ``degree / 2`` other nodes; edges go both ways and occur once. With fewer features than nodes the
    correlations that ``jacov`` looks at are singular.

    Args:
        nodes: The number of nodes.
        features: The number of features of a node, which are drawn from N(0, 1).
        degree: The mean number of neighbours, even; it is a little lower where ``nodes`` is not much larger.
        classes: The number of classes of the labels.
        seed: Of all that is drawn.

    Returns:
        Features ``nodes x features`` with edges ``2 x E`` int64, and labels ``nodes`` int64.

    Raises:
        UsageError: There are fewer than two nodes, or the degree is odd or below 2.

    Example:
        >>> (x, edges), labels = random_graph(16, features=8)
        >>> x.shape, labels.shape
        (torch.Size([16, 8]), torch.Size([16]))
        >>> bool((edges[0] == edges[1]).any())
        False
    """
    if nodes < 2:
        raise UsageError(f"a random graph of {nodes} nodes has no edges; give at least 2 nodes")
    if degree < 2 or degree % 2:
        raise UsageError(f"the degree of a random graph is {degree}; give an even number from 2")
    generator = randomness.generator(seed)
    cpu = torch.device("cpu")
    labels = torch.randint(classes, (nodes,), generator=generator, device=cpu)
    source = torch.arange(nodes, device=cpu).repeat_interleave(degree // 2)
    step = 1 + torch.randint(nodes - 1, source.shape, generator=generator, device=cpu)
    picked = torch.stack([source, (source + step) % nodes])
    edges = torch.cat([picked, picked.flip(0)], -1).unique(dim=-1)
    return (torch.randn(nodes, features, generator=generator, device=cpu), edges), labels
