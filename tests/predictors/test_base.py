"""What every predictor inherits: a stand-in where there is no fit."""

import numpy as np
import pytest
import torch
from linear_operator.utils.errors import NanError, NotPSDError

from archbo import GP
from archbo.encodings import OneHotEncoding
from archbo.errors import FitError, NumericalWarning, UsageError
from archbo.predictors import Predictor
from archbo.predictors.gaussian_processes.pool_gp import fixed_gp
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})


class Fragile(Predictor):
    """Does in its fit what it is told to."""

    min_observations = 3

    def __init__(self, accident=None):
        super().__init__(TOY)
        self.accident, self.fits = accident, 0

    def _fit(self, *, seed):
        self.fits += 1
        if isinstance(self.accident, Exception):
            raise self.accident
        self._prepare()
        if self.accident == "nan":
            self.model.mean_module.initialize(constant=float("nan"))

    def _prepare(self):
        self.model = fixed_gp(TOY, self.train_X, self.to_latent(self.train_Y))


def data(n=10):
    X = TOY.enumerate()[torch.randperm(24, generator=torch.Generator().manual_seed(0))[:n]]
    return X, 70 + X.sum(-1, keepdim=True) + 0.1 * X[:, :1]


@pytest.mark.parametrize(
    ("accident", "said"),
    [
        (FitError("no chain moved"), r"could not be fitted to 10 observations \(no chain moved\)"),
        (NotPSDError("not positive"), "not positive"),
        (NanError("NaN in matrix"), "NaN in matrix"),
        (torch.linalg.LinAlgError("singular"), "singular"),
        (np.linalg.LinAlgError("Singular matrix"), "Singular matrix"),
        (FloatingPointError("overflow"), "overflow"),
        ("nan", "predictions are not finite"),
    ],
    ids=str,
)
def test_a_failed_fit_is_said_and_stood_in_for(accident, said):
    predictor = Fragile(accident)
    with pytest.warns(NumericalWarning, match=f"Fragile: .*{said}.*fixed hyperparameters"):
        predictor.fit(*data(), seed=0)
    assert predictor.fell_back
    X, Y = data()
    mean, std = predictor.predict(TOY.enumerate())
    assert (std > 0).all()
    assert torch.corrcoef(torch.stack([predictor.predict(X)[0], Y.flatten()]))[0, 1] > 0.8
    assert predictor.sample(X, 3, seed=0).isfinite().all()
    other = Fragile()
    other.load_state_dict(predictor.state_dict())
    assert other.fell_back
    assert other.predict(TOY.enumerate())[0].equal(mean)
    predictor.accident = None
    assert not predictor.fit(X, Y, seed=0).fell_back


def test_an_error_that_is_not_numerical_is_not_hidden():
    with pytest.raises(KeyError, match="bug"):
        Fragile(KeyError("bug")).fit(*data(), seed=0)


def test_too_few_observations_are_not_fitted_to():
    predictor = Fragile()
    with pytest.warns(NumericalWarning, match="2 observations are too few, it takes 3"):
        predictor.fit(*data(2), seed=0)
    assert predictor.fits == 0
    # One observation is where every search begins.
    assert predictor.fit(*data(1), seed=0).fell_back
    assert not predictor.fit(*data(3), seed=0).fell_back
    assert predictor.fits == 1


def test_the_stand_in_is_the_gaussian_process_of_its_docstring():
    X, Z = data()[0], torch.randn(10, 1, generator=torch.Generator().manual_seed(1)).double()
    new = TOY.enumerate()

    def covariance(A, B):
        return torch.exp(-2 * (A.unsqueeze(1) != B.unsqueeze(0)).double().mean(-1))

    gain = covariance(new, X) @ (covariance(X, X) + 0.1 * torch.eye(10).double()).inverse()
    posterior = fixed_gp(TOY, X, Z).posterior(new)
    torch.testing.assert_close(posterior.mean, Z.mean() + gain @ (Z - Z.mean()))
    wanted = covariance(new, new) - gain @ covariance(X, new)
    torch.testing.assert_close(posterior.distribution.covariance_matrix, wanted)


def test_loading_what_is_no_state_of_a_predictor_is_an_error():
    with pytest.raises(UsageError, match="no state of a predictor"):
        Fragile().load_state_dict({})


def test_an_encoding_of_another_space_is_refused():
    other = CategoricalSpace("toy", {"width": [8, 16, 64], "depth": [1, 2, 3, 4], "skip": ["no"]})
    with pytest.raises(UsageError, match=r"another space than the predictor: .*width"):
        GP(TOY, OneHotEncoding(other))


def test_a_state_of_a_space_with_another_order_of_choices_is_refused():
    other = CategoricalSpace(
        "toy", {"width": [16, 8, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]}
    )
    state = GP(TOY).fit(*data(), seed=0).state_dict()
    with pytest.raises(UsageError, match="another order"):
        GP(other).load_state_dict(state)


@pytest.mark.parametrize("values", [["a", 1, 2], [1, None, 2], [[1], "x", [2]]], ids=str)
def test_values_that_are_no_numbers_are_named(values):
    with pytest.raises(UsageError, match=r"value \d is .*, of width=.*; give a number"):
        Fragile().fit(TOY.enumerate()[:3], values, seed=0)
