"""Texts and objects in which other people's files hold architectures, and the right reading of each."""

import numpy as np
import pytest

from archbo import catalog
from archbo.errors import InvalidArchitectureError

PAIRS = [
    [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
    [("skip_connect", 0), ("dil_conv_3x3", 2)],
    [("sep_conv_5x5", 1), ("max_pool_3x3", 0)],
    [("avg_pool_3x3", 1), ("skip_connect", 4)],
]
OTHER = [PAIRS[0], PAIRS[0], PAIRS[0], PAIRS[0]]
FLAT = [edge for pair in PAIRS for edge in pair]
FLAT_OTHER = [edge for pair in OTHER for edge in pair]
GENOTYPE = (
    f"Genotype(normal={FLAT}, normal_concat=range(2, 6), "
    f"reduce={FLAT_OTHER}, reduce_concat=range(2, 6))"
)
# NASLib's numbers count the operations without none: 0 max pool, 1 average pool, 2 skip, 3 and 4 separable, 5 and 6
# dilated convolutions.
COMPACT = (
    ((0, 3), (1, 6), (0, 2), (2, 5), (1, 4), (0, 0), (1, 1), (4, 2)),
    ((0, 3), (1, 6)) * 4,
)


@pytest.mark.parametrize("name", ["darts", "nas-bench-301"])
@pytest.mark.parametrize(
    "written",
    [
        GENOTYPE.replace("range(2, 6)", "[2, 3, 4, 5, 6]"),
        GENOTYPE.replace("range(2, 6)", "range(2, 7)"),
        GENOTYPE.replace(str(FLAT), str(PAIRS)),
        GENOTYPE.replace(", reduce=", ",\n    reduce="),
        "genotypes." + GENOTYPE,
        "genotype = " + GENOTYPE,
        f"Genotype({FLAT}, range(2, 6), {FLAT_OTHER}, range(2, 6))",
        f"Genotype({FLAT}, range(2, 6), reduce={FLAT_OTHER}, reduce_concat=range(2, 6))",
        str(COMPACT),
        COMPACT,
        [list(map(list, cell)) for cell in COMPACT],
    ],
    ids=lambda written: str(written)[:20],
)
def test_genotypes(name, written):
    space = catalog.space(name)
    assert space.arch(written).row == space.arch(GENOTYPE).row


@pytest.mark.parametrize(
    "written",
    [
        GENOTYPE.replace("range(2, 6)", "[3, 4, 5]"),
        GENOTYPE.replace("Genotype", "Phenotype"),
        f"Genotype({FLAT}, range(2, 6))",
        str(COMPACT[:1]),
        str(COMPACT).replace("6", "7"),
        str(COMPACT).replace("(4, 2)", "(5, 2)"),
    ],
)
def test_what_is_no_genotype_is_refused(written):
    with pytest.raises(InvalidArchitectureError):
        catalog.space("darts").arch(written)


CELL = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
NODES = (
    (("avg_pool_3x3", 0),),
    (("skip_connect", 0), ("none", 1)),
    (("nor_conv_1x1", 0), ("avg_pool_3x3", 1), ("nor_conv_1x1", 2)),
)


@pytest.mark.parametrize(
    "written",
    [
        CELL.replace("|+|", "| + |"),
        CELL.replace("|+|", "|\n+|"),
        "(4, 0, 3, 1, 4, 3)",
        "[4, 0, 3, 1, 4, 3]",
        str(tuple(map(np.int64, (4, 0, 3, 1, 4, 3)))),
        str(NODES),
        NODES,
        list(map(list, NODES)),
    ],
    ids=lambda written: str(written)[:20],
)
def test_cells_of_nas_bench_201(written):
    space = catalog.space("nb201")
    assert str(space.arch(written)) == CELL


@pytest.mark.parametrize(
    "written",
    ["[4, 0, 3, 1, 4]", "[4, 0, 3, 1, 4, 5]", str(NODES[:2]), "(np.int64(4),", "((1,), 2)"],
)
def test_what_is_no_cell_is_refused(written):
    with pytest.raises(InvalidArchitectureError):
        catalog.space("nb201").arch(written)


MATRIX = [[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
LABELS = ["input", "maxpool3x3", "conv3x3-bn-relu", "output"]
FLATTENED = (*(bit for row in MATRIX for bit in row), 0, 2, 4, 1)


@pytest.mark.parametrize(
    "written",
    [
        str(FLATTENED),
        {"matrix": MATRIX, "ops": LABELS},
        {"matrix": np.array(MATRIX), "ops": tuple(LABELS)},
        str({"matrix": MATRIX, "ops": LABELS}),
        {"module_adjacency": MATRIX, "module_operations": LABELS},
    ],
    ids=lambda written: str(written)[:20],
)
def test_cells_of_nas_bench_101(written):
    space = catalog.space("nb101")
    assert space.arch(written).row == space.from_matrix(MATRIX, LABELS)


@pytest.mark.parametrize(
    "written", [str(FLATTENED[:-1]), str((*FLATTENED[:-1], 5)), "{'matrix': 3}", "{3}", "(1,)"]
)
def test_what_is_no_specification_is_refused(written):
    with pytest.raises(InvalidArchitectureError):
        catalog.space("nb101").arch(written)
