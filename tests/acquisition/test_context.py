"""What rules know, against the log that it comes from."""

import pytest
import torch

from archbo.acquisition import Context
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import GBDT, GP, marginals
from archbo.spaces import CategoricalSpace, NodeCellSpace
from archbo.testing.acquisitions import log_of

SPACE = CategoricalSpace("s", {"a": range(5), "b": range(5)})
ROWS = SPACE.enumerate()[torch.randperm(25, generator=torch.Generator().manual_seed(0))]
GOAL = Goal.parse("x,-y", subject_to=["y<=8", "x>=2"])
COSTS = {"short": 1, "long": 4}


def values_of(X):
    a, b = X.T
    return torch.stack([a + 0.3 * b, a * b], -1)


def several(goal=GOAL, n=8, n_pending=0):
    X, Y = ROWS[:n], values_of(ROWS[:n])
    gains = goal.gains(Y)
    predictors = [(GP, GBDT)[i % 2](SPACE).fit(X, gains[:, i], seed=0) for i in range(len(gains.T))]
    return Context(log_of(SPACE, goal, X, Y, ROWS[n : n + n_pending]), tuple(predictors), seed=1)


def single(n=8, n_pending=0, **options):
    X, Y = ROWS[:n], ROWS[:n, :1] + 0.3 * torch.sin(7 * ROWS[:n, 1:])
    log = log_of(SPACE, Goal(), X, Y, ROWS[n : n + n_pending])
    return Context(log, (GP(SPACE).fit(X, Y, seed=0),), **options)


def test_what_was_told_is_observed_and_the_rest_avoided():
    log = log_of(SPACE, Goal(), ROWS[:3], [[1.0], [2.0], [3.0]], ROWS[3:7])
    asked, failed, dropped, told = log.trials[3:]
    log = log.failed(failed).dropped(dropped).told(told, [4.0]).asked(ROWS[:1])
    context = Context(log, ())
    assert context.X.equal(ROWS[[0, 1, 2, 6]])
    assert context.observed[1].flatten().tolist() == [1, 2, 3, 4]
    assert context.X_pending.equal(ROWS[[3, 0]])
    assert asked.state == "asked"
    picked = context.with_picked(ROWS[8:9]).with_picked(ROWS[[9, 3]])
    # Each of the rows once, though one waits and is picked as well.
    assert picked.X_pending.equal(ROWS[[3, 0, 8, 9]])
    for here, rows in ((context, [0, 1, 2, 3, 4, 6]), (picked, [0, 1, 2, 3, 4, 6, 8, 9])):
        assert set(SPACE.ids(here.avoid)) == set(SPACE.ids(ROWS[rows]))


def test_repeated_evaluations_compare_by_their_mean():
    log = log_of(SPACE, Goal(), ROWS[[0, 1, 0]], [[1.0], [2.0], [6.0]])
    X, merit = Context(log, ()).merit
    assert X.equal(ROWS[:2])
    assert merit.flatten().tolist() == [3.5, 2]
    assert Context(log, ()).X.equal(ROWS[[0, 1, 0]])


def test_isomorphic_pending_rows_are_one():
    space = NodeCellSpace.nas_bench_101()
    X = space.sample(200, generator=torch.Generator().manual_seed(0))
    C = space.canonical(X)
    other = int((X != C).any(-1).nonzero()[0])
    log = Log(space, Goal()).asked(torch.stack([X[other], C[other]]))
    assert Context(log, ()).X_pending.equal(X[other : other + 1])


def test_fidelities_are_seen_apart():
    goal = Goal.parse("x", fidelities=COSTS)
    log = Log(SPACE, goal).asked(ROWS[:4], ["short", "short", "long", "long"])
    for trial in log.trials[:3]:
        log = log.told(trial, [float(trial.number)])
    log = log.asked(ROWS[5:6], ["short"])
    at_target, below = Context(log, ()), Context(log, (), fidelity="short")
    assert at_target.X.equal(ROWS[2:3])
    assert below.X.equal(ROWS[:2])
    for context in (at_target, below):
        assert context.X_pending.equal(ROWS[[3, 5]])
    # What waits anywhere is not asked for again meanwhile.
    assert set(SPACE.ids(at_target.avoid)) == set(SPACE.ids(ROWS[[2, 3, 5]]))
    assert set(SPACE.ids(below.avoid)) == set(SPACE.ids(ROWS[[0, 1, 3, 5]]))


