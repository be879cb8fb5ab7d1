"""The one place where a name becomes an object."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from archbo.acquisition import Candidates, Cost, Rule
from archbo.benchmarks import Benchmark, Tabular, YahpoNb301
from archbo.bo_loop import Bayesian, Strategy
from archbo.bo_loop.strategies import fidelities
from archbo.bo_loop.surrogates import Source
from archbo.catalog.acquisitions import ACQUISITIONS, CANDIDATES
from archbo.catalog.encodings import ENCODINGS
from archbo.catalog.entry import Entry, Registry
from archbo.catalog.importers import IMPORTERS
from archbo.catalog.predictors import PREDICTORS
from archbo.catalog.pruners import PRUNERS
from archbo.catalog.spaces import BENCHMARKS, SPACES
from archbo.catalog.strategies import STRATEGIES
from archbo.encodings import Encoding
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.predictors import Predictor
from archbo.proxies import Proxies
from archbo.spaces import SearchSpace, read_space

__all__ = [
    "ACQUISITIONS",
    "BENCHMARKS",
    "CANDIDATES",
    "ENCODINGS",
    "EVALUATORS",
    "IMPORTERS",
    "PREDICTORS",
    "PRUNERS",
    "SPACES",
    "STRATEGIES",
    "Entry",
    "Registry",
    "acquisition",
    "bayesian",
    "benchmark",
    "candidates",
    "encoding",
    "predictor",
    "predictors",
    "space",
    "strategy",
]

EVALUATORS: Registry[Callable[..., Any]] = Registry(
    "evaluator",
    "archbo.evaluators",
    [
        Entry("table", Tabular, "Looks metrics up in a table"),
        Entry("yahpo-nb301", YahpoNb301),
    ],
)
"""Each makes a function of an architecture."""


def space(name: str) -> SearchSpace:
    """The space of that name, or that of a TOML file.

    Raises:
        UsageError: There is no such space.
        DataError: The file does not describe a space.
    """
    if Path(name).suffix == ".toml":
        return read_space(name)
    return SPACES[name]()


def benchmark(name: str) -> Benchmark:
    """The embedded benchmark of that name.

    Raises:
        UsageError: There is no such benchmark.
        DataError: The package that holds it is not installed, or its file is not what it should be.
    """
    return BENCHMARKS[name]()


def encoding(names: str, space: SearchSpace, proxies: Proxies | None = None) -> Encoding:
    """The encoding of that name; several are joined with ``+``.

    Args:
        names: Keys of ``ENCODINGS``.
        space: The space to encode.
        proxies: For the encodings that show some; by default those that come with archbo. For parts by decision
            these are taken too where the given ones have none.

    Raises:
        UsageError: There is no such encoding, or there are no proxies for it.
    """
    parts = [ENCODINGS[name] for name in names.split("+")]
    first, *others = [entry(space, **_proxies_for(entry, proxies)) for entry in parts]
    for other in others:
        first = first + other
    return first


def predictor(
    name: str,
    space: SearchSpace,
    encoding: Encoding | None = None,
    proxies: Proxies | None = None,
) -> Predictor:
    """The predictor of that name, on its own default encoding unless one is given.

    Args:
        name: A key of ``PREDICTORS``.
        space: The space that the rows belong to.
        encoding: What it sees.
        proxies: As for ``encoding``, for predictors that need some by themselves.

    Raises:
        UsageError: There is no such predictor, or there are no proxies for it.
    """
    entry = PREDICTORS[name]
    return entry(space, encoding, **_proxies_for(entry, proxies))


def predictors(
    names: str | Sequence[str],
    space: SearchSpace,
    goal: Goal,
    encoding_names: str | None = None,
    proxies: Proxies | None = None,
) -> list[Predictor]:
    """A predictor for each outcome of a goal, from one name for all of them or from one name each.

    Raises:
        UsageError: One of the names is unknown, or there are not as many as outcomes.
    """
    each = [names] if isinstance(names, str) else list(names)
    if len(each) == 1:
        each = each * goal.n_outcomes
    if len(each) != goal.n_outcomes:
        raise UsageError(
            f"{len(each)} predictors for {goal.n_outcomes} outcomes ({goal}); name one for all, or one for each in "
            "their order"
        )

    def features() -> Encoding | None:
        return encoding(encoding_names, space, proxies) if encoding_names else None

    return [predictor(name, space, features(), proxies) for name in each]


def acquisition(name: str, cost: Cost | None = None) -> Rule:
    """The acquisition rule of that name.

    Args:
        name: A key of ``ACQUISITIONS``.
        cost: What evaluating rows costs; then value per unit of it counts.

    Raises:
        UsageError: There is no such rule, or it has no value per cost.
    """
    rule = ACQUISITIONS[name]
    return rule() if cost is None else rule(cost)


def candidates(name: str, space: SearchSpace, within: Candidates | None = None) -> Candidates:
    """The candidates of that name.

    Args:
        name: A key of ``CANDIDATES``.
        space: The space that they belong to.
        within: What they are restricted to, such as the rows of a table; the whole space unless given.

    Raises:
        UsageError: There is no such rule, or it lists a space that has too many architectures.
    """
    return CANDIDATES[name](space, within)


def strategy(
    name: str,
    space: SearchSpace,
    goal: Goal | None = None,
    *,
    proxies: Proxies | None = None,
    candidates: Candidates | None = None,
    seed: int = 0,
    **options: Any,  # noqa: ANN401 - the strategy's own
) -> Strategy:
    """The strategy of that name.

    Args:
        name: A key of ``STRATEGIES``.
        space: The space to search.
        goal: What is wanted.
        proxies: For strategies that take some; by default those that come with archbo.
        candidates: Where architectures may come from; the whole space by default.
        seed: The same seed gives the same search.
        options: Further arguments of the strategy.

    Raises:
        UsageError: There is no such strategy, it does not serve the goal, or there are no proxies for it.
        DataError: A package that it needs is not installed.
    """
    entry = STRATEGIES[name]
    options |= _proxies_for(entry, proxies)
    return entry(space, goal, candidates=candidates, seed=seed, **options)


def bayesian(
    space: SearchSpace,
    goal: Goal,
    predictor_names: str | Sequence[str] | None = None,
    acquisition_name: str | None = None,
    *,
    encoding_names: str | None = None,
    proxies: Proxies | None = None,
    candidates: Candidates | None = None,
    cost: Cost | None = None,
    sources: Sequence[Source] = (),
    seed: int = 0,
) -> Bayesian:
    """Bayesian search from names: with cheap fidelities where the goal has some, from other tasks where they are given.

    Args:
        space: The space to search.
        goal: What is wanted.
        predictor_names: One for all outcomes or one each; the strategy's own choice unless given.
        acquisition_name: A key of ``ACQUISITIONS``; the strategy's own choice unless given.
        encoding_names: What the predictors see; each one's own default unless given.
        proxies: As for ``encoding``.
        candidates: Where architectures may come from.
        cost: What evaluating rows costs.
        sources: For each other task its architectures and their metrics.
        seed: The same seed gives the same search.

    Raises:
        UsageError: One of the names is unknown, or what they name does not serve the goal.
    """
    surrogates, features = None, None
    if predictor_names is not None:
        surrogates = predictors(predictor_names, space, goal, encoding_names, proxies)
    elif encoding_names is not None:
        features = encoding(encoding_names, space, proxies)
    rule = acquisition(acquisition_name, cost) if acquisition_name is not None else None
    return fidelities.bayesian(
        space,
        goal,
        surrogates,
        rule,
        candidates=candidates,
        cost=cost if rule is None else None,
        encoding=features,
        sources=sources,
        seed=seed,
    )


def _proxies_for(entry: Entry[Any], proxies: Proxies | None) -> dict[str, Proxies]:
    """The argument ``proxies`` for an entry that takes it."""
    if proxies is None or not entry.needs & {"proxies", "parts"}:
        return {}
    return {} if "parts" in entry.needs and not proxies.node_names else {"proxies": proxies}
