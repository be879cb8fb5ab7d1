"""From options to what is searched and how: everything is checked and made before any search runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archbo.cli.options import about, check_files, check_repeats, names_of, numbers_of
from archbo.errors import DataError, UsageError

if TYPE_CHECKING:
    from archbo.acquisition import Candidates, KnownCost
    from archbo.benchmarks import Benchmark, Tabular
    from archbo.bo_loop import Strategy
    from archbo.bo_loop.surrogates import Source
    from archbo.goals import Goal
    from archbo.proxies import ProxyTable

__all__ = [
    "Effort",
    "Method",
    "Ours",
    "Request",
    "TableOptions",
    "Wanted",
    "baselines",
    "bayesian_methods",
    "request_of",
]

N_KNOWN = 50
"""The number of architectures known beforehand unless ``--warm-start`` gives it."""


@dataclass(frozen=True)
class TableOptions:
    """The options that name a benchmark or a table."""

    bench: str | None
    table: Path | None
    space: str | None
    arch_column: str
    where: str | None
    proxies: str | None = None

    def load(self) -> "Benchmark":
        """The benchmark that the options name.

        Raises:
            ArchboError: They name none, or it cannot be read.
        """
        from archbo import catalog
        from archbo.benchmarks import read_table

        if (self.bench is None) == (self.table is None):
            raise UsageError(
                "give either an embedded benchmark (see 'archbo benchmarks') or --table FILE --space NAME"
            )
        if self.bench is not None:
            if self.where or self.space:
                option = "--where" if self.where else "--space"
                raise UsageError(
                    f"{option} belongs to --table FILE; {self.bench!r} is an embedded benchmark"
                )
            return catalog.benchmark(self.bench)
        assert self.table is not None
        if self.space is None:
            raise UsageError(
                f"--table {self.table} needs --space: one of {', '.join(catalog.SPACES)}, or a .toml file"
            )
        with about("--space"):
            space = catalog.space(self.space)
        try:
            return read_table(self.table, space, arch_column=self.arch_column, where=self.where)
        except DataError as error:
            if f"no column {self.arch_column!r}" not in str(error):
                raise
            raise DataError(f"{error}; --arch-column names another") from error

    def load_proxies(self, benchmark: "Benchmark") -> "ProxyTable | None":
        """What ``--proxies`` names: columns of a benchmark's table, or a file of scores.

        Raises:
            UsageError: A file is named beside other things.
            DataError: There is no such column, or the file is no file of scores.
        """
        from archbo.proxies import ProxyTable

        if self.proxies is None:
            return None
        names = names_of(self.proxies, "--proxies")
        files = [name for name in names if Path(name).suffix in (".parquet", ".csv")]
        if len(names) > 1 and files:
            raise UsageError(
                f"--proxies takes one file of scores or columns of the table; got {self.proxies!r}, "
                f"give {files[0]} alone or leave it out"
            )
        with about("--proxies"):
            if not files:
                return ProxyTable.from_benchmark(benchmark, names)
            return ProxyTable.read(files[0], benchmark.space)

    @property
    def files(self) -> dict[str, Path | str | None]:
        """The files that are read, by option."""
        toml = self.space if self.space and Path(self.space).suffix else None
        scores = self.proxies if self.proxies and Path(self.proxies).suffix else None
        return {"--table": self.table, "--space": toml, "--proxies": scores}


@dataclass(frozen=True)
class Wanted:
    """The options that say what is wanted."""

    objective: str | None = None
    subject_to: Sequence[str] = ()
    minimize: bool = False
    fidelities: str | None = None
    reference: str | None = None

    def on(self, benchmark: "Benchmark") -> "Tabular":
        """The goal that the options describe, on a benchmark.

        Raises:
            UsageError: They describe none, or no architecture keeps the bounds.
            DataError: A column is missing.
        """
        from archbo.goals import Goal

        costs = numbers_of(self.fidelities, "--fidelities", "val_12=12,val_200=200")
        targets = _columns(benchmark, list(costs)[-1]) if costs else []
        with about("--objective"):
            goal = self._of_objectives(benchmark, targets)
            _check_columns(benchmark, [objective.metric for objective in goal.objectives])
        with about("--subject-to"):
            goal = replace(goal, bounds=Goal.parse(subject_to=self.subject_to).bounds)
            _check_columns(benchmark, [bound.metric for bound in goal.bounds])
        if costs:
            with about("--fidelities"):
                goal = _with_fidelities(benchmark, goal, costs, targets)
        if self.reference is not None:
            goal = replace(goal, reference=_reference(goal, self.reference))
        return benchmark.evaluator(goal)

    def _of_objectives(self, benchmark: "Benchmark", targets: Sequence[str]) -> "Goal":
        from archbo.goals import Goal, Objective

        if self.objective is not None:
            goal = Goal.parse(self.objective)
        elif len(targets) > 1:
            raise UsageError(
                f"the last of --fidelities gives {', '.join(targets)}; say which of them are objectives"
            )
        else:
            goal = Goal((Objective(targets[0]),)) if targets else benchmark.evaluator().goal
        if not self.minimize:
            return goal
        first = goal.objectives[0]
        if goal.n_objectives > 1 or first.minimize:
            raise UsageError(
                f"--minimize is for one column; put a minus in front of each to be minimised in {self.objective!r}"
            )
        return Goal((replace(first, minimize=True),))


def _columns(benchmark: "Benchmark", text: str) -> list[str]:
    """The columns that a text joins with ``+``; a column whose name has one stands for itself."""
    return [text] if text in benchmark.metrics else [name.strip() for name in text.split("+")]


def _check_columns(benchmark: "Benchmark", names: Sequence[str]) -> None:
    for name in names:
        benchmark.values(name)


def _with_fidelities(
    benchmark: "Benchmark", goal: "Goal", costs: dict[str, float], targets: Sequence[str]
) -> "Goal":
    for name in costs:
        _check_columns(benchmark, _columns(benchmark, name))
    strange = [column for column in targets if column not in goal.metrics]
    if strange:
        raise UsageError(
            f"the last gives {strange[0]}, which is no part of the goal {goal}; name it in --objective or in a bound, "
            "or leave --objective out"
        )
    independent = frozenset(goal.metrics) - set(targets)
    return replace(goal, fidelities=costs, independent=independent)


def _reference(goal: "Goal", text: str) -> tuple[float, ...]:
    given = numbers_of(text, "--reference", "accuracy=90,latency=5")
    names = [objective.metric for objective in goal.objectives]
    if len(names) == 1:
        raise UsageError(
            "--reference is where hypervolume counts from, which one objective has none of; leave it out"
        )
    if set(given) != set(names):
        raise UsageError(
            f"--reference takes a value of each objective, {', '.join(names)}; got {text!r}"
        )
    return tuple(given[name] for name in names)


@dataclass(frozen=True)
class Effort:
    """The options that say how much is searched, and where the results go."""

    queries: int
    repeats: int
    seed: int
    batch: int
    report: str | None
    json_file: Path | None
    plot: Path | None

    def check(self, read: dict[str, Path | str | None]) -> None:
        """Raise unless the numbers make sense and the files can be written.

        Raises:
            UsageError: They do not, or cannot.
        """
        check_repeats(self.repeats, self.seed)
        if self.batch < 1:
            raise UsageError(f"--batch must be at least 1; got {self.batch}")
        check_files(self.json_file, self.plot, read)

    def check_on(self, tabular: "Tabular") -> None:
        """Raise unless a goal on its table can be searched that much.

        Raises:
            UsageError: The table has fewer architectures, or a column is reported of several objectives.
            DataError: The reported column is missing.
        """
        from archbo.comparison import check_budget

        with about("--queries"):
            check_budget(self.queries, tabular)
        if self.report is None:
            return
        if tabular.goal.n_objectives > 1:
            raise UsageError(
                f"--report {self.report}: several objectives have no single best architecture to report a column of; "
                "leave it out, or bound them with --subject-to"
            )
        with about("--report"):
            tabular.benchmark.values(self.report)


@dataclass(frozen=True, eq=False)
class Method:
    """A search method by name.

    Attributes:
        name: What it is called.
        tabular: What it searches.
        make: Makes the strategy from a seed.
        first: The strategy of the first seed: whatever is wrong with it is known before any search runs.
    """

    name: str
    tabular: "Tabular"
    make: "Callable[[int], Strategy]"
    first: "Strategy"

    def strategy(self, seed: int) -> "Strategy":
        """The strategy of a seed."""
        return self.first if seed == self.first.seed else self.make(seed)


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be searched.

    Attributes:
        tabular: The goal on its table.
        methods: The methods; those without fidelities evaluate everything at the target.
        effort: How much, and where the results go.
        cost: A column of which the total is told.
    """

    tabular: "Tabular"
    methods: tuple[Method, ...]
    effort: Effort
    cost: str | None = None


