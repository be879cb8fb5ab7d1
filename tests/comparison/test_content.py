"""Digests: what is made alike has the same in every process, and what differs has another."""

import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
import torch

from archbo import catalog
from archbo.comparison.content import digest
from archbo.errors import UsageError
from archbo.predictors import GP, kernels
from archbo.proxies import ProxyTable

CODE = """
import sys
from archbo import catalog
from archbo.comparison.content import digest
space = catalog.space("nb201")
for name in sys.argv[1:]:
    print(digest(catalog.predictor(name, space)))
"""


def test_what_was_computed_from_the_rest_is_no_content():
    space = catalog.space("nb201")
    X = space.sample(9, generator=torch.Generator().manual_seed(0)).unique(dim=0)
    proxies = ProxyTable(space, X, X.cumsum(-1), space.columns)
    before = digest(proxies)
    assert proxies.reference_ranks.shape == X.shape
    assert "reference_ranks" in vars(proxies)
    assert digest(proxies) == before


def test_each_predictor_of_the_catalog_has_its_own_in_every_process():
    space, found = catalog.space("nb201"), {}
    for entry in catalog.PREDICTORS.own:
        found[entry.name] = digest(catalog.predictor(entry.name, space))
        assert found[entry.name] == digest(catalog.predictor(entry.name, space))
    assert len({*found.values()}) == len(found) > 20
    names = ["gp", "gnn", "stack", "proxy-gp", "xgboost"]
    run = [sys.executable, "-c", CODE, *names]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert said == [found[name] for name in names]


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": kernels.rbf},
        {"kernel": partial(kernels.matern, sharing="feature")},
        {"targets": "standardize"},
        {"encoding": "one-hot"},
        {"encoding": "path"},
    ],
    ids=["kernel", "sharing", "targets", "one-hot", "path"],
)
def test_settings_and_encodings_are_content(change):
    space = catalog.space("nb201")
    if "encoding" in change:
        change = {"encoding": catalog.encoding(change["encoding"], space)}
    assert digest(GP(space, **change)) != digest(GP(space))


def test_what_was_looked_up_on_the_way_is_no_content():
    space = catalog.space("nb201")
    used = GP(space)
    fresh = digest(used)
    used.encoding(space.sample(3, generator=torch.Generator()))
    used.encoding.remember(space.sample(3, generator=torch.Generator()))
    used.train()
    assert digest(used) == fresh


def made(source, name="make"):
    names = {"__name__": "mine"}
    exec(textwrap.dedent(source), names)
    return names[name]


MINE = """
import numpy as np
LIMIT = 3
def helper(x):
    return x + 1
class Base:
    def rule(self):
        return helper(2)
class make(Base):
    factor = 2
    def act(self):
        # A comment says nothing.
        return [x * LIMIT for x in range(self.factor)]
"""


def test_code_of_other_people_is_content_down_to_what_it_calls():
    plain = digest(made(MINE))
    assert digest(made(MINE.replace("says nothing", "says more"))) == plain
    for old, new in [
        ("LIMIT = 3", "LIMIT = 4"),
        ("x + 1", "x + 2"),
        ("helper(2)", "helper(3)"),
        ("factor = 2", "factor = 3"),
        ("x * LIMIT", "x - LIMIT"),
    ]:
        assert digest(made(MINE.replace(old, new))) != plain, old


def test_closures_and_defaults_are_content():
    def times(factor, start=0):
        def apply(x, start=start):
            return start + factor * x

        return apply

    assert digest(times(2)) == digest(times(2))
    assert digest(times(2)) != digest(times(3))
    assert digest(times(2)) != digest(times(2, 1))


def test_values_of_all_kinds():
    cycle = {"a": 1}
    cycle["self"] = cycle
    values = [1, 1.0, True, "1", b"1", None, [1], (1,), {1}, {1: 1}, cycle, np.ones(1), np.ones(2)]
    values += [np.ones(1, dtype=np.float32), torch.device("cpu"), torch.float32, np.array(["a"])]
    values += [np.random.default_rng(0), np.random.default_rng(1), len, sys, partial(int, base=2)]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"b", "a", "c"}) == digest({"c", "b", "a"})
    assert digest(torch.ones(2)) == digest(torch.ones(2).clone())


def test_what_has_no_content_is_refused(tmp_path):
    with (tmp_path / "open").open("w") as file, pytest.raises(UsageError, match="keep none"):
        digest({"file": file})
