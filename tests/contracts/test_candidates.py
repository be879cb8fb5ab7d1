"""All candidates of the catalog, in every space, keep the contract."""

from functools import partial

import pytest
from on_every_space import SPACES as EVERY_SPACE

from archbo import catalog
from archbo.acquisition import MutationCandidates, PrunedCandidates, candidates_for
from archbo.testing.candidates import CandidatesContract, table_of

CANDIDATES = {
    **catalog.CANDIDATES,
    "pruned-early": lambda space, within: PrunedCandidates(
        within or candidates_for(space), warm_up=1, per_choice=1
    ),
    "mutation-and-random": partial(MutationCandidates, fresh=0.5),
}
SPACES = {name: space for name, space in EVERY_SPACE.items() if name != "toy"}
# Of larger spaces a rule that lists is given a table.
LISTED = 200_000


@pytest.mark.parametrize("name", CANDIDATES)
class TestOfToy(CandidatesContract):
    @pytest.fixture(autouse=True)
    def pick_rule(self, name):
        self.name = name

    def make(self, space, within):
        if within is None and self.name == "exhaustive" and space.size > LISTED:
            within = table_of(space)
        return CANDIDATES[self.name](space, within)


@pytest.mark.parametrize("space_name", SPACES)
class TestOfCells(TestOfToy):
    @pytest.fixture(autouse=True)
    def pick_space(self, space_name):
        self.space = SPACES[space_name]

    # It has spaces of its own.
    test_columns_may_leave_no_choice = None
