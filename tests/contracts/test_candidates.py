"""All candidates, in every space, keep the contract."""

from functools import partial

import pytest

from archbo.acquisition import (
    CrossoverCandidates,
    HillClimbingCandidates,
    LocalCandidates,
    MutationCandidates,
    PrunedCandidates,
    TrustRegionCandidates,
    candidates_for,
    exhaustive,
)
from archbo.spaces import DartsSpace, EdgeCellSpace, GnnMacroSpace, NodeCellSpace
from archbo.testing.candidates import CandidatesContract, table_of

CANDIDATES = {
    "exhaustive": exhaustive,
    "pruned": lambda space, within: PrunedCandidates(within or candidates_for(space)),
    "pruned-early": lambda space, within: PrunedCandidates(
        within or candidates_for(space), warm_up=1, per_choice=1
    ),
    "mutation": MutationCandidates,
    "mutation-and-random": partial(MutationCandidates, fresh=0.5),
    "crossover": CrossoverCandidates,
    "hill-climbing": HillClimbingCandidates,
    "local": LocalCandidates,
    "trust-region": TrustRegionCandidates,
}
SPACES = {
    "nb201": EdgeCellSpace.nas_bench_201(),
    "tnb101-micro": EdgeCellSpace.trans_nas_micro(),
    "nb101": NodeCellSpace.nas_bench_101(),
    "darts": DartsSpace(),
    "nas-bench-graph": GnnMacroSpace.nas_bench_graph(),
    "nas-bench-graph-proteins": GnnMacroSpace.nas_bench_graph_proteins(),
}
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
