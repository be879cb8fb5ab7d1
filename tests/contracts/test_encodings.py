"""Every encoding of the catalog keeps the contract on every space of it, and on a larger cell."""

import pytest
from on_every_space import ENCODINGS, MIXED, SOME_SPACES, SPACES, has_proxies, slow_unless

from archbo import catalog
from archbo.errors import UsageError
from archbo.spaces import DagSpace, EdgeCellSpace, NodeCellSpace
from archbo.testing.encodings import EncodingContract

OWN_SPACES = {
    "five-nodes": EdgeCellSpace("five-nodes", ["none", "skip_connect", "conv"], nodes=5),
    "nodes": NodeCellSpace("nodes", ["none", "skip_connect", "conv"], nodes=5),
    "dag": DagSpace("dag", ["skip_connect", "conv", "max_pool"], nodes=6, inputs=2),
    "mixed": MIXED,
}
EVERY_SPACE = SPACES | OWN_SPACES
OF_DEFAULTS = ("one-hot", "graph-features", "semantic-path", "choices")
"""What the default encoding of a space is made of."""


@pytest.mark.parametrize(
    ("name", "space_name"),
    [
        slow_unless(of in OWN_SPACES | SOME_SPACES or name in OF_DEFAULTS, name, of)
        for of in EVERY_SPACE
        for name in ENCODINGS
    ],
)
class TestEncodings(EncodingContract):
    """Every encoding, by ``make test`` on one space of each kind; what defaults are made of on all of them."""

    @pytest.fixture(autouse=True)
    def pick(self, name, space_name):
        space = EVERY_SPACE[space_name]
        if not has_proxies(space) and catalog.ENCODINGS[name].needs & {"proxies", "parts"}:
            pytest.skip("it has no networks to score")
        self.name, self.of = name, space

    def make(self):
        return ENCODINGS[self.name](self.of)

    def others(self):
        if self.of not in SOME_SPACES.values():
            return []
        others = [make(self.of) for name, make in ENCODINGS.items() if name != self.name]
        elsewhere = SPACES["tnb101-micro"]
        return [*others, ENCODINGS[self.name](elsewhere)]


def test_encodings_of_two_spaces_do_not_add():
    first, second = (catalog.encoding("one-hot", SPACES[name]) for name in ("nb201", "nb101"))
    with pytest.raises(UsageError, match=r"nb101.*nb201"):
        first + second
