"""What every predictor keeps to.

Example:
    A package with a predictor of its own tests it with a class such as ::

        from archbo.testing.predictors import PredictorContract
        from my_package import MyPredictor

        class TestMyPredictor(PredictorContract):
            def make(self, space):
                return MyPredictor(space, n_members=5)
"""

import copy
import io
import pickle
import random
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement
from botorch.optim import optimize_acqf_discrete
from botorch.sampling import SobolQMCNormalSampler
from torch import Tensor

from archbo.errors import InvalidArchitectureError, NumericalWarning, UsageError
from archbo.predictors import Predictor, draw
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace, SearchSpace
from archbo.testing.spaces import distinct_rows, every_dtype, rows

__all__ = ["PredictorContract", "observed", "unseen"]

FITS: dict[Hashable, Predictor] = {}
"""One fit for all tests that only look at it."""

# BoTorch advises against single precision; that it works all the same is what is tested.
single_precision = pytest.mark.filterwarnings("ignore:The model inputs are of type torch.float32")


def observed(
    space: SearchSpace, n: int = 12, seed: int = 0, dtype: torch.dtype = torch.double
) -> tuple[Tensor, Tensor]:
    """Rows ``n x d``, and values ``n x 1`` that depend on them, in some unit far from standardised."""
    X = distinct_rows(space, n, seed, dtype)
    weights = torch.rand(space.n_columns, generator=generator(7)).to(dtype)
    noise = torch.rand(len(X), 1, generator=generator(seed)).to(dtype)
    return X, 70 + (X @ weights).unsqueeze(-1) + noise


def unseen(predictor: Predictor, n: int, seed: int = 3) -> Tensor:
    """At most ``n`` rows of architectures that the predictor was not fitted to."""
    space = predictor.space
    X = distinct_rows(space, n + len(predictor.train_X), seed).to(predictor.train_X)
    seen = set(space.ids(predictor.train_X))
    return X[[key not in seen for key in space.ids(X)]][:n]


