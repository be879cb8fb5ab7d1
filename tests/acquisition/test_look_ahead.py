"""The improvement that is expected after one evaluation more."""

import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.models import SingleTaskGP

from archbo.acquisition import expected_improvement, improvement_ahead

SEED = torch.Generator().manual_seed(0)
MEAN = torch.randn(5, 7, generator=SEED, dtype=torch.double)
VARIANCE = torch.rand(5, 7, generator=SEED, dtype=torch.double) + 0.1
SHARES = torch.rand(5, 7, generator=SEED, dtype=torch.double) * 2 - 1
BEST_F = torch.tensor(0.5, dtype=torch.double)


def test_expected_improvement_is_botorchs():
    X = torch.rand(6, 2, generator=SEED, dtype=torch.double)
    model = SingleTaskGP(X, X.sum(-1, keepdim=True).sin())
    test_X = torch.rand(9, 2, generator=SEED, dtype=torch.double)
    posterior = model.posterior(test_X)
    ours = expected_improvement(posterior.mean[:, 0], posterior.variance[:, 0], BEST_F)
    theirs = LogExpectedImprovement(model, BEST_F)(test_X.unsqueeze(-2)).exp()
    torch.testing.assert_close(ours, theirs)


def test_improvement_ahead_is_the_mean_over_what_is_learned():
    slopes = SHARES * VARIANCE.sqrt()
    draws = torch.randn(40_000, 1, 1, generator=SEED, dtype=torch.double)
    after = expected_improvement(MEAN + slopes * draws, VARIANCE - slopes.square(), BEST_F)
    wanted = after.amax(-1).mean(0)
    ahead = improvement_ahead(MEAN, VARIANCE, slopes, BEST_F, n_nodes=256)
    torch.testing.assert_close(ahead, wanted, rtol=0.01, atol=0.01)


def test_to_learn_never_lowers_the_best_improvement():
    now = expected_improvement(MEAN, VARIANCE, BEST_F).amax(-1)
    slopes = SHARES * VARIANCE.sqrt()
    ahead = improvement_ahead(MEAN, VARIANCE, slopes, BEST_F, n_nodes=256)
    assert (ahead >= now * 0.999).all()
    assert (ahead > now * 1.01).any()
    torch.testing.assert_close(improvement_ahead(MEAN, VARIANCE, 0 * slopes, BEST_F), now)
