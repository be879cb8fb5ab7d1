"""What every candidate rule and acquisition rule of the catalog keeps to."""

from functools import cache

import pytest
import torch
from on_every_space import PREDICTORS, SPACES, TOY

from archbo import Observations, catalog
from archbo.acquisition import (
    FixedCandidates,
    LocalCandidates,
    OutcomeObservations,
    constrained_log_nei,
)
from archbo.benchmarks import Outcomes
from archbo.errors import NothingLeftError
from archbo.testing.predictors import observed, unseen
from archbo.testing.spaces import distinct_rows


def over(name, table):
    return pytest.mark.parametrize(name, table.values(), ids=table.keys())


every_space = over("space", SPACES)
every_predictor = over("make", PREDICTORS)
every_acquisition = over("acquisition", catalog.ACQUISITIONS)
every_outcome_acquisition = over("acquisition", catalog.OUTCOME_ACQUISITIONS)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@cache
def fitted(make, space):
    """One fit for all tests that only look at it."""
    return make(space, None).fit(*observed(space), seed=5)


# Candidates.


every_candidates = over("rule", catalog.CANDIDATES)
# The others are too large to list: there a rule that lists is given a table.
LISTED = 200_000


def made(rule, space, within=None):
    """The rule's candidates, of a table where it would have to list a huge space."""
    if within is None and rule is catalog.CANDIDATES["exhaustive"] and space.size > LISTED:
        within = table_of(space)
    return rule(space, within)


@cache
def table_of(space, n=150):
    """A benchmark's rows: some and the neighbours of one of them, so that there are moves within it."""
    X = distinct_rows(space, n, seed=9)
    around = torch.cat([space.neighbours(row) for row in X[:3]])
    return FixedCandidates(space, space.distinct(torch.cat([X, around])))


def told(space, n=15):
    return observed(space, n=n, seed=2)


@every_candidates
@every_space
@pytest.mark.parametrize("restricted", [False, True], ids=["space", "table"])
def test_candidates_are_distinct_valid_rows_that_are_not_to_be_avoided(rule, space, restricted):
    within = table_of(space) if restricted else None
    candidates = made(rule, space, within)
    X, Y = told(space) if within is None else (within.X[:12], within.X[:12].sum(-1, keepdim=True))
    avoid = torch.cat([X, within.X[-3:] if within is not None else distinct_rows(space, 4, seed=3)])
    for proposed in (
        candidates.propose(X, Y, avoid=avoid, generator=seeded()),
        candidates.random(7, avoid=avoid, generator=seeded()),
    ):
        assert proposed.shape == (len(proposed), space.n_columns)
        assert proposed.dtype == X.dtype
        assert space.is_valid(proposed).all()
        assert candidates.contains(proposed).all()
        ids = space.ids(proposed)
        assert len(set(ids)) == len(ids) >= 5
        assert not set(ids) & set(space.ids(avoid))
        if within is not None:
            assert set(map(tuple, proposed.tolist())) <= set(map(tuple, within.X.tolist()))
    assert candidates.restrict(proposed).equal(proposed)
    if candidates.pool is not None:
        assert candidates.contains(candidates.pool).all()
    around = candidates.neighbours(X[0])
    assert candidates.contains(around).all()


@every_candidates
@every_space
def test_candidates_follow_their_generator(rule, space):
    candidates = made(rule, space)
    X, Y = told(space)

    def both(seed):
        generator = seeded(seed)
        return candidates.propose(X, Y, avoid=X, generator=generator), candidates.random(
            5, avoid=X, generator=generator
        )

    first, same, other = both(0), both(0), both(1)
    assert first[0].equal(same[0])
    assert first[1].equal(same[1])
    if space is not TOY:  # it has few rows
        assert not first[1].equal(other[1])