def test_functions_of_one_outcome_do_not_take_several():
    for read in ("predictor", "model", "gaussian", "believing", "best_f", "sampler"):
        with pytest.raises(UsageError, match="does not serve x, -y"):
            getattr(several(), read)


def test_the_incumbent_is_the_highest_mean():
    context = single()
    assert context.best_f == marginals(context.model, ROWS[:8])[0].max()


def test_promising_rows_are_of_high_mean_or_high_bound():
    context = single(n_pending=2)
    assert len(context.promising(100)) == 10
    context = context.with_choices(ROWS[10:])
    rows = context.promising(10)
    assert len(set(SPACE.ids(rows))) == 10
    mean, std = marginals(context.model, ROWS)
    assert rows[:5].equal(ROWS[mean.topk(5).indices])
    rest = torch.tensor([key not in SPACE.ids(rows) for key in SPACE.ids(ROWS)])
    chosen, chosen_std = marginals(context.model, rows[5:])
    assert (chosen + 2 * chosen_std).min() >= (mean + 2 * std)[rest].max()


def test_promising_rows_are_distinct_where_evaluations_repeat():
    log = single().log
    log = log.asked(ROWS[:3])
    log = log.told(log.trials[8], [1.0])
    context = Context(log, single().predictors)
    assert len(context.promising(100)) == 8


def test_what_is_costly_is_made_once_for_a_batch_and_anew_for_other_choices():
    made = []

    def make():
        made.append(len(made))
        return made[-1]

    context = single()
    assert [context.once("a", make), context.once("a", make), context.once("b", make)] == [0, 0, 1]
    assert context.with_picked(ROWS[9:10]).once("a", make) == 0
    assert context.with_choices(ROWS[9:]).once("a", make) == 2


def test_latent_slacks_are_zero_at_the_bound():
    context = several()
    gains = context.observed[1]
    assert (context.latent_gains[:, 2:] >= 0).equal(gains[:, 2:] >= 0)
    for output in range(2):
        order = gains[:, output].argsort()
        assert (context.latent_gains[order, output].diff() >= 0).all()
    zero = torch.zeros(3, dtype=torch.double)
    assert context.to_latent(2, zero).abs().max() == 0


def test_the_reference_is_below_all_or_what_was_given():
    context = several()
    low, high = (part(context.latent_gains[:, :2], 0).values for part in (torch.min, torch.max))
    assert (context.latent_reference < low).all()
    front = context.latent_gains[context.goal.front(context.latent_gains), :2]
    assert (context.latent_reference > low - 0.51 * (high - low)).all()
    assert len(front) > 1
    given = several(Goal.parse("x,-y", reference=[1.0, 20.0]))
    expected = [
        float(p.to_latent(torch.tensor(v).double()))
        for p, v in zip(given.predictors, [1, -20], strict=True)
    ]
    assert given.latent_reference.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("goal", [Goal.parse("x,-y"), GOAL], ids=str)
def test_draws_have_the_moments_of_the_posteriors(goal):
    context = several(goal)
    draws = context.latent_draws(ROWS[:10], 3000)
    assert draws.shape == (3000, 10, goal.n_outcomes)
    mean, std = context.latent_marginals(ROWS[:10])
    assert ((draws.mean(0) - mean).abs() < 0.12 * std).all()
    assert ((draws.std(0) / std - 1).abs() < 0.15).all()
    assert draws.equal(context.latent_draws(ROWS[:10], 3000))
    # Outcomes are drawn for independently.
    one, other = draws[:, 9, 0], draws[:, 9, 1]
    assert torch.corrcoef(torch.stack([one, other]))[0, 1].abs() < 0.08
