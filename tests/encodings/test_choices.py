"""What the choices of columns have in common."""

import pytest
import torch
from scipy.stats import kendalltau

from archbo.encodings import ChoiceEncoding, OneHotEncoding, default_encoding
from archbo.predictors import GP, RandomForest
from archbo.spaces import CategoricalSpace

MIXED = CategoricalSpace(
    "mixed",
    {
        "rate": [0.1, 0.001, 0.01],
        "width1": [8, 32, 16],
        "width2": [8, 32, 16],
        "bias": [True, False],
        **{f"op{i}": ["conv", "pool", "skip"] for i in range(4)},
    },
)


def features_of(values):
    encoding = ChoiceEncoding(MIXED)
    row = torch.tensor([MIXED.row_of(values)], dtype=torch.double)
    return dict(zip(encoding.feature_names, encoding(row)[0].tolist(), strict=True))


def test_features_by_hand():
    ops = {"op0": "conv", "op1": "pool", "op2": "pool", "op3": "conv"}
    features = features_of({"rate": 0.01, "width1": 8, "width2": 16, "bias": True, **ops})
    assert features["rate"] == 0.5
    assert (features["width1"], features["width2"]) == (0, 0.5)
    assert (features["bias=True"], features["bias=False"]) == (1, 0)
    assert (features["op1=pool"], features["op1=conv"]) == (1, 0)
    assert features["8 in width1, width2"] == features["16 in width1, width2"] == 0.5
    assert features["32 in width1, width2"] == 0
    assert features["mean of width1, width2"] == 0.25
    assert features["conv in op0, op1, op2, op3"] == 0.5
    assert features["conv late in op0, op1, op2, op3"] == pytest.approx(0)
    ops = {"op0": "conv", "op1": "conv", "op2": "pool", "op3": "skip"}
    features = features_of({"rate": 0.1, "width1": 32, "width2": 32, "bias": False, **ops})
    assert features["rate"] == 1
    assert features["conv late in op0, op1, op2, op3"] == pytest.approx((-1 - 1 / 3) / 4)
    assert features["skip late in op0, op1, op2, op3"] == pytest.approx(1 / 4)


def test_where_columns_share_nothing_it_is_one_hot():
    space = CategoricalSpace("s", {"a": ["x", "y", "z"], "b": ["u", "v"], "c": [1, "1/2"]})
    X = space.enumerate()
    assert torch.equal(ChoiceEncoding(space)(X), OneHotEncoding(space)(X))


def test_it_is_the_default_of_plain_columns():
    assert default_encoding(MIXED).equals(ChoiceEncoding(MIXED))


WIDTHS = CategoricalSpace("widths", {f"stage{i}": list(range(8, 72, 8)) for i in range(5)})
LAYERS = CategoricalSpace("layers", {f"layer{i}": list("abcdefghi") for i in range(22)})
COSTS = torch.tensor([5.0, 1, 2, 3, 8, 1, 4, 6, 0], dtype=torch.double)


def mean_tau(space, value, n, make, encoding=None):
    taus = []
    for seed in range(3):
        X = space.sample(n + 1000, generator=torch.Generator().manual_seed(seed))
        Y = value(X)
        predictor = make(space, encoding).fit(X[:n], Y[:n], seed=0)
        taus.append(kendalltau(predictor.predict(X[n:])[0], Y[n:])[0])
    return sum(taus) / len(taus)


@pytest.mark.parametrize("make", [GP, RandomForest])
@pytest.mark.parametrize(
    ("space", "value", "n", "least"),
    [
        (WIDTHS, lambda X: (1 + X).log().sum(-1), 30, {GP: 0.84, RandomForest: 0.7}),
        (LAYERS, lambda X: COSTS[X.long()].sum(-1), 50, {GP: 0.85, RandomForest: 0.5}),
    ],
)
def test_order_and_sharing_are_learned_from_few(space, value, n, least, make):
    found = mean_tau(space, value, n, make)
    assert found >= least[make]
    assert found >= mean_tau(space, value, n, make, OneHotEncoding(space)) + 0.1