@dataclass(frozen=True)
class Ours:
    """The options of Bayesian search."""

    predictor: str
    encoding: str | None
    acquisition: str | None
    candidates: str
    cost: str | None
    warm_start: str | None


def bayesian_methods(
    ours: Ours,
    tabular: "Tabular",
    proxies: "ProxyTable | None",
    everything: "Candidates",
    seed: int,
) -> list[Method]:
    """Bayesian search as the options say, and the predictor's plain search beside one that knows more.

    Raises:
        ArchboError: A name is unknown, or what it names does not serve the goal.
    """
    prices = _prices(tabular, ours.cost)
    names = names_of(ours.predictor, "--predictor", once=False)
    plain = "+".join(dict.fromkeys(names))
    known = _known_before(tabular, ours.warm_start)
    kinds = [("fidelities", bool(tabular.goal.fidelities)), ("warm-start", known is not None)]
    more = "+".join(kind for kind, given in kinds if given)
    make = partial(_bayesian, ours, names, proxies, everything, prices)
    methods = []
    if more:
        methods.append(_method(more, tabular, partial(make, tabular, known), seed))
    full = in_full(tabular)
    return [*methods, _method(plain, full, partial(make, full, None), seed)]


def _bayesian(
    ours: Ours,
    names: Sequence[str],
    proxies: "ProxyTable | None",
    everything: "Candidates",
    prices: "KnownCost | None",
    tabular: "Tabular",
    known: "Callable[[int], Source] | None",
    seed: int,
) -> "Strategy":
    from archbo import catalog

    space = tabular.benchmark.space
    return catalog.bayesian(
        space,
        tabular.goal,
        _joint(names, tabular.goal, warm=known is not None),
        ours.acquisition,
        encoding_names=ours.encoding,
        proxies=proxies,
        candidates=catalog.candidates(ours.candidates, space, everything),
        cost=prices,
        sources=[known(seed)] if known is not None else [],
        seed=seed,
    )


