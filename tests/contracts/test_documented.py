"""What the pages on how to add something show keeps the contracts; tests/stranger has the predictor."""

import importlib
import re
import sys
import tempfile
from pathlib import Path

from archbo.acquisition import Maximize
from archbo.testing.acquisitions import RuleContract
from archbo.testing.candidates import CandidatesContract
from archbo.testing.encodings import EncodingContract
from archbo.testing.spaces import SpaceContract
from archbo.testing.strategies import StrategyContract

PAGES = Path(__file__).parents[2] / "docs" / "how_to"
# Modules, so that other processes find their classes, too.
FOLDER = tempfile.TemporaryDirectory()
sys.path.append(FOLDER.name)


def module_of(page):
    """The Python of a page."""
    blocks = re.findall(r"```python\n(.*?)```", (PAGES / f"{page}.md").read_text(), flags=re.DOTALL)
    (Path(FOLDER.name) / f"how_to_{page}.py").write_text("\n".join(blocks))
    return importlib.import_module(f"how_to_{page}")


acquisition, candidates, encoding, space, strategy = map(
    module_of, ("acquisition", "candidates", "encoding", "space", "strategy")
)


class TestParities(EncodingContract):
    def make(self):
        return encoding.Parities(encoding.space)


class TestCautious(RuleContract):
    def make(self):
        return Maximize(acquisition.cautious)


class TestSecondBest(RuleContract):
    def make(self):
        return acquisition.SecondBest()


class TestTwoSteps(CandidatesContract):
    def make(self, space, within):
        return candidates.TwoSteps(space, within)


class TestMutateTheBest(StrategyContract):
    def make(self, space, goal, *, seed):
        return strategy.MutateTheBest(space, goal, seed=seed)


class TestChainSpace(SpaceContract):
    def make(self):
        return space.ChainSpace()
