"""Every predictor of the catalog keeps the contract."""

import pytest
from on_every_space import PREDICTORS, SPACES

from archbo.testing.predictors import PredictorContract


@pytest.mark.parametrize("name", PREDICTORS)
class TestPredictors(PredictorContract):
    # The first, on which most fits are made, is the smallest.
    spaces = tuple(SPACES[name] for name in ("toy", "nb201", "nb101"))

    @pytest.fixture(autouse=True)
    def pick(self, name):
        self.variant = name

    def make(self, space):
        return PREDICTORS[self.variant](space, None)
