"""Maximizers on ranges of reals: the optimum itself is found, within what may be proposed."""

import torch

from archbo import GP, Bayesian, Goal, Optimizer
from archbo.acquisition import Climb, FixedCandidates, LocalCandidates, Maximize, log_ei, qlog_ei
from archbo.acquisition.maximizers import ascended
from archbo.encodings import OpCountEncoding
from archbo.randomness import generator
from archbo.spaces import Integer, MixedSpace, Real

SPACE = MixedSpace(
    "s",
    {
        "op": ["conv", "pool"],
        "rate": Real(1e-4, 1.0, log=True),
        "share": Real(0, 1, active_if={"op": ["conv"]}),
        "units": Integer(1, 200),
    },
)
LOCAL = LocalCandidates(SPACE)
NOTHING = torch.empty(0, 4, dtype=torch.double)


def hill(X):
    """The best is conv, rate .01, share .3, units 120; without a share it is worth less."""
    rate, share = (X[:, 1].log10() + 2).square(), (X[:, 2] - 0.3).square()
    return -rate - torch.where(X[:, 0] == 0, share, 0.5) - ((X[:, 3] - 119) / 100).square()


def test_a_climb_ends_at_the_optimum_of_reals_and_integers():
    pool = SPACE.sample(20, generator=generator(0))
    found = Climb().maximize(hill, pool, 1, candidates=LOCAL, avoid=NOTHING)
    torch.testing.assert_close(
        found, torch.tensor([[0, 1e-2, 0.3, 119]], dtype=torch.double), rtol=1e-3, atol=1e-4
    )


def test_without_gradients_steps_come_close():
    pool = SPACE.sample(20, generator=generator(0))
    with torch.no_grad():
        found = Climb().maximize(
            lambda X: hill(X).detach(), pool, 1, candidates=LOCAL, avoid=NOTHING
        )
    assert hill(found) > -1e-3
    assert hill(found) > hill(pool).max()


def test_only_reals_that_count_move_and_no_row_gets_worse():
    rows = SPACE.sample(30, generator=generator(1))
    moved, heights = ascended(hill, rows, hill(rows), LOCAL)
    assert (heights >= hill(rows)).all()
    assert (heights > hill(rows)).sum() > 25
    assert heights.equal(hill(moved))
    assert SPACE.settled(moved).equal(moved)
    assert SPACE.is_valid(moved).all()
    assert moved[:, [0, 3]].equal(rows[:, [0, 3]])


def test_a_list_is_not_left():
    pool = SPACE.sample(40, generator=generator(0))
    listed = FixedCandidates(SPACE, pool)
    found = Climb().maximize(hill, pool, 3, candidates=listed, avoid=NOTHING)
    assert found.equal(pool[hill(pool).topk(3).indices])


def _fitted():
    strategy = Bayesian(SPACE, Goal.parse("score"), GP(SPACE), n_initial=3, seed=0)
    optimizer = Optimizer(strategy)
    X = SPACE.sample(12, generator=generator(0))
    optimizer.tell(SPACE.archs(X), hill(X).tolist())
    return optimizer


def test_acquisition_functions_are_maximised_and_not_only_drawn():
    strategy = _fitted().strategy
    context = strategy.context(_fitted().log)
    pool = SPACE.sample(2000, generator=generator(3))
    for factory in (log_ei, qlog_ei):
        rule = Maximize(factory)
        picked = rule.select(context, LOCAL, 1, generator=generator(4))
        assert float(rule.values(context, picked)) > float(rule.values(context, pool).max())


def test_several_are_picked_and_none_twice():
    archs = _fitted().ask(3)
    assert len(set(archs)) == 3
    X = SPACE.rows(archs)
    assert len(SPACE.distinct(X)) == 3


def test_encodings_through_which_no_gradient_flows_are_searched_by_steps():
    X = SPACE.sample(12, generator=generator(0))
    strategy = Bayesian(SPACE, Goal.parse("score"), GP(SPACE, OpCountEncoding(SPACE)), seed=0)
    optimizer = Optimizer(strategy)
    optimizer.tell(SPACE.archs(X), hill(X).tolist())
    assert optimizer.ask()[0] not in SPACE.archs(X)
