"""Every predictor of the catalog keeps the contract."""

import pytest
from on_every_space import MIXED, ONE_OF_EACH, PREDICTORS, SPACES, slow_unless

from archbo import catalog
from archbo.testing.predictors import PredictorContract


class _OfCatalog(PredictorContract):
    @pytest.fixture(autouse=True)
    def pick(self, name):
        self.variant = name

    def make(self, space):
        if space is MIXED and catalog.PREDICTORS[self.variant].needs & {"proxies", "parts"}:
            pytest.skip("nothing is known of its networks")
        return PREDICTORS[self.variant](space, None)


@pytest.mark.parametrize("name", PREDICTORS)
class TestPredictors(_OfCatalog):
    # The first, on which most fits are made, is the smallest.
    spaces = (SPACES["toy"], SPACES["nb201"])


@pytest.mark.parametrize(
    "name", [slow_unless(name in {*ONE_OF_EACH, "gnn"}, name) for name in PREDICTORS]
)
class TestElsewhere(_OfCatalog):
    """Reals, and cells whose operations are on nodes: by ``make test`` a predictor of each kind."""

    spaces = (SPACES["nb101"], MIXED)
