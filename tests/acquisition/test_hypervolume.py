"""Joint draws, and the acquisition functions on them, against their definitions."""

import pytest
import torch
from archbo.acquisition.multi_objective import DrawnModel, MaximizeOutcomes, expected_gain

from archbo.acquisition import FixedCandidates, OutcomeObservations, Prospect, qlog_nehvi
from archbo.benchmarks import Outcomes
from archbo.errors import UsageError
from archbo.predictors import GBDT, GP
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"a": range(5), "b": range(5)})
ROWS = SPACE.enumerate()


def observed(outcomes, n=8, *, pending=0):
    order = torch.randperm(len(ROWS), generator=torch.Generator().manual_seed(0))
    X = ROWS[order[:n]]
    a, b = X.T
    columns = [a + 0.3 * b, -a * b, 3.2 - b, a - 0.5]
    Y = torch.stack(
        columns[: outcomes.n_objectives] + columns[2 : 2 + outcomes.n_constraints], dim=-1
    )
    predictors = [GP(SPACE) if i % 2 == 0 else GBDT(SPACE) for i in range(outcomes.total)]
    for predictor, values in zip(predictors, Y.T, strict=True):
        predictor.fit(X, values, seed=0)
    rest = ROWS[order[n : n + pending]]
    return OutcomeObservations(outcomes, tuple(predictors), X, Y, rest, seed=1)


def drawn(m, *, s=6, n=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(s, n, m, generator=generator, dtype=torch.double)
    return DrawnModel(ROWS[:n], values), values


def test_a_drawn_model_looks_its_draws_up():
    model, values = drawn(2)
    index = torch.tensor([[0, 3, 3], [6, 1, 0]])
    posterior = model.posterior(ROWS[index])
    assert posterior.values.equal(values[:, index].movedim(0, 1))
    assert model(ROWS[:7]).equal(values)
    with pytest.raises(UsageError, match="a row was not drawn"):
        model.posterior(ROWS[10:11])


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("c", [0, 1])
def test_noisy_hypervolume_improvement_is_the_mean_of_what_each_draw_gains(m, c):
    outcomes = Outcomes(m, c)
    model, values = drawn(m + c)
    reference = torch.full((m,), -2.0, dtype=torch.double)
    prospect = Prospect(outcomes, model, ROWS[:4], ROWS[4:5], reference, seed=0)
    found = qlog_nehvi(prospect)(ROWS[5:7].unsqueeze(1)).exp()
    for candidate, value in zip((5, 6), found, strict=True):
        gains = [
            outcomes.hypervolume(draw[[0, 1, 2, 3, 4, candidate]], reference)
            - outcomes.hypervolume(draw[:5], reference)
            for draw in values
        ]
        assert float(value) == pytest.approx(sum(gains) / len(gains), abs=0.02)


@pytest.mark.parametrize(("m", "c"), [(1, 1), (2, 0), (2, 1), (3, 0)])
def test_expected_gain_is_the_mean_of_what_draws_of_the_marginals_gain(m, c):
    seen = observed(Outcomes(m, c))
    X = ROWS[-3:]
    found = expected_gain(seen, X, n_draws=512)
    Z, reference = seen.latent_Y, seen.latent_reference
    front = seen.outcomes.objectives(Z[seen.outcomes.front(Z)])
    generator = torch.Generator().manual_seed(0)
    moments = [seen.latent_marginals(output, X) for output in range(m + c)]
    objectives = Outcomes(m)
    for row in range(len(X)):
        total = 0.0
        for _ in range(150):
            draw = [
                float(mean[row] + std[row] * torch.randn((), generator=generator))
                for mean, std in moments
            ]
            if all(slack >= 0 for slack in draw[m:]):
                point = torch.tensor([draw[:m]], dtype=torch.double)
                total += objectives.hypervolume(torch.cat([front, point]), reference)
                total -= objectives.hypervolume(front, reference)
        assert float(found[row]) == pytest.approx(total / 150, rel=0.35, abs=0.15)


def test_latent_slacks_are_zero_at_the_bound():
    seen = observed(Outcomes(2, 2))
    assert (seen.latent_Y[:, 2:] >= 0).equal(seen.Y[:, 2:] >= 0)
    for output in range(2):
        order = seen.Y[:, output].argsort()
        assert (seen.latent_Y[order, output].diff() >= 0).all()


def test_the_reference_is_below_all_or_what_was_given():
    seen = observed(Outcomes(2))
    assert (seen.latent_reference < seen.latent_Y.min(0).values).all()
    given = OutcomeObservations(
        seen.outcomes, seen.predictors, seen.X, seen.Y, seen.X_pending, 0, torch.tensor([1.0, -2.0])
    )
    expected = [p.to_latent(v) for p, v in zip(seen.predictors, given.reference, strict=True)]
    assert given.latent_reference.tolist() == [float(value) for value in expected]


@pytest.mark.parametrize("outcomes", [Outcomes(2), Outcomes(2, 1), Outcomes(3)])
def test_draws_have_the_moments_of_the_posteriors(outcomes):
    seen = observed(outcomes)
    draws = seen.latent_draws(ROWS[:10], 3000)
    assert draws.shape == (3000, 10, outcomes.total)
    for output in range(outcomes.total):
        mean, std = seen.latent_marginals(output, ROWS[:10])
        assert ((draws[..., output].mean(0) - mean).abs() < 0.12 * std).all()
        assert ((draws[..., output].std(0) / std - 1).abs() < 0.15).all()


def test_picks_are_fresh_and_from_the_shortlist():
    seen = observed(Outcomes(2), pending=2)
    candidates = FixedCandidates(SPACE, ROWS)
    fresh = candidates.without(ROWS, seen.seen)
    promising = fresh[expected_gain(seen, fresh).topk(6).indices]
    for size in (6, 1000):
        rows = MaximizeOutcomes(qlog_nehvi, shortlist=size).select(
            seen, candidates, 3, generator=torch.Generator().manual_seed(0)
        )
        taken = SPACE.ids(torch.cat([rows, seen.seen]))
        assert len(set(taken)) == len(taken) == 13
        assert size > 6 or set(SPACE.ids(rows)) <= set(SPACE.ids(promising))
