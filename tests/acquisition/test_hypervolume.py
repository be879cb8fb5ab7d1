"""Joint draws, and the acquisition functions on them, against their definitions."""

import pytest
import torch

from archbo.acquisition import (
    Context,
    FixedCandidates,
    LocalCandidates,
    Maximize,
    constrained_log_nei,
    qlog_nehvi,
    qlog_nparego,
)
from archbo.acquisition.hypervolume import (
    DrawnModel,
    boxes_above,
    expected_gain,
    hypervolume_gain,
)
from archbo.errors import UsageError
from archbo.goals import Bound, Goal, Objective
from archbo.predictors import GBDT, GP
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

SPACE = CategoricalSpace("s", {"a": range(5), "b": range(5)})
ROWS = SPACE.enumerate()


def goal_of(m, c=0):
    return Goal(
        tuple(Objective(f"f{i}") for i in range(m)),
        tuple(Bound(f"g{i}", 0.0, at_least=True) for i in range(c)),
    )


def observed(goal, n=8, *, pending=0, seed=1):
    order = torch.randperm(len(ROWS), generator=torch.Generator().manual_seed(0))
    X = ROWS[order[:n]]
    a, b = X.T
    columns = [a + 0.3 * b, -a * b, 3.2 - b, a - 0.5]
    m, c = goal.n_objectives, len(goal.bounds)
    Y = torch.stack(columns[:m] + columns[2 : 2 + c], dim=-1)
    predictors = [GP(SPACE) if i % 2 == 0 else GBDT(SPACE) for i in range(m + c)]
    for predictor, values in zip(predictors, Y.T, strict=True):
        predictor.fit(X, values, seed=0)
    log = log_of(SPACE, goal, X, Y, ROWS[order[n : n + pending]])
    return Context(log, tuple(predictors), seed)


def drawn_context(goal, values, monkeypatch, n_told=4, n_pending=1, reference=-2.0):
    """A context whose joint draws at the first rows are given."""
    n = values.shape[1]
    told = torch.zeros(n_told, goal.n_outcomes)
    log = log_of(SPACE, goal, ROWS[:n_told], told, ROWS[n_told : n_told + n_pending])
    point = torch.full((goal.n_objectives,), reference, dtype=torch.double)
    monkeypatch.setattr(Context, "latent_reference", point)
    place = {tuple(row): i for i, row in enumerate(ROWS[:n].tolist())}
    monkeypatch.setattr(
        Context,
        "latent_draws",
        lambda _, X, n_draws: values[:, [place[tuple(row)] for row in X.tolist()]],
    )
    return Context(log, (), seed=0, choices=ROWS[n_told + n_pending : n])


