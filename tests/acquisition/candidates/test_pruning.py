"""Pruning on an objective whose bad choices are known."""

import pytest
import torch

from archbo.acquisition import (
    Context,
    FixedCandidates,
    LocalCandidates,
    Maximize,
    PrunedCandidates,
    log_ei,
)
from archbo.acquisition.candidates.pruning import bad_choices
from archbo.encodings import OneHotEncoding
from archbo.goals import Goal
from archbo.predictors import GP
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

SPACE = CategoricalSpace("s", {name: ["good", "fine", "bad"] for name in "abcdef"})
WORTH = torch.tensor([1.0, 0.5, -4.0], dtype=torch.double)
BAD = {f"{name}=bad" for name in "abcdef"}


def value(X):
    """Additive: each bad choice costs, and more so on later decisions."""
    return (WORTH[X.long()] * torch.arange(1, 7)).sum(-1, keepdim=True)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pruned(**options):
    return PrunedCandidates(FixedCandidates(SPACE, SPACE.enumerate()), **options)


def makes(names, rows):
    """Which of the rows make a choice of these names."""
    encoding = OneHotEncoding(SPACE)
    columns = [encoding.feature_names.index(name) for name in names]
    return (encoding(rows)[:, columns] > 0).any(-1)


def propose(candidates, n, seed=0):
    X = SPACE.distinct(SPACE.sample(3 * n, generator=seeded(seed)))[:n]
    return X, candidates.propose(X, value(X), avoid=X, generator=seeded())


def test_bad_choices_are_bad_and_the_worst_comes_first():
    X = SPACE.sample(150, generator=seeded())
    encoding = OneHotEncoding(SPACE)
    found = [encoding.feature_names[index] for index in bad_choices(X, value(X), encoding)]
    assert set(found[:6]) == BAD
    assert found.index("f=bad") < found.index("a=bad")


def test_more_is_dropped_the_more_is_observed():
    candidates, numbers = pruned(warm_up=20, per_choice=20, keep=0.02), []
    for n in (10, 19, 20, 40, 60, 120):
        X, rows = propose(candidates, n)
        dropped = candidates.dropped(X, value(X))
        numbers.append(len(dropped))
        assert set(dropped) <= BAD
        assert not makes(dropped, rows).any()
    assert numbers == [0, 0, 1, 2, 3, 4]  # a fifth would leave fewer than a hundred


def test_the_good_stay():
    candidates = pruned(per_choice=5)
    X, rows = propose(candidates, 100)
    fresh = candidates.candidates.without(SPACE.enumerate(), X)
    best = fresh[value(fresh).argmax()]
    assert (rows == best).all(-1).any()
    assert value(rows).mean() > value(fresh).mean() + 5
    assert not set(SPACE.ids(rows)) & set(SPACE.ids(X))


def test_no_choice_of_the_best_observed_is_dropped():
    """The best observed makes a choice that is bad on average."""
    X = SPACE.distinct(SPACE.sample(200, generator=seeded()))[:100]
    Y = value(X)
    has_it = X[:, 5] == 2
    Y[has_it.nonzero()[0]] = 100.0
    candidates = pruned(per_choice=2)
    rows = candidates.propose(X, Y, avoid=X, generator=seeded())
    dropped = candidates.dropped(X, Y)
    assert dropped
    assert "f=bad" not in dropped
    assert (rows[:, 5] == 2).any()


@pytest.mark.parametrize("keep", [0.3, 0.6])
def test_a_share_of_the_fresh_candidates_stays(keep):
    candidates = pruned(per_choice=1, keep=keep)
    X, rows = propose(candidates, 100)
    assert candidates.dropped(X, value(X))
    assert len(rows) >= keep * (len(SPACE.enumerate()) - len(X))


def test_where_little_is_left_nothing_is_dropped():
    everything = SPACE.enumerate()[torch.randperm(729, generator=seeded())]
    X, left = everything[30:], everything[:30]
    candidates = pruned(per_choice=1)
    rows = candidates.propose(X, value(X), avoid=X, generator=seeded())
    assert sorted(rows.tolist()) == sorted(left.tolist())


def test_equal_values_speak_against_nothing():
    candidates = pruned()
    X = SPACE.sample(50, generator=seeded())
    assert candidates.dropped(X, torch.ones(50, 1)) == ()


def test_neighbours_are_pruned_and_the_rest_is_as_before():
    candidates = PrunedCandidates(LocalCandidates(SPACE, size=400), per_choice=10)
    X, _ = propose(candidates, 100)
    names = candidates.dropped(X, value(X))
    assert names
    around = candidates.given(X, value(X)).neighbours(X[0])
    assert not makes(names, around).any()
    assert 0 < len(around) < len(SPACE.neighbours(X[0]))
    assert candidates.neighbours(X[0]).equal(SPACE.neighbours(X[0]))
    assert candidates.contains(SPACE.enumerate()).all()
    random = candidates.random(50, avoid=X, generator=seeded())
    assert random.equal(candidates.candidates.random(50, avoid=X, generator=seeded()))


def test_what_is_dropped_follows_from_the_observations_alone():
    for rows in (FixedCandidates(SPACE, SPACE.enumerate()), LocalCandidates(SPACE, size=400)):
        candidates = PrunedCandidates(rows, per_choice=5)
        X, _ = propose(candidates, 60)
        first = candidates.dropped(X, value(X))
        assert candidates.dropped(X[:20], value(X[:20])) != first
        assert candidates.dropped(X, -value(X)) != first
        for seed in range(3):
            candidates.propose(X[:30], value(X[:30]), avoid=X, generator=seeded(seed))
            assert candidates.dropped(X, value(X)) == first


def test_few_observations_are_enough_to_ask():
    """Trees take three observations, whatever the warm-up."""
    candidates = pruned(warm_up=1)
    for n in (1, 2, 3):
        X, rows = propose(candidates, n)
        assert len(rows) >= 100
        assert len(candidates.dropped(X, value(X))) <= 1


def test_a_rule_picks_nothing_that_is_dropped():
    """From a list, and where it climbs."""
    X = SPACE.distinct(SPACE.sample(200, generator=seeded()))[:60]
    context = Context(log_of(SPACE, Goal(), X, value(X)), (GP(SPACE).fit(X, value(X), seed=0),))
    worst_first = Maximize(lambda here: log_ei(here), cost=lambda rows: value(rows).exp().flatten())
    for rows in (FixedCandidates(SPACE, SPACE.enumerate()), LocalCandidates(SPACE, size=400)):
        candidates = PrunedCandidates(rows, per_choice=5, keep=0.01)
        dropped = candidates.dropped(X, value(X))
        assert dropped
        picked = worst_first.select(context, candidates, 5, generator=seeded())
        assert not makes(dropped, picked).any()
        assert makes(dropped, worst_first.select(context, rows, 5, generator=seeded())).any()
