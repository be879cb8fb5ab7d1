"""From options to what is searched and how: everything is checked and made before any search runs."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from archbo.cli.options import Results, Seeds, Stopping, about, names_of, numbers_of, option
from archbo.cli.studies import Kept, check_settings
from archbo.cli.terminal import remark
from archbo.errors import DataError, UsageError

if TYPE_CHECKING:
    from archbo.acquisition import Candidates
    from archbo.benchmarks import Benchmark, Tabular
    from archbo.bo_loop import AskTell, Strategy
    from archbo.goals import Goal
    from archbo.log import Log
    from archbo.proxies import ProxyTable
    from archbo.spaces import SearchSpace

__all__ = [
    "Effort",
    "Method",
    "OneColumn",
    "Request",
    "ScoredTable",
    "Setting",
    "TableOptions",
    "Wanted",
    "check_columns",
    "columns_of",
    "read_scores",
    "request",
]


SUITE_ZERO = re.compile(r"(.+\.json)(?::(.+))?", re.IGNORECASE)
"""How ``--proxies`` names a file of NAS-Bench-Suite-Zero, and maybe one of its datasets."""


@dataclass(frozen=True)
class TableOptions:
    """The options that name a benchmark or a table."""

    bench: str | None = option(
        None,
        "An embedded benchmark; see 'archbo benchmarks'.",
        metavar="BENCH",
        kind=typer.Argument,
    )
    table: Path | None = option(None, "A Parquet, CSV or TSV table instead of BENCH.")
    space: str | None = option(None, "The table's space: a TOML file, or one of {spaces}.")
    arch_column: str = option(
        "arch_str",
        "The table's column of architectures: their texts, or their official numbers where a benchmark has such.",
    )
    where: str | None = option(
        None,
        "Keep rows where this column of flags is true: booleans, 0 and 1, or texts.",
        metavar="COLUMN",
    )

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
            if self.bench.endswith(".py"):
                raise UsageError(
                    f"say which function of {self.bench} is searched, such as {self.bench}:evaluate"
                )
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

    @property
    def files(self) -> dict[str, Path | str | None]:
        """The files that are read, by option."""
        toml = self.space if self.space and Path(self.space).suffix else None
        return {"--table": self.table, "--space": toml}


@dataclass(frozen=True)
class ScoredTable(TableOptions):
    """The same, with what scores its architectures at no cost."""

    proxies: str | None = option(
        None,
        "What the encoding zero-cost sees: columns of the table, such as 'c10_zc_*', joined with commas; "
        "a table of scores, such as a file of 'archbo proxies compute', whose parts by decision nodewise sees; or a "
        "file of NAS-Bench-Suite-Zero, FILE.json or FILE.json:DATASET.",
        metavar="COLUMNS|FILE",
    )

    def load_proxies(self, benchmark: "Benchmark") -> "ProxyTable | None":
        """What ``--proxies`` names: columns of a benchmark's table, or a file of scores.

        Raises:
            UsageError: A file is named beside other things.
            DataError: There is no such column, or the file is no file of scores.
        """
        from archbo.benchmarks import is_table
        from archbo.proxies import ProxyTable

        if self.proxies is None:
            return None
        names = names_of(self.proxies, "--proxies")
        files = [name for name in names if is_table(name) or SUITE_ZERO.fullmatch(name)]
        if len(names) > 1 and files:
            raise UsageError(
                f"--proxies takes one file of scores or columns of the table; got {self.proxies!r}, "
                f"give {files[0]} alone or leave it out"
            )
        if files:
            return read_scores(files[0], benchmark.space)
        with about("--proxies"):
            return ProxyTable.from_benchmark(benchmark, names)

    @property
    def files(self) -> dict[str, Path | str | None]:
        """The files that are read, by option."""
        suite_zero = SUITE_ZERO.fullmatch(self.proxies) if self.proxies else None
        scores = suite_zero[1] if suite_zero else self.proxies
        scores = scores if scores and Path(scores).suffix else None
        return {**super().files, "--proxies": scores}


def read_scores(file: str, space: "SearchSpace") -> "ProxyTable":
    """The scores in the file that ``--proxies`` names: any table, or a file of NAS-Bench-Suite-Zero.

    Raises:
        DataError: It is no file of scores.
    """
    from archbo.proxies import ProxyTable, read_suite_zero

    with about("--proxies"):
        suite_zero = SUITE_ZERO.fullmatch(file)
        if suite_zero:
            return read_suite_zero(suite_zero[1], space, suite_zero[2])
        return ProxyTable.read(file, space)


@dataclass(frozen=True)
class Wanted:
    """The options that say what is wanted."""

    objective: str | None = option(
        None,
        "The column to maximise, or several joined with commas. A minus in front minimises; a plus maximises "
        "a column whose name begins with a minus, and double quotes hold a name with commas.",
        metavar="COLUMN[,-COLUMN...]",
    )
    subject_to: list[str] | None = option(
        None, "A bound on a column, <= or >=; may be repeated.", metavar="COLUMN<=X"
    )
    minimize: bool = option(False, "Minimise the one objective instead.", "--minimize")
    fidelities: str | None = option(
        None,
        "Cheap evaluations and full ones with their costs, such as 'val_12=12,val_200=200'. The last gives "
        "the objective, and QUERIES of it are the budget. Where several columns depend on it, each names them "
        "joined with '+'; all other columns are the same for each.",
        metavar="COLUMN=COST,...",
    )
    reference: str | None = option(
        None,
        "The value of each objective above which hypervolume counts; inferred by the search unless given, "
        "and the table's worst values for its score.",
        metavar="COLUMN=X,...",
    )

    def on(self, benchmark: "Benchmark") -> "Tabular":
        """The goal that the options describe, on a benchmark.

        Raises:
            UsageError: They describe none, or no architecture keeps the bounds.
            DataError: A column is missing.
        """
        from archbo.goals import Goal

        costs = numbers_of(self.fidelities, "--fidelities", "val_12=12,val_200=200")
        targets = columns_of(benchmark, list(costs)[-1]) if costs else []
        with about("--fidelities" if costs and self.objective is None else "--objective"):
            goal = self._of_objectives(benchmark, targets)
            check_columns(benchmark, [objective.metric for objective in goal.objectives])
        with about("--subject-to"):
            goal = replace(goal, bounds=Goal.parse(subject_to=self.subject_to or ()).bounds)
            check_columns(benchmark, [bound.metric for bound in goal.bounds])
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


@dataclass(frozen=True)
class OneColumn:
    """The options that say what is wanted where that is one column."""

    objective: str | None = option(
        None, "The column that counts; more is better.", metavar="COLUMN"
    )
    minimize: bool = option(False, "Less of it is better.", "--minimize")

    def on(self, benchmark: "Benchmark") -> "Tabular":
        """The goal that the options describe, as ``Wanted.on`` gives it."""
        return Wanted(self.objective, minimize=self.minimize).on(benchmark)


def columns_of(benchmark: "Benchmark", text: str) -> list[str]:
    """The columns that a text joins with ``+``; a column whose name has one stands for itself."""
    return [text] if text in benchmark.metrics else [name.strip() for name in text.split("+")]


def check_columns(benchmark: "Benchmark", names: Sequence[str]) -> None:
    """Raise a ``DataError`` unless there are such columns."""
    for name in names:
        benchmark.measured(name)


def _with_fidelities(
    benchmark: "Benchmark", goal: "Goal", costs: dict[str, float], targets: Sequence[str]
) -> "Goal":
    for name in costs:
        check_columns(benchmark, columns_of(benchmark, name))
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
class Effort(Seeds):
    """The options that say how much is searched, and what beside it."""

    baseline: str = option(
        "random", "Methods beside it, joined with commas, or none: {strategies}."
    )
    queries: int = option(100, "The number of architectures to evaluate per search.")
    batch: int = option(1, "The number of architectures to ask for at a time.", metavar="Q")
    report: str | None = option(
        None, "A column to report of what is recommended.", metavar="COLUMN"
    )

    def check(self) -> None:
        """Raise unless the numbers make sense.

        Raises:
            UsageError: They do not.
        """
        super().check()
        if self.batch < 1:
            raise UsageError(f"--batch must be at least 1; got {self.batch}")

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
        tabular: What it searches; without fidelities everything is evaluated at the target.
        make: Makes the strategy from ``seed``.
        first: The strategy of the first seed: whatever is wrong with it is known before any search runs.
        stopping: When its searches stop before their budget is used up.
    """

    name: str
    tabular: "Tabular"
    make: "Callable[..., Strategy]"
    first: "Strategy"
    stopping: Stopping = field(default_factory=Stopping)

    def strategy(self, seed: int) -> "Strategy":
        """The strategy of a seed."""
        return self.first if seed == self.first.seed else self.make(seed=seed)


