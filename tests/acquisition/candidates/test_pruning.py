"""Pruning on an objective whose bad choices are known."""

import pytest
import torch
from archbo.acquisition.pruning import PrunedCandidates, bad_choices

from archbo.acquisition import FixedCandidates, LocalCandidates
from archbo.bo_loop import Optimizer
from archbo.encodings import OneHotEncoding
from archbo.predictors import GP
from archbo.spaces import CategoricalSpace

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
        _, rows = propose(candidates, n)
        numbers.append(len(candidates.dropped_names))
        assert set(candidates.dropped_names) <= BAD
        made = OneHotEncoding(SPACE)(rows) > 0
        assert not (made & candidates.dropped).any()
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
    assert candidates.dropped_names
    assert "f=bad" not in candidates.dropped_names
    assert (rows[:, 5] == 2).any()


@pytest.mark.parametrize("keep", [0.3, 0.6])
def test_a_share_of_the_fresh_candidates_stays(keep):
    candidates = pruned(per_choice=1, keep=keep)
    X, rows = propose(candidates, 100)
    assert candidates.dropped_names
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
    candidates.propose(X, torch.ones(50, 1), avoid=X, generator=seeded())
    assert candidates.dropped_names == ()


def test_neighbours_are_pruned_and_the_rest_is_as_before():
    candidates = PrunedCandidates(LocalCandidates(SPACE, size=400), per_choice=10)
    X, _ = propose(candidates, 100)
    names = candidates.dropped_names
    assert names
    around = candidates.neighbours(X[0])
    made = OneHotEncoding(SPACE)(around) > 0
    assert not (made & candidates.dropped).any()
    assert 0 < len(around) < len(SPACE.neighbours(X[0]))
    assert candidates.contains(SPACE.enumerate()).all()
    random = candidates.random(50, avoid=X, generator=seeded())
    assert random.equal(candidates.candidates.random(50, avoid=X, generator=seeded()))


def test_a_search_runs_on_pruned_candidates():
    candidates = pruned(warm_up=10, per_choice=5)
    optimizer = Optimizer(SPACE, GP(SPACE), candidates=candidates, seed=0)
    for _ in range(16):
        archs = optimizer.ask()
        optimizer.tell(archs, [value(torch.tensor([arch.row]).double()).item() for arch in archs])
    assert candidates.dropped_names
    assert set(candidates.dropped_names) <= BAD
