"""What every predictor, candidate rule and acquisition rule of the catalog keeps to."""

import io
import warnings
from functools import cache, partial
from itertools import product

import numpy as np
import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement
from botorch.optim import optimize_acqf_discrete
from botorch.sampling import SobolQMCNormalSampler
from on_every_space import SOME_SPACES, SPACES, TOY, on_every_space

from archbo import GBDT, Observations, RelativisticGNN, catalog
from archbo.acquisition import (
    FixedCandidates,
    LocalCandidates,
    OutcomeObservations,
    constrained_log_nei,
)
from archbo.benchmarks import Outcomes
from archbo.errors import InvalidArchitectureError, NothingLeftError, NumericalWarning, UsageError

DTYPES = (torch.float32, torch.float64)


def over(name, table):
    return pytest.mark.parametrize(name, table.values(), ids=table.keys())


every_space = over("space", SPACES)
some_spaces = over("space", SOME_SPACES)
# Smaller than their defaults, so that a fit takes a moment.
SMALL: dict[str, dict[str, object]] = {
    "bnn-hmc": {"warmup": 30, "samples": 25},
    "sghmc": {"burn_in": 300, "steps": 300},
    "deep-ensemble": {"n_steps": 100},
    "laplace": {"n_steps": 100},
    "gnn": {"n_members": 6, "n_epochs": 20},
    "stack-gnn": {"parts": (GBDT, partial(RelativisticGNN, n_members=6, n_epochs=20))},
    "mixer": {"n_members": 6, "n_epochs": 100},
    "random-forest": {"n_trees": 30},
    # So that it is fitted at all; its own tests look at the few observations that it takes as they are.
    "proxy-gp": {"learn_after": 0},
}
PREDICTORS = on_every_space(
    {name: partial(make, **SMALL.get(name, {})) for name, make in catalog.PREDICTORS.items()}
)
every_predictor = over("make", PREDICTORS)
every_acquisition = over("acquisition", catalog.ACQUISITIONS)
every_outcome_acquisition = over("acquisition", catalog.OUTCOME_ACQUISITIONS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(space, n=40, seed=0, dtype=torch.double):
    return space.sample(n, generator=seeded(seed), dtype=dtype)


def distinct_rows(space, n, seed=0, dtype=torch.double):
    return space.distinct(rows(space, 3 * n, seed, dtype))[:n]


# Predictors.

# BoTorch advises against single precision; that it works all the same is what is tested.
single_precision = pytest.mark.filterwarnings("ignore:The model inputs are of type torch.float32")


def observed(space, n=12, seed=0, dtype=torch.double):
    """Rows, and values that depend on them, in some unit far from standardised."""
    X = distinct_rows(space, n, seed, dtype)
    weights = torch.rand(space.n_columns, generator=seeded(7)).to(dtype)
    noise = torch.rand(len(X), 1, generator=seeded(seed)).to(dtype)
    return X, 70 + (X @ weights).unsqueeze(-1) + noise


def fresh_fit(make, space, **kwargs):
    return make(space, None).fit(*observed(space, **kwargs), seed=5)


@cache
def fitted(make, space, dtype=torch.double):
    """One fit for all tests that only look at it."""
    return fresh_fit(make, space, dtype=dtype)


def unseen(predictor, n, seed=3):
    space = predictor.space
    X = distinct_rows(space, n + len(predictor.train_X), seed).to(predictor.train_X)
    seen = set(space.ids(predictor.train_X))
    return X[[key not in seen for key in space.ids(X)]][:n]


@single_precision
@every_predictor
@some_spaces
@every_dtype
def test_posterior_has_botorchs_shapes(make, space, dtype):
    predictor = fitted(make, space, dtype=dtype)
    for b, q in product((1, 2, 3), (1, 2, 3, 4)):
        posterior = predictor.posterior(distinct_rows(space, b * q, 4, dtype).reshape(b, q, -1))
        assert posterior.mean.shape == posterior.variance.shape == (b, q, 1)
        assert posterior.mean.dtype == dtype
        assert posterior.mean.isfinite().all()
        assert (posterior.variance > 0).all()
        assert posterior.rsample(torch.Size([5])).shape == (5, b, q, 1)
    assert predictor.posterior(distinct_rows(space, 4, 4, dtype)).mean.shape == (4, 1)
    assert predictor.num_outputs == 1
    assert predictor.batch_shape == torch.Size([])


@single_precision
@every_predictor
@some_spaces
def test_single_precision_is_close_to_double(make, space):
    X = rows(space, 20)
    mean, std = fitted(make, space).predict(X)
    mean32, std32 = fitted(make, space, dtype=torch.float).predict(X)
    spread = observed(space)[1].std()
    assert (mean32 - mean).abs().max() < 0.1 * spread
    assert (std32 - std).abs().max() < 0.1 * spread


@every_predictor
@some_spaces
def test_posterior_of_a_batch_is_that_of_its_parts(make, space):
    predictor, X = fitted(make, space), rows(space, 12).reshape(4, 3, -1)
    batch = predictor.posterior(X)
    for index, part in enumerate(X):
        alone = predictor.posterior(part)
        torch.testing.assert_close(alone.mean, batch.mean[index], rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(alone.variance, batch.variance[index], rtol=1e-4, atol=1e-8)


@every_predictor
@some_spaces
def test_predict_is_the_marginal_posterior(make, space):
    predictor, X = fitted(make, space), rows(space, 10)
    for noise in (True, False):
        mean, std = predictor.predict(X, observation_noise=noise, batch_size=3)
        joint = predictor.posterior(X, observation_noise=noise)
        torch.testing.assert_close(mean, joint.mean.flatten(), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(std, joint.variance.flatten().sqrt(), rtol=1e-3, atol=1e-5)
    assert (predictor.predict(X)[1] >= std).all()
    by_text = predictor.predict([str(arch) for arch in space.archs(X)], observation_noise=False)
    assert torch.stack(by_text).allclose(torch.stack((mean, std)), rtol=1e-9)


@every_predictor
@some_spaces
def test_same_seed_gives_the_same_predictor(make, space):
    X = rows(space, 20)
    first = torch.stack(fitted(make, space).predict(X))
    second = torch.stack(fresh_fit(make, space).predict(X))
    assert first.equal(second)


@every_predictor
@some_spaces
def test_refit_forgets(make, space):
    X = rows(space, 20)
    fresh = fresh_fit(make, space, n=9, seed=1)
    used = fresh_fit(make, space)
    assert used.fit(*observed(space, n=9, seed=1), seed=5) is used
    assert torch.stack(used.predict(X)).equal(torch.stack(fresh.predict(X)))


@every_predictor
@some_spaces
def test_uncertainty_grows_away_from_the_data(make, space):
    # Of fewer observations, those who learn their order alone can say little.
    predictor = fresh_fit(make, space, n=min(20, space.size // 2))
    _, at_data = predictor.predict(predictor.train_X, observation_noise=False)
    _, elsewhere = predictor.predict(unseen(predictor, 30), observation_noise=False)
    assert (elsewhere > 0).all()
    assert elsewhere.mean() > at_data.mean()


@every_predictor
@some_spaces
def test_predictions_are_in_the_unit_of_the_values(make, space):
    predictor = fitted(make, space)
    mean, _ = predictor.predict(predictor.train_X)
    Y = predictor.train_Y.flatten()
    assert torch.corrcoef(torch.stack([mean, Y]))[0, 1] > 0.5
    assert (mean - Y).abs().mean() < (Y - Y.mean()).abs().mean()
    assert (mean - Y).abs().max() < Y.max() - Y.min()


@every_predictor
@some_spaces
def test_draws_have_the_moments_of_the_posterior(make, space):
    predictor = fitted(make, space)
    X, n = torch.cat([unseen(predictor, 4), predictor.train_X[:2]]), 4000
    draws = predictor.sample(X, n, seed=1)
    assert draws.shape == (n, 6)
    assert draws.equal(predictor.sample(X, n, seed=1))
    assert not draws.equal(predictor.sample(X, n, seed=2))
    mean, std = predictor.predict(X, observation_noise=False)
    assert ((draws.mean(0) - mean).abs() < 0.1 * std).all()
    assert ((draws.std(0) / std - 1).abs() < 0.15).all()


@every_predictor
@some_spaces
def test_quantiles_are_those_of_draws_and_invert_probabilities(make, space):
    predictor = fitted(make, space)
    X, levels = unseen(predictor, 4), (0.05, 0.5, 0.95)
    quantiles = predictor.quantile(X, levels, observation_noise=False)
    assert quantiles.shape == (4, 3)
    assert (quantiles.diff(dim=-1) > 0).all()
    draws = predictor.sample(X, 4000, seed=1)
    below = (draws.unsqueeze(-1) <= quantiles).double().mean(0)
    assert (below - torch.tensor(levels)).abs().max() < 0.04
    wider = predictor.quantile(X, levels)
    assert (wider[:, 2] - wider[:, 0] >= quantiles[:, 2] - quantiles[:, 0]).all()
    for level, values in zip(levels, wider.T, strict=True):
        assert predictor.cdf(X, values) == pytest.approx(level, abs=1e-6)


@every_predictor
@some_spaces
def test_sampling_leaves_the_global_generator_alone(make, space):
    predictor = fitted(make, space)
    torch.manual_seed(0)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002 - the global one
    predictor.sample(rows(space, 3), 2, seed=1)
    fresh_fit(make, space)
    assert torch.get_rng_state().equal(before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002


@single_precision
@every_predictor
@some_spaces
@every_dtype
def test_state_round_trips_without_pickle(make, space, dtype):
    predictor, X = fitted(make, space, dtype=dtype), distinct_rows(space, 15, 4)
    file = io.BytesIO()
    torch.save(predictor.state_dict(), file)
    file.seek(0)
    other = make(space, None)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.stack(other.predict(X)).equal(torch.stack(predictor.predict(X)))
    assert other.sample(X, 3, seed=0).allclose(predictor.sample(X, 3, seed=0))


@every_predictor
def test_state_of_an_unfitted_predictor_is_unfitted(make):
    other = fresh_fit(make, TOY)
    other.load_state_dict(make(TOY, None).state_dict(), strict=False)
    assert not other.is_fitted


@every_predictor
@some_spaces
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_bad_values_are_refused_by_the_name_of_their_architecture(make, space, bad):
    X, Y = observed(space)
    Y[2] = bad
    with pytest.raises(UsageError, match=f"value 2 is {bad}") as caught:
        make(space, None).fit(X, Y, seed=0)
    assert space.format(X[2]) in str(caught.value)


@every_predictor
@some_spaces
def test_observations_that_do_not_fit_are_refused(make, space):
    X, Y = observed(space)
    predictor = make(space, None)
    with pytest.raises(UsageError, match="nothing to fit"):
        predictor.fit(X[:0], Y[:0], seed=0)
    with pytest.raises(UsageError, match="12 architectures but 11 values"):
        predictor.fit(X, Y[1:], seed=0)
    with pytest.raises(InvalidArchitectureError, match="row 0"):
        predictor.fit(X + 0.5, Y, seed=0)
    assert not predictor.is_fitted


@every_predictor
@some_spaces
def test_an_unfitted_predictor_says_so(make, space):
    predictor = make(space, None)
    for call in (
        lambda: predictor.posterior(rows(space, 2)),
        lambda: predictor.predict(rows(space, 2)),
    ):
        with pytest.raises(UsageError, match=r"not fitted yet; call fit"):
            call()


@every_predictor
@some_spaces
@pytest.mark.parametrize("values", [[3.0], [3.0, 4.0], [3.0] * 5, [0.0] * 3, [1e6, 1e6 + 1, 1e6]])
def test_few_or_constant_values_are_enough(make, space, values):
    X = distinct_rows(space, len(values))
    predictor = make(space, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        predictor.fit(X, values, seed=0)
    mean, std = predictor.predict(rows(space, 20, seed=4))
    assert mean.isfinite().all()
    assert std.isfinite().all()
    assert (std > 0).all()
    margin = 3 * (max(values) - min(values)) + 3
    assert ((mean > min(values) - margin) & (mean < max(values) + margin)).all()
    assert predictor.sample(X, 3, seed=0).isfinite().all()


@every_predictor
@some_spaces
def test_observations_that_teach_nothing_are_said_to(make, space):
    """Constant values, and one architecture only: a warning and a posterior that can be used and saved."""
    X, Y = observed(space)
    for rows_, values, reason in [
        (X, torch.full_like(Y, 3.0), "all 12 values are 3"),
        (X[:1].repeat(12, 1), Y, "all 12 observations are of"),
    ]:
        with pytest.warns(NumericalWarning, match=reason):
            predictor = make(space, None).fit(rows_, values, seed=0)
        assert predictor.fell_back
        mean, std = predictor.predict(X)
        assert mean.isfinite().all()
        assert (std > 0).all()
        other = make(space, None)
        other.load_state_dict(predictor.state_dict())
        assert torch.stack(other.predict(X)).equal(torch.stack((mean, std)))
        assert not predictor.fit(*observed(space), seed=0).fell_back


@every_predictor
@some_spaces
def test_botorch_optimizes_over_the_predictor_itself(make, space):
    predictor = fitted(make, space)
    choices = unseen(predictor, 30)
    best_f = predictor.train_Y.max()
    log_ei = LogExpectedImprovement(predictor, best_f=best_f)
    row, value = optimize_acqf_discrete(log_ei, q=1, choices=choices)
    with torch.no_grad():
        values = torch.cat([log_ei(choice.unsqueeze(0)) for choice in choices])
    torch.testing.assert_close(value.detach(), values.max(), rtol=1e-4, atol=1e-4)
    assert (
        row.equal(choices[values.argmax()].unsqueeze(0))
        or values.topk(2).values.diff().abs() < 1e-6
    )
    sampler = SobolQMCNormalSampler(torch.Size([32]), seed=0)
    qlog_ei = qLogExpectedImprovement(predictor, best_f=best_f, sampler=sampler)
    pair, _ = optimize_acqf_discrete(qlog_ei, q=2, choices=choices)
    assert pair.shape == (2, space.n_columns)
    assert len(set(space.ids(pair)) & set(space.ids(choices))) == 2


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
