"""Every predictor of the catalog keeps the contract."""

import pytest
from on_every_space import MIXED, PREDICTORS, SPACES

from archbo import catalog
from archbo.testing.predictors import PredictorContract


@pytest.mark.parametrize("name", PREDICTORS)
class TestPredictors(PredictorContract):
    # The first, on which most fits are made, is the smallest.
    spaces = (*(SPACES[name] for name in ("toy", "nb201", "nb101")), MIXED)

    @pytest.fixture(autouse=True)
    def pick(self, name):
        self.variant = name

    def make(self, space):
        if space is MIXED and catalog.PREDICTORS[self.variant].needs & {"proxies", "parts"}:
            pytest.skip("nothing is known of its networks")
        return PREDICTORS[self.variant](space, None)
