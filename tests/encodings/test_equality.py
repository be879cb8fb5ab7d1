"""Which encodings are equal: those that give the same features, not those that print alike."""

import pickle

import pytest
import torch

from archbo.encodings import (
    CategoricalEncoding,
    Encoding,
    NodewiseEncoding,
    OneHotEncoding,
    PathEncoding,
    WLEncoding,
    ZeroCostEncoding,
)
from archbo.errors import UsageError
from archbo.proxies import ProxyTable, shipped
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
SPACE = CategoricalSpace("s", {"width": [8, 16], "op": ["a", "b"]})
OTHER = CategoricalSpace("s", {"width": [8, 32], "op": ["a", "b"]})


def table(space=SPACE, names=("params",), scale=1.0):
    X = space.enumerate()
    return ProxyTable(space, X, scale * X[:, :1], names, nodes=X.unsqueeze(-1), node_names=["n"])


def test_tables_are_compared_by_what_they_hold():
    first = table()
    assert first.same_as(table())
    assert first.same_as(pickle.loads(pickle.dumps(first)))  # noqa: S301 - our own bytes
    for other in (table(scale=2.0), table(names=("flops",)), table(OTHER), shipped(NB201)):
        assert not first.same_as(other)
        assert not other.same_as(first)


def test_failures_in_two_tables_are_the_same():
    X = SPACE.enumerate()
    scores = torch.stack([X[:, 0], torch.full((4,), float("nan"))], -1)
    scores[1, 0] = float("inf")
    made = [ProxyTable(SPACE, X, scores.clone(), ["a", "b"]) for _ in range(2)]
    assert made[0].same_as(made[1])
    scores[1, 0] = -float("inf")
    assert not made[0].same_as(ProxyTable(SPACE, X, scores, ["a", "b"]))


@pytest.mark.parametrize("kind", [ZeroCostEncoding, NodewiseEncoding])
def test_encodings_of_different_tables_are_not_equal(kind):
    first = kind(SPACE, table())
    assert first.equals(kind(SPACE, table()))
    assert first.equals(pickle.loads(pickle.dumps(first)))  # noqa: S301 - our own bytes
    other = kind(SPACE, table(scale=-1.0))
    assert repr(first) == repr(other)
    assert not first.equals(other)
    assert not (OneHotEncoding(SPACE) + first).equals(OneHotEncoding(SPACE) + other)


def test_encodings_of_spaces_of_one_name_are_not_equal_and_do_not_add():
    first, other = CategoricalEncoding(SPACE), CategoricalEncoding(OTHER)
    assert repr(first) == repr(other)
    assert not first.equals(other)
    with pytest.raises(
        UsageError, match=r"one space can be joined; got \['s'\]: choices of column"
    ):
        first + other
    with pytest.raises(UsageError, match="the proxies are of another space named s"):
        ZeroCostEncoding(OTHER, table())


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (OneHotEncoding(NB201), OneHotEncoding(NB201, canonical=True)),
        (CategoricalEncoding(NB201), CategoricalEncoding(NB201, canonical=True)),
        (PathEncoding(NB201), PathEncoding(NB201, counts=True)),
        (PathEncoding(NB201, semantic=True), PathEncoding(NB201)),
        (PathEncoding(NB201, max_length=1), PathEncoding(NB201)),
        (WLEncoding(NB201, 1), WLEncoding(NB201, 2)),
        (WLEncoding(NB201, 1, successors=True), WLEncoding(NB201, 1)),
        (WLEncoding(NB201, 1, semantic=False), WLEncoding(NB201, 1)),
    ],
    ids=repr,
)
def test_options_tell_encodings_apart(first, other):
    assert not first.equals(other)
    assert not other.equals(first)
    assert first.equals(pickle.loads(pickle.dumps(first)))  # noqa: S301 - our own bytes


def test_an_encoding_without_options_is_told_apart_by_its_features():
    class Sum(Encoding):
        def __init__(self, space, name):
            super().__init__(space)
            self.feature_names, self.groups = (name,), (0,)

        def _encode(self, X):
            return X.sum(-1, keepdim=True)

    assert Sum(SPACE, "sum").equals(Sum(SPACE, "sum"))
    assert not Sum(SPACE, "sum").equals(Sum(SPACE, "total"))


def test_joined_encodings_are_differentiable_if_all_are():
    smooth, steps = CategoricalEncoding(SPACE), OneHotEncoding(SPACE)
    assert (smooth + CategoricalEncoding(SPACE)).differentiable
    assert not (smooth + steps).differentiable
    X = SPACE.enumerate().requires_grad_()
    (smooth + smooth)(X).sum().backward()
    assert X.grad.equal(torch.full_like(X, 2.0))
    assert not (smooth + steps)(X).requires_grad
    assert not CategoricalEncoding(SPACE, canonical=True).differentiable


def test_rows_between_the_choices_are_not_taken_for_remembered_ones():
    encoding = CategoricalEncoding(SPACE)
    encoding.remember(SPACE.enumerate())
    assert encoding(torch.tensor([[0.5, 0.25]])).tolist() == [[0.5, 0.25]]
