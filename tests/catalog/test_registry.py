"""Names of the catalog, and the door for other packages' names."""

from importlib.metadata import EntryPoint

import pytest

from archbo import catalog
from archbo.catalog import Entry, Registry
from archbo.catalog import entry as entry_module
from archbo.errors import UsageError

REGISTRIES = {
    "spaces": catalog.SPACES,
    "benchmarks": catalog.BENCHMARKS,
    "encodings": catalog.ENCODINGS,
    "predictors": catalog.PREDICTORS,
    "acquisitions": catalog.ACQUISITIONS,
    "candidates": catalog.CANDIDATES,
    "strategies": catalog.STRATEGIES,
    "evaluators": catalog.EVALUATORS,
    "pruners": catalog.PRUNERS,
    "importers": catalog.IMPORTERS,
}


@pytest.mark.parametrize("registry", REGISTRIES.values(), ids=REGISTRIES.keys())
def test_every_entry_says_what_it_is_in_one_line(registry):
    for entry in registry.own:
        name = entry.name
        assert registry[name] is entry
        assert entry.summary
        assert "\n" not in entry.summary + entry.paper
        assert len(entry.summary) < 120
        assert name in registry
        assert f"| `{name}` | {entry.summary} |" in registry.markdown()


@pytest.mark.parametrize("registry", REGISTRIES.values(), ids=REGISTRIES.keys())
def test_unknown_names_are_refused_with_those_there_are(registry):
    first = next(iter(registry))
    with pytest.raises(UsageError, match=f"unknown {registry.kind} '{first}x', did you mean"):
        registry[f"{first}x"]
    with pytest.raises(UsageError, match=first):
        registry["nothing like it"]
    assert "nothing like it" not in registry


def declared(monkeypatch, *points):
    """A registry beside which packages declare entry points."""
    found = [EntryPoint(name, value, "archbo.things") for name, value in points]
    monkeypatch.setattr(entry_module, "entry_points", lambda group: found)
    return Registry("thing", "archbo.things", [Entry("own", lambda: "ours", "archbo's own")])


def test_other_packages_names_are_found_and_loaded_when_asked_for(monkeypatch):
    registry = declared(
        monkeypatch, ("theirs", "collections:OrderedDict"), ("broken", "no_such_module:thing")
    )
    assert list(registry) == ["own", "theirs", "broken"]
    assert registry["theirs"](a=1) == {"a": 1}
    assert registry["theirs"].summary.startswith("Dictionary")
    with pytest.raises(UsageError, match="'broken' of no_such_module:thing cannot be loaded"):
        registry["broken"]


def undocumented():
    return None


def test_what_says_nothing_of_itself_is_told_by_its_place(monkeypatch):
    registry = declared(monkeypatch, ("theirs", f"{__name__}:undocumented"))
    assert registry["theirs"].summary == f"{__name__}:undocumented"


def test_own_names_are_not_taken_and_what_makes_nothing_is_refused(monkeypatch):
    registry = declared(monkeypatch, ("own", "collections:OrderedDict"), ("number", "math:pi"))
    assert registry["own"]() == "ours"
    assert len(registry) == 2
    with pytest.raises(UsageError, match="'number' of math:pi makes nothing"):
        registry["number"]


def test_a_docstring_tells_what_an_entry_is():
    def make():
        """A ``Thing`` of its kind (its paper, section 2).

        More of it.
        """

    assert (Entry("a", make).summary, Entry("a", make).paper) == (
        "A `Thing` of its kind",
        "its paper, section 2",
    )
    assert Entry("a", make, paper="another").paper == "another"
    assert (Entry("a", make, "other").summary, Entry("a", make, "other").paper) == ("other", "")


def test_a_declared_entry_is_taken_as_it_is(monkeypatch):
    registry = declared(monkeypatch, ("theirs", f"{__name__}:DECLARED"))
    assert registry["theirs"] is DECLARED


DECLARED = Entry("theirs", lambda: 1, "declared with a summary of its own", "a paper")
