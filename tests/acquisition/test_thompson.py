"""Rules that draw their picks, against the probabilities of their definitions."""

import math
from collections import Counter

import pytest
import torch

from archbo.acquisition import (
    Context,
    FixedCandidates,
    IndependentThompsonSampling,
    ThompsonSampling,
    TopSampling,
)
from archbo.goals import Goal
from archbo.predictors import GP, marginals
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

SPACE = CategoricalSpace("s", {"width": range(6), "depth": range(5)})


@pytest.fixture(scope="module")
def seen():
    X = SPACE.enumerate()[::4]
    predictor = GP(SPACE).fit(X, X[:, :1] + 0.3 * torch.sin(7 * X[:, 1:]), seed=0)
    return Context(log_of(SPACE, Goal(), X, predictor.train_Y), (predictor,))


def picks(rule, seen, candidates, q=1, n=1500):
    generator = torch.Generator().manual_seed(1)
    return [rule.select(seen, candidates, q, generator=generator) for _ in range(n)]


def test_independent_thompson_picks_by_the_chance_to_be_the_higher_of_two(seen):
    fresh = FixedCandidates(SPACE, SPACE.enumerate()).without(SPACE.enumerate(), seen.X)
    mean, std = marginals(seen.model, fresh)
    # Two that are close enough for either to win.
    z = (mean.unsqueeze(1) - mean) / (std.unsqueeze(1).square() + std.square()).sqrt()
    first, second = divmod(int((z - 0.6).abs().argmin()), len(z))
    pair = fresh[[first, second]]
    drawn = torch.cat(picks(IndependentThompsonSampling(), seen, FixedCandidates(SPACE, pair)))
    share = (drawn == pair[0]).all(-1).double().mean()
    chance = torch.special.ndtr(z[first, second])
    assert share == pytest.approx(chance.item(), abs=4 * math.sqrt(0.25 / len(drawn)))


def test_independent_thompson_takes_the_highest_draws_of_a_batch(seen):
    candidates = FixedCandidates(SPACE, SPACE.enumerate())
    one = IndependentThompsonSampling().select(
        seen, candidates, 1, generator=torch.Generator().manual_seed(3)
    )
    many = IndependentThompsonSampling().select(
        seen, candidates, 4, generator=torch.Generator().manual_seed(3)
    )
    assert many[:1].equal(one)


def test_top_sampling_draws_evenly_from_the_top(seen):
    candidates = FixedCandidates(SPACE, SPACE.enumerate())
    fresh = candidates.without(SPACE.enumerate(), seen.X)
    top = fresh[marginals(seen.model, fresh)[0].topk(5).indices]
    counts = Counter(
        tuple(row) for rows in picks(TopSampling(5), seen, candidates, q=2) for row in rows.tolist()
    )
    assert set(counts) == set(map(tuple, top.tolist()))
    assert min(counts.values()) > 3000 / 5 - 120
    # A batch larger than the top is drawn from as many as it takes.
    assert len(TopSampling(2).select(seen, candidates, 6, generator=torch.Generator())) == 6


def test_thompson_samples_the_optimum(seen):
    """By the share of joint draws in which each of three rows is the best; each seed is a draw."""
    rows = FixedCandidates(SPACE, SPACE.enumerate()).without(SPACE.enumerate(), seen.X)
    mean, _ = marginals(seen.model, rows)
    three = FixedCandidates(SPACE, rows[mean.topk(3).indices])
    with torch.no_grad():
        posterior = seen.model.posterior(three.X)
    covariance = posterior.distribution.covariance_matrix
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(20_000, 3, generator=generator, dtype=torch.double)
    draws = posterior.mean.T + noise @ torch.linalg.cholesky(covariance).mT
    wanted = draws.argmax(-1).bincount(minlength=3) / len(draws)
    counts = torch.zeros(3)
    for seed in range(600):
        here = Context(seen.log, seen.predictors, seed)
        row = ThompsonSampling().select(here, three, 1, generator=generator)
        counts += (row == three.X).all(-1)
    assert counts.sum() == 600
    torch.testing.assert_close(counts / 600, wanted.float(), rtol=0, atol=0.09)


def test_thompson_draws_over_the_promising_and_some_others(seen):
    """Half of the rows drawn at are the highest bounds; the picks of a batch differ."""
    candidates = FixedCandidates(SPACE, SPACE.enumerate())
    rule, generator = ThompsonSampling(size=6), torch.Generator().manual_seed(0)
    picked = [rule.select(seen, candidates, 6, generator=generator) for _ in range(20)]
    fresh = candidates.without(candidates.X, seen.X)
    mean, std = marginals(seen.model, fresh)
    top = set(map(tuple, fresh[(mean + 2 * std).topk(3).indices].tolist()))
    for rows in picked:
        assert len(set(map(tuple, rows.tolist()))) == 6
        assert top <= set(map(tuple, rows.tolist()))
    assert len({tuple(row) for rows in picked for row in rows.tolist()}) > 12