def draws_of(m, *, s=64, n=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(s, n, m, generator=generator, dtype=torch.double)


def test_a_drawn_model_looks_its_draws_up():
    values = draws_of(2, s=6)
    model = DrawnModel(ROWS[:7], values)
    index = torch.tensor([[0, 3, 3], [6, 1, 0]])
    posterior = model.posterior(ROWS[index])
    assert posterior.values.equal(values[:, index].movedim(0, 1))
    assert model(ROWS[:7]).equal(values)
    with pytest.raises(UsageError, match="a row was not drawn"):
        model.posterior(ROWS[10:11])


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("c", [0, 1])
def test_noisy_hypervolume_improvement_is_the_mean_of_what_each_draw_gains(m, c, monkeypatch):
    goal, values = goal_of(m, c), draws_of(m + c)
    context = drawn_context(goal, values, monkeypatch)
    reference = context.latent_reference
    found = qlog_nehvi(context)(ROWS[5:7].unsqueeze(1)).exp()
    for candidate, value in zip((5, 6), found, strict=True):
        gains = [
            goal.hypervolume(draw[[0, 1, 2, 3, 4, candidate]], reference)
            - goal.hypervolume(draw[:5], reference)
            for draw in values
        ]
        assert float(value) == pytest.approx(sum(gains) / len(gains), abs=0.02)


def test_constrained_improvement_is_the_mean_over_draws_of_the_best_feasible(monkeypatch):
    goal, values = goal_of(1, 1), draws_of(2)
    context = drawn_context(goal, values, monkeypatch)
    found = constrained_log_nei(context)(ROWS[5:7].unsqueeze(1)).exp()
    for candidate, value in zip((5, 6), found, strict=True):
        total = 0.0
        for draw in values:
            feasible = [float(f) for f, g in draw[:5].tolist() if g >= 0]
            best = max([*feasible, -2.0])
            if draw[candidate, 1] >= 0:
                total += max(0.0, float(draw[candidate, 0]) - best)
        assert float(value) == pytest.approx(total / len(values), abs=0.03)


def test_parego_weighs_objectives_anew_for_each_pick():
    context = observed(goal_of(2)).with_choices(ROWS[10:])
    first = qlog_nparego(context)(ROWS[10:].unsqueeze(1))
    assert first.equal(qlog_nparego(context)(ROWS[10:].unsqueeze(1)))
    torch.manual_seed(3)
    assert first.equal(qlog_nparego(observed(goal_of(2)).with_choices(ROWS[10:]))(ROWS[10:, None]))
    scales = set()
    for seed in range(6):
        here = observed(goal_of(2), seed=seed).with_choices(ROWS[10:])
        scales.add(tuple(qlog_nparego(here)(ROWS[10:12].unsqueeze(1)).tolist()))
    assert len(scales) == 6


@pytest.mark.parametrize(("m", "c"), [(1, 1), (2, 0), (2, 1), (3, 0)])
def test_expected_gain_is_the_mean_of_what_draws_of_the_marginals_gain(m, c):
    goal, seen, X = goal_of(m, c), observed(goal_of(m, c)), ROWS[-3:]
    mean, std = seen.latent_marginals(X)
    assert mean.shape == std.shape == (3, m + c)
    known, reference = seen.latent_gains, seen.latent_reference
    front = goal.objectives_of(known[goal.front(known)])
    boxes = boxes_above(front, reference)
    found = hypervolume_gain(goal, *boxes, mean, std, seed=0, n_draws=512)
    torch.testing.assert_close(expected_gain(seen, X), found, rtol=0.5, atol=0.2)
    generator, objectives = torch.Generator().manual_seed(0), goal_of(m)
    for row in range(len(X)):
        total = 0.0
        for _ in range(150):
            noise = torch.randn(m + c, generator=generator, dtype=torch.double)
            draw = mean[row] + std[row] * noise
            if bool((draw[m:] >= 0).all()):
                point = draw[:m].unsqueeze(0)
                total += objectives.hypervolume(torch.cat([front, point]), reference)
                total -= objectives.hypervolume(front, reference)
        assert float(found[row]) == pytest.approx(total / 150, rel=0.35, abs=0.15)


def test_boxes_above_a_front_make_up_what_it_does_not_dominate():
    front = torch.tensor([[1.0, 3.0], [2.0, 2.0], [0.5, 0.5]]).double()
    lower, upper = boxes_above(front[:2], torch.zeros(2).double())
    points = 4 * torch.rand(500, 2, generator=torch.Generator().manual_seed(0)).double()
    inside = ((points.unsqueeze(1) >= lower) & (points.unsqueeze(1) < upper)).all(-1).sum(-1)
    dominated = (points.unsqueeze(1) <= front[:2]).all(-1).any(-1)
    assert inside.equal((~dominated).long())
    for best, wanted in ((front[:, :1], 2.0), (front[:0, :1], 0.0)):
        lower, upper = boxes_above(best, torch.zeros(1).double())
        assert (lower.item(), upper.item()) == (wanted, torch.inf)


def test_functions_say_what_they_take():
    for function, goal, remedy in [
        (qlog_nehvi, goal_of(1), "take log_ei, qlog_nei"),
        (qlog_nparego, goal_of(1, 1), "take constrained_log_nei"),
        (constrained_log_nei, goal_of(2), "take qlog_nehvi or qlog_nparego"),
        (constrained_log_nei, goal_of(1), "take log_ei, qlog_nei"),
    ]:
        with pytest.raises(UsageError, match=remedy):
            function(observed(goal))


def test_picks_are_fresh_and_from_the_shortlist():
    seen = observed(goal_of(2), pending=2)
    candidates = FixedCandidates(SPACE, ROWS)
    fresh = candidates.without(ROWS, seen.avoid)
    promising = fresh[expected_gain(seen, fresh).topk(6).indices]
    for size in (6, 1000):
        rows = Maximize(qlog_nehvi, shortlist=size).select(
            seen, candidates, 3, generator=torch.Generator().manual_seed(0)
        )
        taken = SPACE.ids(torch.cat([rows, seen.avoid]))
        assert len(set(SPACE.ids(rows))) == 3
        assert len(set(taken)) == 13
        assert size > 6 or set(SPACE.ids(rows)) <= set(SPACE.ids(promising))


def test_a_shortlist_is_climbed_to():
    """From few candidates the search goes on to whatever is expected to gain more."""
    seen = observed(goal_of(2))
    rule, candidates = Maximize(qlog_nehvi, shortlist=4), LocalCandidates(SPACE, size=8)
    found = rule.promising(seen, candidates, 4, generator=torch.Generator().manual_seed(0))
    fresh = FixedCandidates(SPACE, ROWS).without(ROWS, seen.avoid)
    gains = expected_gain(seen, found)
    assert gains.diff().max() <= 0
    assert gains[0] >= 0.99 * expected_gain(seen, fresh).max()


def test_draws_are_made_once_for_a_batch(monkeypatch):
    seen, made = observed(goal_of(2)), []
    draws = Context.latent_draws
    monkeypatch.setattr(
        Context, "latent_draws", lambda self, X, n: made.append(len(X)) or draws(self, X, n)
    )
    rule = Maximize(qlog_nehvi, shortlist=6)
    rule.select(seen, FixedCandidates(SPACE, ROWS), 3, generator=torch.Generator().manual_seed(0))
    assert made == [14]
