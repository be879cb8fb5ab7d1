"""Row encodings read off the notation of the features."""

import pytest
import torch

from archbo.encodings import CategoricalEncoding, OneHotEncoding
from archbo.spaces import CategoricalSpace, DartsSpace, EdgeCellSpace, NodeCellSpace

SPACES = {
    "nb201": EdgeCellSpace.nas_bench_201(),
    "nb101": NodeCellSpace.nas_bench_101(),
    "darts": DartsSpace(),
    "toy": CategoricalSpace("toy", {"only": ["one"], "width": [8, 16, 32]}),
}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())


def rows(space, n=30):
    return space.sample(n, generator=torch.Generator().manual_seed(0))


@every_space
def test_one_hot_marks_the_choice_of_each_column(space):
    encoding, X = OneHotEncoding(space), rows(space)
    for row, features in zip(X.long().tolist(), encoding(X), strict=True):
        chosen = {
            f"{column}={choices[value]}"
            for column, choices, value in zip(space.columns, space.choice_names, row, strict=True)
        }
        marked = {n for n, f in zip(encoding.feature_names, features, strict=True) if f == 1}
        assert marked == chosen
        assert features.sum() == len(chosen)


@every_space
def test_features_of_one_column_are_one_group(space):
    columns = [name.split("=")[0] for name in OneHotEncoding(space).feature_names]
    assert list(OneHotEncoding(space).groups) == [space.columns.index(c) for c in columns]
    assert list(CategoricalEncoding(space).groups) == list(range(space.n_columns))


@every_space
def test_categorical_is_the_row_in_the_unit_cube(space):
    X = rows(space)
    features = CategoricalEncoding(space)(X)
    steps = torch.tensor([max(1, cardinality - 1) for cardinality in space.cardinalities])
    assert ((features >= 0) & (features <= 1)).all()
    assert (features * steps).round().equal(X)
    assert features.allclose(X / steps)


@pytest.mark.parametrize("encoding", [OneHotEncoding, CategoricalEncoding])
@every_space
def test_canonical_features_are_equal_iff_keys_are(encoding, space):
    X = torch.cat([rows(space), space.mutate(rows(space), generator=torch.Generator())])
    features, keys = encoding(space, canonical=True)(X), space.keys(X)
    assert features.equal(encoding(space)(space.canonical(X)))
    same = (features.unsqueeze(0) == features.unsqueeze(1)).all(-1)
    assert same.equal(keys.unsqueeze(0) == keys.unsqueeze(1))


@pytest.mark.parametrize("encoding", [OneHotEncoding, CategoricalEncoding])
def test_dead_operations_are_gone_from_canonical_features_only(encoding):
    space = SPACES["nb201"]
    X = space.rows(
        [
            f"|{dead}~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|"
            for dead in ("none", "nor_conv_3x3")
        ]
    )
    plain, canonical = encoding(space)(X), encoding(space, canonical=True)(X)
    assert not plain[0].equal(plain[1])
    assert canonical[0].equal(canonical[1])