class PredictorContract(ABC):
    """Tests of one predictor; inherit them in a class whose name begins with ``Test`` and implement ``make``.

    Options that make a fit quick make the tests so: there are some dozen fits for each space.

    Attributes:
        spaces: Where the predictor is tested; each with at least 20 architectures.
        variant: What ``make`` depends on beside the class, where tests are parametrised: fits are shared between tests.
    """

    spaces: ClassVar[Sequence[SearchSpace]] = (
        CategoricalSpace(
            "toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]}
        ),
    )
    variant: Hashable = None

    @abstractmethod
    def make(self, space: SearchSpace) -> Predictor:
        """A new instance of the predictor, not fitted."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that takes a space runs on each, one that takes the first space on that one."""
        for name, spaces in (("space", self.spaces), ("first_space", self.spaces[:1])):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, spaces, ids=[space.name for space in spaces])

    def fresh(self, space: SearchSpace, **options: Any) -> Predictor:  # noqa: ANN401
        """A new fit to what is observed."""
        return self.make(space).fit(*observed(space, **options), seed=5)

    def fitted(self, space: SearchSpace, dtype: torch.dtype = torch.double) -> Predictor:
        """A fit that must not be changed."""
        key = (type(self), self.variant, space, dtype)
        if key not in FITS:
            FITS[key] = self.fresh(space, dtype=dtype)
        return FITS[key]

    # What it says.

    @single_precision
    @every_dtype
    def test_posterior_has_botorchs_shapes(self, space: SearchSpace, dtype: torch.dtype) -> None:
        predictor = self.fitted(space, dtype=dtype)
        for b, q in product((1, 2, 3), (1, 2, 3, 4)):
            X = distinct_rows(space, b * q, 4, dtype).reshape(b, q, -1)
            posterior: Any = predictor.posterior(X)
            assert posterior.mean.shape == posterior.variance.shape == (b, q, 1)
            assert posterior.mean.dtype == dtype
            assert posterior.mean.isfinite().all()
            assert (posterior.variance > 0).all()
            assert posterior.rsample(torch.Size([5])).shape == (5, b, q, 1)
        four: Any = predictor.posterior(distinct_rows(space, 4, 4, dtype))
        assert four.mean.shape == (4, 1)
        assert predictor.num_outputs == 1
        assert predictor.batch_shape == torch.Size([])

    @single_precision
    def test_single_precision_is_close_to_double(self, space: SearchSpace) -> None:
        X = rows(space, 20)
        mean, std = self.fitted(space).predict(X)
        mean32, std32 = self.fitted(space, dtype=torch.float).predict(X)
        spread = observed(space)[1].std()
        assert (mean32 - mean).abs().max() < 0.1 * spread
        assert (std32 - std).abs().max() < 0.1 * spread

    def test_posterior_of_a_batch_is_that_of_its_parts(self, space: SearchSpace) -> None:
        predictor, X = self.fitted(space), rows(space, 12).reshape(4, 3, -1)
        batch: Any = predictor.posterior(X)
        for index, part in enumerate(X):
            alone: Any = predictor.posterior(part)
            torch.testing.assert_close(alone.mean, batch.mean[index], rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(alone.variance, batch.variance[index], rtol=1e-4, atol=1e-8)

    def test_predict_is_the_marginal_posterior(self, space: SearchSpace) -> None:
        predictor, X = self.fitted(space), rows(space, 10)
        for noise in (True, False):
            mean, std = predictor.predict(X, observation_noise=noise, batch_size=3)
            joint: Any = predictor.posterior(X, observation_noise=noise)
            torch.testing.assert_close(mean, joint.mean.flatten(), rtol=1e-6, atol=1e-6)
            # A joint covariance has some jitter, so that it has a factor; where all members agree there is little else.
            jitter = float(3e-6 * predictor.train_Y.var())
            variance = joint.variance.flatten()
            torch.testing.assert_close(std.square(), variance, rtol=2e-3, atol=jitter)
        assert (predictor.predict(X)[1] >= std).all()
        by_text = predictor.predict([str(arch) for arch in space.archs(X)], observation_noise=False)
        assert torch.stack(by_text).allclose(torch.stack((mean, std)), rtol=1e-9)

    def test_outputs_and_noise_are_served_or_refused(self, space: SearchSpace) -> None:
        predictor, X = self.fitted(space), distinct_rows(space, 4, 4)
        for model in (predictor, predictor.latent):
            plain: Any = model.posterior(X)
            named: Any = model.posterior(X, output_indices=[0])
            assert named.mean.equal(plain.mean)
            for wrong in ([1], [0, 0], []):
                with pytest.raises(UsageError, match="one output"):
                    model.posterior(X, output_indices=wrong)
        with pytest.raises(UsageError, match=r"latent\.posterior"):
            predictor.posterior(X, observation_noise=torch.ones(4, 1).to(X))
        for Z in (X, X.unsqueeze(-2), X.reshape(2, 2, -1)):
            noise = torch.linspace(0.1, 0.4, 4).to(X).reshape(*Z.shape[:-1], 1)
            clean: Any = predictor.latent.posterior(Z)
            noisy: Any = predictor.latent.posterior(Z, observation_noise=noise)
            torch.testing.assert_close(noisy.mean, clean.mean, rtol=1e-6, atol=1e-8)
            torch.testing.assert_close(noisy.variance, clean.variance + noise, rtol=1e-5, atol=1e-6)
            with pytest.raises(UsageError, match="observation_noise has the shape"):
                predictor.latent.posterior(Z, observation_noise=torch.ones(7, 1).to(X))

    def test_uncertainty_grows_away_from_the_data(self, space: SearchSpace) -> None:
        # Of fewer observations, those who learn their order alone can say little.
        predictor = self.fresh(space, n=int(min(20, space.size / 2)))
        _, at_data = predictor.predict(predictor.train_X, observation_noise=False)
        _, elsewhere = predictor.predict(unseen(predictor, 30), observation_noise=False)
        assert (elsewhere > 0).all()
        assert elsewhere.mean() > at_data.mean()

    def test_predictions_are_in_the_unit_of_the_values(self, space: SearchSpace) -> None:
        predictor = self.fitted(space)
        mean, _ = predictor.predict(predictor.train_X)
        Y = predictor.train_Y.flatten()
        assert torch.corrcoef(torch.stack([mean, Y]))[0, 1] > 0.5
        assert (mean - Y).abs().mean() < (Y - Y.mean()).abs().mean()
        assert (mean - Y).abs().max() < Y.max() - Y.min()

    def test_quantiles_are_those_of_draws_and_invert_probabilities(
        self, space: SearchSpace
    ) -> None:
        predictor = self.fitted(space)
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
            assert predictor.cdf(X, values).tolist() == pytest.approx([level] * 4, abs=1e-6)
        with pytest.raises(UsageError, match="between 0 and 1; got 2"):
            predictor.quantile(X, [0.5, 2.0])

    def test_botorch_optimizes_over_the_predictor_itself(self, space: SearchSpace) -> None:
        predictor = self.fitted(space)
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

    # What is random in it.

    def test_same_seed_gives_the_same_predictor(self, space: SearchSpace) -> None:
        X = rows(space, 20)
        first = torch.stack(self.fitted(space).predict(X))
        second = torch.stack(self.fresh(space).predict(X))
        assert first.equal(second)

    def test_draws_have_the_moments_of_the_posterior(self, space: SearchSpace) -> None:
        predictor = self.fitted(space)
        X, n = torch.cat([unseen(predictor, 4), predictor.train_X[:2]]), 4000
        draws = predictor.sample(X, n, seed=1)
        assert draws.shape == (n, 6)
        assert draws.equal(predictor.sample(X, n, seed=1))
        assert not draws.equal(predictor.sample(X, n, seed=2))
        mean, std = predictor.predict(X, observation_noise=False)
        assert ((draws.mean(0) - mean).abs() < 0.1 * std).all()
        assert ((draws.std(0) / std - 1).abs() < 0.15).all()
        batches = draw(predictor.latent, X.reshape(2, 3, -1), 7, generator=generator(0))
        assert batches.shape == (7, 2, 3)

    def test_global_generators_are_left_alone(self, space: SearchSpace) -> None:
        predictor = self.fitted(space)
        with untouched_generators():
            predictor.sample(rows(space, 3), 2, seed=1)
            predictor.predict(rows(space, 3))
            self.fresh(space)

    @pytest.mark.parametrize("seed", [-1, 1.5, None, 2**70], ids=str)
    def test_what_is_no_seed_is_refused(self, first_space: SearchSpace, seed: Any) -> None:  # noqa: ANN401
        with pytest.raises(UsageError, match="a seed is an integer"):
            self.make(first_space).fit(*observed(first_space), seed=seed)

    # What it is fitted to.

    def test_refit_forgets(self, space: SearchSpace) -> None:
        X = rows(space, 20)
        fresh = self.fresh(space, n=9, seed=1)
        used = self.fresh(space)
        assert used.fit(*observed(space, n=9, seed=1), seed=5) is used
        assert torch.stack(used.predict(X)).equal(torch.stack(fresh.predict(X)))

    def test_numbers_of_any_type_are_taken(self, first_space: SearchSpace) -> None:
        X, Y = observed(first_space)
        wanted = torch.stack(self.fitted(first_space).predict(X))
        kinds: list[tuple[Any, Any]] = [
            (X.long(), Y.tolist()),
            (X.half(), Y.flatten().numpy()),
            (X.int().numpy(), Y),
        ]
        for given, values in kinds:
            predictor = self.make(first_space).fit(given, values, seed=5)
            assert predictor.train_X.dtype == predictor.train_Y.dtype == torch.double
            assert torch.stack(predictor.predict(given)).equal(wanted)
        whole = self.make(first_space).fit(X.long(), Y.round().long(), seed=5)
        assert whole.train_Y.equal(Y.round())

    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    def test_modes_of_pytorch_change_nothing(
        self, first_space: SearchSpace, mode: Callable[[], Any]
    ) -> None:
        X = distinct_rows(first_space, 5, 4)
        wanted = torch.stack(self.fitted(first_space).predict(X))
        with mode():
            predictor = self.fresh(first_space)
            mean, std = predictor.predict(X)
            predictor.posterior(X)
        assert torch.stack((mean, std)).equal(wanted)
        assert not mean.is_inference()
        after: Any = predictor.posterior(X.reshape(1, *X.shape))
        assert after.mean.isfinite().all()

    def test_default_device_of_pytorch_changes_nothing(self, first_space: SearchSpace) -> None:
        X, wanted = distinct_rows(first_space, 5, 4), self.fitted(first_space)
        predictor, (Z, Y) = self.make(first_space), observed(first_space)
        torch.set_default_device("meta")
        try:
            mean, std = predictor.fit(Z, Y.tolist(), seed=5).predict(X)
        finally:
            torch.set_default_device(None)
        assert torch.stack((mean, std)).equal(torch.stack(wanted.predict(X)))

    def test_repeated_observations_are_fitted_to(self, first_space: SearchSpace) -> None:
        """Five values of each of ten architectures: the best and the worst are told apart all the same."""
        X = distinct_rows(first_space, 10)
        Y = X.sum(-1)
        noise = 0.2 * torch.randn(5, 10, generator=generator(0)).double()
        predictor = self.make(first_space).fit(X.repeat(5, 1), (Y + noise).flatten(), seed=0)
        assert not predictor.fell_back
        mean, std = predictor.predict(X)
        assert (std > 0).all()
        assert mean[Y.argmax()] > mean[Y.argmin()]

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
    def test_bad_values_are_refused_by_the_name_of_their_architecture(
        self, space: SearchSpace, bad: float
    ) -> None:
        X, Y = observed(space)
        Y[2] = bad
        with pytest.raises(UsageError, match=f"value 2 is {bad}") as caught:
            self.make(space).fit(X, Y, seed=0)
        assert space.format(X[2]) in str(caught.value)

    def test_observations_that_do_not_fit_are_refused(self, space: SearchSpace) -> None:
        X, Y = observed(space)
        predictor = self.make(space)
        with pytest.raises(UsageError, match="nothing to fit"):
            predictor.fit(X[:0], Y[:0], seed=0)
        with pytest.raises(UsageError, match="12 architectures but 11 values"):
            predictor.fit(X, Y[1:], seed=0)
        with pytest.raises(InvalidArchitectureError, match="row 0"):
            predictor.fit(X + 0.5, Y, seed=0)
        nothing: Any = [None] * len(X)
        with pytest.raises(UsageError, match="value 0 is None"):
            predictor.fit(X, nothing, seed=0)
        assert not predictor.is_fitted

    def test_an_unfitted_predictor_says_so(self, space: SearchSpace) -> None:
        predictor = self.make(space)
        for call in (predictor.posterior, predictor.predict):
            with pytest.raises(UsageError, match=r"not fitted yet; call fit"):
                call(rows(space, 2))

    @pytest.mark.parametrize(
        "values", [[3.0], [3.0, 4.0], [3.0] * 5, [0.0] * 3, [1e6, 1e6 + 1, 1e6]]
    )
    def test_few_or_constant_values_are_enough(
        self, space: SearchSpace, values: list[float]
    ) -> None:
        X = distinct_rows(space, len(values))
        predictor = self.make(space)
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

    @pytest.mark.parametrize("unit", [1e-300, 1e300])
    def test_values_of_any_size_are_predicted(self, first_space: SearchSpace, unit: float) -> None:
        X, Y = observed(first_space)
        predictor = self.make(first_space).fit(X, Y / 100 * unit, seed=5)
        mean, std = predictor.predict(X)
        wanted_mean, wanted_std = self.fitted(first_space).predict(X)
        torch.testing.assert_close(mean / unit * 100, wanted_mean, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(std / unit * 100, wanted_std, rtol=1e-2, atol=1e-3)
        posterior: Any = predictor.posterior(X)
        assert posterior.variance.isfinite().all()
        assert (posterior.variance > 0).all()

    def test_observations_that_teach_nothing_are_said_to(self, space: SearchSpace) -> None:
        """Constant values, and one architecture only: a warning and a posterior that can be used and saved."""
        X, Y = observed(space)
        for given, values, reason in [
            (X, torch.full_like(Y, 3.0), "all 12 values are 3"),
            (X[:1].repeat(12, 1), Y, "all 12 observations are of"),
        ]:
            with pytest.warns(NumericalWarning, match=reason):
                predictor = self.make(space).fit(given, values, seed=0)
            assert predictor.fell_back
            mean, std = predictor.predict(X)
            assert mean.isfinite().all()
            assert (std > 0).all()
            other = self.make(space)
            other.load_state_dict(predictor.state_dict())
            assert torch.stack(other.predict(X)).equal(torch.stack((mean, std)))
            assert not predictor.fit(*observed(space), seed=0).fell_back

    # What is kept of it.

    @single_precision
    @every_dtype
    def test_state_round_trips_without_pickle(self, space: SearchSpace, dtype: torch.dtype) -> None:
        predictor, X = self.fitted(space, dtype=dtype), distinct_rows(space, 15, 4)
        file = io.BytesIO()
        torch.save(predictor.state_dict(), file)
        file.seek(0)
        other = self.make(space)
        other.load_state_dict(torch.load(file, weights_only=True))
        assert torch.stack(other.predict(X)).equal(torch.stack(predictor.predict(X)))
        assert other.sample(X, 3, seed=0).allclose(predictor.sample(X, 3, seed=0))

    def test_state_of_an_unfitted_predictor_is_unfitted(self, first_space: SearchSpace) -> None:
        other = self.fresh(first_space)
        other.load_state_dict(self.make(first_space).state_dict())
        assert not other.is_fitted

    def test_state_that_does_not_fit_is_refused(self, first_space: SearchSpace) -> None:
        """Of another space or class, cut short, or not a number; the predictor stays as it was."""
        state, predictor = self.fitted(first_space).state_dict(), self.fresh(first_space, n=9)
        X = distinct_rows(first_space, 5, 4)
        before = torch.stack(predictor.predict(X))
        identity = state["_extra_state"]
        content = identity["space"]
        more = [*content["choices"][0], "one more"]
        elsewhere = {**content, "choices": [more, *content["choices"][1:]]}
        for change, reason in [
            ({"_extra_state": {**identity, "space": elsewhere}}, "another space"),
            ({"_extra_state": {**identity, "predictor": "Other"}}, "predictor 'Other'"),
            ({"_extra_state": {**identity, "version": 0}}, "version 0"),
            ({"train_Y": state["train_Y"][1:]}, "values of shape"),
            ({"train_Y": state["train_Y"] * float("nan")}, "holds a NaN, in train_Y"),
        ]:
            with pytest.raises(UsageError, match=reason) as caught:
                predictor.load_state_dict({**state, **change})
            assert "\n" not in str(caught.value)
        for name in ("_extra_state", "train_X", *[key for key in state if key[:6] == "model."][:1]):
            with pytest.raises(UsageError, match=r"lacks|no state"):
                predictor.load_state_dict({k: v for k, v in state.items() if k != name})
        assert torch.stack(predictor.predict(X)).equal(before)

    def test_copies_predict_the_same(self, first_space: SearchSpace) -> None:
        predictor, X = self.fresh(first_space), distinct_rows(first_space, 5, 4)
        predictor.posterior(X)
        wanted = torch.stack(predictor.predict(X))
        for copied in (pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)):  # noqa: S301
            assert torch.stack(copied.predict(X)).equal(wanted)
        for empty in (
            pickle.loads(pickle.dumps(self.make(first_space))),  # noqa: S301
            copy.deepcopy(self.make(first_space)),
        ):
            empty.fit(*observed(first_space), seed=5)
            assert torch.stack(empty.predict(X)).equal(wanted)


@contextmanager
def untouched_generators() -> Iterator[None]:
    """An error if what happens within draws from a global generator, or seeds those of devices."""

    def refuse(seed: int) -> None:
        raise AssertionError(f"the generators of all devices are seeded, with {seed}")

    torch.default_generator.manual_seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index] # noqa: NPY002
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "manual_seed_all", refuse)
        yield
    assert torch.get_rng_state().equal(before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # type: ignore[index] # noqa: NPY002
    assert random.getstate() == before[2]