@dataclass(frozen=True, eq=False)
class Setting:
    """What the methods of a request share: the goal on its table, proxies, the table's rows and the first seed."""

    tabular: "Tabular"
    proxies: "ProxyTable | None"
    everything: "Candidates"
    seed: int

    @property
    def space(self) -> "SearchSpace":
        """The space of the table."""
        return self.tabular.benchmark.space

    @cached_property
    def in_full(self) -> "Tabular":
        """The same goal without fidelities: everything is evaluated at the target."""
        if not self.tabular.goal.fidelities:
            return self.tabular
        goal = replace(self.tabular.goal, fidelities={}, independent=frozenset())
        return self.tabular.benchmark.evaluator(goal)

    def method(self, name: str, tabular: "Tabular", make: "Callable[..., Strategy]") -> Method:
        """A method, whose first strategy is made."""
        return Method(name, tabular, make, make(seed=self.seed))

    def named(self, name: str, tabular: "Tabular", **options: Any) -> Method:  # noqa: ANN401
        """The method of the catalog's strategy of that name, with its own options."""
        from archbo import catalog

        options |= {"proxies": self.proxies, "candidates": self.everything}
        make = partial(catalog.strategy, name, self.space, tabular.goal, **options)
        return self.method(name, tabular, make)

    def baselines(self, text: str) -> list[Method]:
        """The methods that ``--baseline`` names; they know of no cheap evaluations, and evaluate in full.

        Raises:
            ArchboError: A name is unknown, or what it names does not serve the goal.
        """
        if text == "none":
            return []
        names = names_of(text, "--baseline")
        with about("--baseline"):
            return [self.named(name, self.in_full) for name in names]


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be searched.

    Attributes:
        tabular: The goal on its table.
        methods: The methods.
        effort: How much.
        results: Where the results go.
        cost: A column of which the total is told.
        study: The file or URL that keeps the searches, each in a study of its own.
        past: What is known before each search; None where nothing is named.
        settings: What each study is begun with.
    """

    tabular: "Tabular"
    methods: Sequence[Method]
    effort: Effort
    results: Results
    cost: str | None = None
    study: str | None = None
    past: "Log | None" = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def begun(self, method: Method, seed: int) -> "tuple[AskTell, int]":
        """The search of a method with a seed, new or as far as it was kept, and how many past trainings it knows.

        Raises:
            DataError: What was kept is another search.
        """
        from archbo.bo_loop import Optimizer
        from archbo.studies import Study

        strategy = method.strategy(seed)
        past = None if self.past is None else _for_goal(self.past, strategy.goal)
        n_past = 0 if past is None else len(past)
        if self.study is None:
            return Optimizer(strategy, log=past), n_past
        name, settings = f"{method.name}-{seed}", {**self.settings, "seed": seed}
        study = Study(self.study, strategy, name=name, settings=settings, log=past)
        check_settings(study, settings)
        if study.n_past != n_past:
            raise DataError(
                f"--start-from: the study {name!r} at {self.study} was begun with {study.n_past} past trainings, "
                f"not {n_past}"
            )
        return study, n_past


def _for_goal(log: "Log", goal: "Goal") -> "Log":
    """Past trainings for a goal without fidelities, which those at the target count for."""
    if log.goal == goal:
        return log
    full = log.select(fidelity=log.goal.target)
    trials = (
        replace(t, number=n, fidelity=None, cost=goal.cost_of(None)) for n, t in enumerate(full)
    )
    return replace(log, goal=goal, trials=tuple(trials))


def _past(kept: Kept, tabular: "Tabular", everything: "Candidates") -> "Log | None":
    """The past trainings of architectures that a table has.

    Raises:
        DataError: They cannot be read, or do not fit the space and the goal.
    """
    log = kept.log(tabular.benchmark.space, tabular.goal)
    if log is None:
        return None
    inside = everything.contains(log.rows()).tolist()
    trials = [trial for trial, there in zip(log.trials, inside, strict=True) if there]
    if len(trials) < len(log):
        remark(
            f"{len(log) - len(trials)} of {len(log)} past trainings are of architectures that are not in "
            f"{tabular.benchmark.name}; they are left out"
        )
    numbered = (replace(trial, number=number) for number, trial in enumerate(trials))
    return replace(log, trials=tuple(numbered))


def _check_left(effort: Effort, tabular: "Tabular", past: "Log | None") -> None:
    """Raise unless that many architectures of the table are left to evaluate."""
    if past is None:
        return
    known = len(past.space.distinct(past.rows(fidelity=past.goal.target)))
    if effort.queries > len(tabular) - known:
        raise UsageError(
            f"--queries {effort.queries}: of {len(tabular):,} architectures {known:,} are known from --start-from, so "
            f"that {len(tabular) - known:,} are left"
        )


def request(
    source: ScoredTable,
    wanted: Wanted | OneColumn,
    ours: Callable[[Setting], Iterable[Method]],
    effort: Effort,
    results: Results,
    *,
    cost: str | None = None,
    kept: Kept | None = None,
    options: Mapping[str, Any] | None = None,
) -> Request:
    """What the options of a search ask for: its own methods, and the baselines beside them.

    Args:
        source: What is searched.
        wanted: What is wanted.
        ours: Makes the search's own methods.
        effort: How much is searched.
        results: Where results go.
        cost: A column of which the total is told.
        kept: Where searches are kept, and what they start from.
        options: The options of the search's own methods, by name.

    Raises:
        ArchboError: An option is wrong, or two methods have the same name.
    """
    import torch

    from archbo.acquisition import FixedCandidates

    kept = kept if kept is not None else Kept()
    effort.check()
    results.check(source.files | kept.files)
    if kept.study is not None and effort.batch > 1:
        raise UsageError("--batch has no use with --study, which asks for one after the other")
    # The matrices of a search are small: a second thread costs more than it gives.
    torch.set_num_threads(1)
    benchmark = source.load()
    tabular = wanted.on(benchmark)
    effort.check_on(tabular)
    everything = FixedCandidates(benchmark.space, benchmark.X)
    setting = Setting(tabular, source.load_proxies(benchmark), everything, effort.seed)
    methods = [*ours(setting), *setting.baselines(effort.baseline)]
    names = [method.name for method in methods]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--baseline names {twice[0]}, which is searched already; leave it out")
    past = _past(kept, tabular, everything)
    _check_left(effort, tabular, past)
    settings = {"table": benchmark.name, "where": source.where, "proxies": source.proxies}
    settings |= options or {}
    return Request(tabular, methods, effort, results, cost, kept.study, past, settings)