@every_candidates
@every_space
def test_candidates_come_until_nothing_is_left(rule, space):
    """Whatever the rule prefers, every row of a table is proposed some day."""
    within = FixedCandidates(space, table_of(space).X[:24])
    candidates = rule(space, within)
    X, Y = within.X[:1], torch.zeros(1, 1, dtype=torch.double)
    for turn in range(1, 24):
        fresh = candidates.propose(X, Y, avoid=X, generator=seeded(turn))
        assert len(fresh) >= min(10, 24 - len(X))
        X = torch.cat([X, fresh[:1]])
        Y = torch.cat([Y, torch.tensor([[float(turn % 7)]])])
    assert sorted(space.ids(X)) == sorted(space.ids(within.X))
    with pytest.raises(NothingLeftError, match=f"every architecture of {space.name}"):
        candidates.propose(X, Y, avoid=X, generator=seeded())
    with pytest.raises(NothingLeftError):
        candidates.random(1, avoid=X, generator=seeded())


# Acquisition.


def observations(make, space, n_pending=0):
    predictor = fitted(make, space)
    pending = unseen(predictor, n_pending)
    return Observations(predictor, predictor.train_X, predictor.train_Y, pending, seed=0)


def pool(space, kind):
    if kind == "local":
        return LocalCandidates(space, size=60)
    return FixedCandidates(space, distinct_rows(space, 300, seed=9))


# A local search takes its time: one rule with every predictor, every rule with two of them.
CLIMBING = [
    pytest.param(rule, make, id=f"{rule_name}-{name}")
    for rule_name, rule in catalog.ACQUISITIONS.items()
    for name, make in PREDICTORS.items()
    if rule_name == "log_ei" or name in ("gp", "random-forest")
]


@every_acquisition
@every_predictor
@pytest.mark.parametrize(
    ("space", "q", "n_pending"),
    [
        pytest.param(SPACES["nb201"], 2, 2, id="nb201-2-pending"),
        pytest.param(TOY, 3, 0, id="toy-3"),
    ],
)
def test_selection_is_fresh_and_follows_its_generator(acquisition, make, space, q, n_pending):
    check_selection(acquisition, observations(make, space, n_pending), pool(space, "fixed"), q)


@pytest.mark.parametrize(("acquisition", "make"), CLIMBING)
def test_local_selection_is_fresh_and_follows_its_generator(acquisition, make):
    space = SPACES["nb101"]
    check_selection(acquisition, observations(make, space, 1), pool(space, "local"), 1)


def check_selection(acquisition, seen, candidates, q):
    space = candidates.space
    X = acquisition.select(seen, candidates, q, generator=seeded())
    assert X.shape == (q, space.n_columns)
    assert candidates.contains(X).all()
    taken = space.ids(torch.cat([X, seen.X, seen.X_pending]))
    assert len(set(taken)) == len(taken)
    assert X.equal(acquisition.select(seen, candidates, q, generator=seeded()))


@every_acquisition
@every_predictor
def test_selection_is_short_where_little_is_left(acquisition, make):
    seen = observations(make, TOY)
    left = unseen(seen.predictor, 2)
    candidates = FixedCandidates(TOY, torch.cat([seen.X, left]))
    X = acquisition.select(seen, candidates, 5, generator=seeded())
    assert sorted(X.tolist()) == sorted(left.tolist())


@every_outcome_acquisition
@every_predictor
def test_selection_for_several_outcomes_is_fresh_and_follows_its_generator(acquisition, make):
    outcomes = Outcomes(1, 1) if acquisition.factory is constrained_log_nei else Outcomes(2, 1)
    first = fitted(make, TOY)
    X, Y = first.train_X, first.train_Y
    other = catalog.predictor("gp", TOY).fit(X, -Y, seed=0)
    predictors = (first, other, other)[: outcomes.total]
    sides = torch.cat([Y, -Y, Y.median() - Y], dim=-1)[:, : outcomes.total]
    seen = OutcomeObservations(outcomes, predictors, X, sides, unseen(first, 2), seed=0)
    picks = [acquisition.select(seen, pool(TOY, "fixed"), 3, generator=seeded()) for _ in range(2)]
    assert picks[0].equal(picks[1])
    taken = TOY.ids(torch.cat([picks[0], seen.seen]))
    assert picks[0].shape == (3, TOY.n_columns)
    assert len(set(taken)) == len(taken)
