"""What docs/extending.md shows keeps the contracts."""

import importlib
import re
import sys
import tempfile
from pathlib import Path

from archbo.acquisition import Maximize
from archbo.testing.acquisitions import RuleContract
from archbo.testing.candidates import CandidatesContract
from archbo.testing.encodings import EncodingContract
from archbo.testing.predictors import PredictorContract
from archbo.testing.spaces import SpaceContract
from archbo.testing.strategies import StrategyContract

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
# A module, so that other processes find its classes, too.
FOLDER = tempfile.TemporaryDirectory()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
(Path(FOLDER.name) / "extending_page.py").write_text("\n".join(BLOCKS))
sys.path.append(FOLDER.name)
page = importlib.import_module("extending_page")


class TestParities(EncodingContract):
    def make(self):
        return page.Parities(page.space)


class TestRidgeOnPaths(PredictorContract):
    def make(self, space):
        return page.RidgeOnPaths(space)


class TestCautious(RuleContract):
    def make(self):
        return Maximize(page.cautious)


class TestSecondBest(RuleContract):
    def make(self):
        return page.SecondBest()


class TestTwoSteps(CandidatesContract):
    def make(self, space, within):
        return page.TwoSteps(space, within)


class TestMutateTheBest(StrategyContract):
    def make(self, space, goal, *, seed):
        return page.MutateTheBest(space, goal, seed=seed)


class TestChainSpace(SpaceContract):
    def make(self):
        return page.ChainSpace()
