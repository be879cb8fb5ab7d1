"""An option that cannot take effect is an error, as is one that is none."""

import pytest

from archbo import GBDT, GP, SGHMC, DeepEnsemble, ProxyGP, RandomForest, Stack
from archbo.encodings import OneHotEncoding
from archbo.errors import UsageError
from archbo.predictors import BNNHMC, LinearisedLaplace
from archbo.proxies import ProxyTable
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
X = TOY.enumerate()
PROXIES = ProxyTable(TOY, X, X[:, :1], ["size"])


def deaf(space, encoding):
    """A part that does not take an encoding."""
    return GP(space, OneHotEncoding(space))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GBDT(TOY, params={"seed": 1}), "params has 'seed', .* fit takes it"),
        (lambda: GBDT(TOY, params={"n_estimators": 9}), "it is n_rounds"),
        (lambda: GBDT(TOY, objective="rank", params={"objective": "x"}), "objective='rank' sets"),
        (lambda: GBDT(TOY, objective="order"), "objective is 'order'"),
        (lambda: GBDT(TOY, ensemble="one"), "ensemble is 'one'"),
        (lambda: SGHMC(TOY, chains=8, steps=10, networks=100), "give 8 to 80 networks"),
        (lambda: SGHMC(TOY, chains=8, networks=4), "networks=4"),
        (lambda: LinearisedLaplace(TOY, modes=0), "modes is a number from 1"),
        (lambda: DeepEnsemble(TOY, n_folds=10, n_networks=12), "at least 2 networks"),
        (lambda: BNNHMC(TOY, hidden=()), "positive number of units"),
        (lambda: RandomForest(TOY, n_trees=1), "at least 2"),
        (lambda: Stack(TOY, parts=(GP,)), "at least two parts"),
        (lambda: Stack(TOY, combine="mean"), "combine is 'mean'"),
        (lambda: Stack(TOY, OneHotEncoding(TOY), parts=(GP, deaf)), "does not take the encoding"),
        (lambda: ProxyGP(TOY, proxies=PROXIES, signs={"flops": 1}), "sign of 'flops'"),
        (lambda: ProxyGP(TOY, proxies=PROXIES, learn_after=-1), "number of observations; got -1"),
    ],
)
def test_options_without_an_effect_are_refused(make, said):
    with pytest.raises(UsageError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_parts_of_a_stack_keep_their_own_encodings():
    stack = Stack(TOY)
    made = [part.encoding for part in stack._made()]
    assert [first is second for first, second in zip(made, stack.encodings, strict=True)] == [
        True,
        True,
    ]
    given = OneHotEncoding(TOY)
    assert all(part.encoding is given for part in Stack(TOY, given)._made())
