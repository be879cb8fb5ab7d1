"""Spaces in which there is little or nothing to choose."""

import pytest
import torch

from archbo import catalog
from archbo.encodings import default_encoding
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NOTHING = CategoricalSpace("nothing", {"a": ["only"], "b": [1]})
ONE = CategoricalSpace("one", {"a": ["only"], "b": [1, 2, 3], "c": ["only"]})
CELL = EdgeCellSpace("cell", ["conv"], notation="nb201")


@pytest.mark.parametrize("space", [NOTHING, CELL], ids=lambda space: space.name)
def test_where_there_is_no_choice_there_is_one_architecture_and_no_neighbour(space):
    X = space.sample(5, generator=generator(0))
    assert X.equal(torch.zeros(5, space.n_columns, dtype=torch.double))
    assert space.mutate(X, generator=generator(0)).equal(X)
    assert space.crossover(X, X, generator=generator(0)).equal(X)
    for dtype in (torch.double, torch.float):
        found = space.neighbours(X[0].to(dtype))
        assert found.shape == (0, space.n_columns)
        assert found.dtype == dtype
    assert space.mutate(X[:0], generator=generator(0)).shape == (0, space.n_columns)
    assert space.size == len(space.enumerate()) == len(space.distinct(X)) == 1


def test_columns_without_a_choice_are_left_alone():
    X = ONE.sample(50, generator=generator(0))
    mutated = ONE.mutate(X, generator=generator(1))
    assert (mutated[:, 1] != X[:, 1]).all()
    assert not mutated[:, [0, 2]].any()
    assert sorted(ONE.neighbours(X[0])[:, 1].tolist()) == sorted({0, 1, 2} - {int(X[0, 1])})


@pytest.mark.parametrize("space", [NOTHING, CELL, ONE], ids=lambda space: space.name)
@pytest.mark.parametrize("name", sorted(catalog.ENCODINGS.keys() - {"zero-cost", "nodewise"}))
def test_encodings_have_features_even_there(space, name):
    encoding, X = catalog.encoding(name, space), space.sample(3, generator=generator(0))
    assert encoding.n_features == len(encoding.groups) > 0
    assert encoding(X).shape == (3, encoding.n_features)
    assert encoding(X).isfinite().all()
    assert default_encoding(space)(X).isfinite().all()


@pytest.mark.parametrize("name", sorted(catalog.CANDIDATES))
def test_candidates_come_from_the_one_architecture_there_is(name):
    candidates = catalog.candidates(name, NOTHING)
    X, Y = torch.zeros(1, 2, dtype=torch.double), torch.zeros(1, 1, dtype=torch.double)
    assert candidates.propose(X, Y, avoid=X[:0], generator=generator(0)).tolist() == [[0, 0]]