def _joint(names: Sequence[str], goal: "Goal", *, warm: bool) -> list[str]:
    """The predictor of each outcome: a Gaussian process is one over several tasks where there are some."""
    each = list(names) * goal.n_outcomes if len(names) == 1 else list(names)

    def has_tasks(output: int) -> bool:
        return warm or (bool(goal.fidelities) and goal.depends_on_fidelity(output))

    return [
        "multi-task-gp" if name == "gp" and output < goal.n_outcomes and has_tasks(output) else name
        for output, name in enumerate(each)
    ]


def _prices(tabular: "Tabular", column: str | None) -> "KnownCost | None":
    from archbo.acquisition import KnownCost

    if column is None:
        return None
    benchmark = tabular.benchmark
    with about("--cost"):
        return KnownCost(benchmark.space, benchmark.X, benchmark.values(column))


def _known_before(tabular: "Tabular", text: str | None) -> "Callable[[int], Source] | None":
    """What ``--warm-start`` says is known beforehand, by the seed that draws it.

    Raises:
        UsageError: ``N`` is not between 2 and the number of architectures, or there are more columns than metrics.
        DataError: There is no such column.
    """
    from archbo.randomness import generator

    if text is None:
        return None
    benchmark, metrics = tabular.benchmark, tabular.goal.metrics
    named, n = text, N_KNOWN
    if text not in benchmark.metrics and ":" in text:
        named, _, number = text.rpartition(":")
        n = int(number) if number.isdecimal() else 0
    columns = _columns(benchmark, named)
    if len(columns) > len(metrics):
        raise UsageError(
            f"--warm-start names {len(columns)} columns in place of {len(metrics)}: {', '.join(metrics)}; got {text!r}"
        )
    with about("--warm-start"):
        _check_columns(benchmark, columns)
    if not 2 <= n <= len(benchmark):
        raise UsageError(
            f"--warm-start takes COLUMN:N with N between 2 and {len(benchmark):,}; got {text!r}"
        )
    columns += metrics[len(columns) :]

    def known(seed: int) -> "Source":
        import torch

        draw = torch.randperm(len(benchmark), generator=generator(seed))[:n]
        values = [benchmark.values(column)[draw] for column in columns]
        return benchmark.X[draw], torch.cat(values, dim=-1)

    return known


def in_full(tabular: "Tabular") -> "Tabular":
    """The same goal without fidelities: everything is evaluated at the target."""
    if not tabular.goal.fidelities:
        return tabular
    goal = replace(tabular.goal, fidelities={}, independent=frozenset())
    return tabular.benchmark.evaluator(goal)


def baselines(
    text: str,
    tabular: "Tabular",
    proxies: "ProxyTable | None",
    everything: "Candidates",
    seed: int,
) -> list[Method]:
    """The methods that ``--baseline`` names; they know of no cheap evaluations, and evaluate in full.

    Raises:
        ArchboError: A name is unknown, or what it names does not serve the goal.
    """
    from archbo import catalog

    if text == "none":
        return []
    full = in_full(tabular)
    methods = []
    for name in names_of(text, "--baseline"):

        def make(seed: int, name: str = name) -> "Strategy":
            return catalog.strategy(
                name,
                full.benchmark.space,
                full.goal,
                proxies=proxies,
                candidates=everything,
                seed=seed,
            )

        with about("--baseline"):
            methods.append(_method(name, full, make, seed))
    return methods


def _method(name: str, tabular: "Tabular", make: "Callable[[int], Strategy]", seed: int) -> Method:
    return Method(name, tabular, make, make(seed))


def request_of(
    tabular: "Tabular", methods: Sequence[Method], effort: Effort, cost: str | None = None
) -> Request:
    """A request, whose methods have a name each.

    Raises:
        UsageError: Two have the same.
    """
    names = [method.name for method in methods]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--baseline names {twice[0]}, which is searched already; leave it out")
    return Request(tabular, tuple(methods), effort, cost)
