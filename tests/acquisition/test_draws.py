"""Rules that draw their picks, against the probabilities of their definitions."""

import math
from collections import Counter

import pytest
import torch

from archbo.acquisition import (
    FixedCandidates,
    IndependentThompsonSampling,
    Observations,
    TopSampling,
)
from archbo.predictors import GP, marginals
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"width": range(6), "depth": range(5)})


@pytest.fixture(scope="module")
def seen():
    X = SPACE.enumerate()[::4]
    predictor = GP(SPACE).fit(X, X[:, :1] + 0.3 * torch.sin(7 * X[:, 1:]), seed=0)
    return Observations(predictor, X, predictor.train_Y, X[:0], seed=0)


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
