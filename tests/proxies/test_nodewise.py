"""Parts of measures by decision: what they add up to, and where they are zero."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from archbo import catalog
from archbo.errors import UsageError
from archbo.proxies import (
    NODEWISE,
    DartsSkeleton,
    EdgeCellSkeleton,
    GnnSkeleton,
    NodeCellSkeleton,
    compute_layers,
    compute_nodes,
    network,
    random_images,
)

SMALL = {
    "nb201": EdgeCellSkeleton(channels=4, cells=2),
    "nb101": NodeCellSkeleton(channels=8, cells=1),
    "darts": DartsSkeleton(channels=4, cells=4),
    "nas-bench-graph": GnnSkeleton(features=5, hidden=8, classes=10),
}
WITHOUT_WEIGHTS = {"none", "skip_connect", "avg_pool_3x3", "max_pool_3x3", "maxpool3x3", "skip"}


def batch(name):
    if name != "nas-bench-graph":
        return random_images(8, resolution=8)
    generator = torch.Generator().manual_seed(0)
    x, labels = torch.randn(12, 5, generator=generator), torch.arange(12) % 10
    return (x, torch.randint(12, (2, 40), generator=generator)), labels


@pytest.mark.parametrize("name", SMALL)
def test_parts_are_the_layers_of_a_column_and_nothing_is_lost(name):
    space, (inputs, labels) = catalog.space(name), batch(name)
    X = space.sample(4, generator=torch.Generator().manual_seed(0))
    parts = compute_nodes(space, X, inputs, labels, skeleton=SMALL[name])
    assert parts.shape == (4, space.n_columns, len(NODEWISE))
    assert parts.dtype == torch.double
    for row, found in zip(X, parts, strict=True):
        net = network(space, row, SMALL[name])
        layers = compute_layers(net, inputs, labels, NODEWISE)
        for number, measure in enumerate(NODEWISE):
            outside = sum(v for key, v in layers[measure].items() if net.column_of(key) is None)
            whole = sum(layers[measure].values())
            assert float(found[:, number].sum()) + outside == pytest.approx(
                whole, rel=1e-6, abs=1e-9
            )


@pytest.mark.parametrize("name", SMALL)
def test_decisions_without_weights_are_zero_and_others_are_not(name):
    space, (inputs, labels) = catalog.space(name), batch(name)
    X = space.canonical(space.sample(6, generator=torch.Generator().manual_seed(1)))
    parts = compute_nodes(space, X, inputs, labels, ["l2_norm"], skeleton=SMALL[name])[..., 0]
    graphs = space.graphs(X)
    for row, found, live in zip(X.long().tolist(), parts, graphs.connected(), strict=True):
        for column, value in enumerate(found.tolist()):
            names = space.choice_names[column]
            if column in space.op_columns and space.name != "nb101":
                halved = space.name == "darts" and column > 11  # a skip may be a convolution there
                if not halved:
                    assert (value == 0) == (names[row[column]] in WITHOUT_WEIGHTS)
            elif space.name == "nb101" and column >= 21:
                used = bool(live[column - 20])
                assert (value > 0) == (used and names[row[column]] not in WITHOUT_WEIGHTS)
            elif space.name == "nb101":
                source, target = space.columns[column].split("_")[1:]
                projected = row[column] == 1 and source == "0" and bool(live[int(target)])
                assert (value > 0) == projected
            else:
                assert value == 0


def test_a_part_is_the_sum_over_the_cells_by_autograd():
    space, (x, y) = catalog.space("nb201"), random_images(8, resolution=8)
    arch = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    net = network(space, arch, SMALL["nb201"])
    cross_entropy(net(x), y).backward()
    cells = [cell for cell in net.cells if hasattr(cell, "edges")]
    assert len(cells) == 6
    wanted = torch.zeros(6, dtype=torch.double)
    for cell in cells:
        for column in (0, 3, 5):
            weight = cell.edges[column][1].weight
            wanted[column] += (weight.detach() * weight.grad).abs().sum()
    options = {"skeleton": SMALL["nb201"]}
    total = compute_nodes(space, [arch], x, y, ["snip"], **options)[0, :, 0]
    mean = compute_nodes(space, [arch], x, y, ["snip"], reduction="mean", **options)[0, :, 0]
    assert torch.allclose(total, wanted, rtol=1e-4)
    assert torch.allclose(mean, wanted / 6, rtol=1e-4)


def test_no_architectures_and_other_measures():
    space, (x, y) = catalog.space("nb201"), random_images(8, resolution=8)
    empty = compute_nodes(space, torch.zeros(0, 6), x, y, ["snip"])
    assert empty.shape == (0, 6, 1)
    with pytest.raises(UsageError, match="jacov is not a sum over layers"):
        compute_nodes(space, ["(0, 0, 0, 0, 0, 0)"], x, y, ["jacov"], skeleton=SMALL["nb201"])
