"""``archbo search``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING

from archbo.cli.options import Results, Stopping, about, command, names_of, option
from archbo.cli.own_code import OwnCode
from archbo.cli.request import (
    Effort,
    Method,
    ScoredTable,
    Setting,
    Wanted,
    check_columns,
    columns_of,
    request,
)
from archbo.cli.searches import answer
from archbo.cli.studies import Beginning, Kept
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.acquisition import KnownCost
    from archbo.benchmarks import Tabular
    from archbo.bo_loop import Strategy
    from archbo.bo_loop.surrogates import Source
    from archbo.goals import Goal

N_KNOWN = 50
"""The number of architectures known beforehand unless ``--warm-start`` gives it."""


@dataclass(frozen=True)
class _Ours:
    """The options of Bayesian search."""

    predictor: str | None = option(
        None,
        "The surrogate, gp unless given, or one for each objective and bound joined with commas: {predictors}.",
    )
    encoding: str | None = option(
        None, "What it sees, joined with '+'; its own default unless given: {encodings}."
    )
    acquisition: str | None = option(
        None,
        "How architectures are picked: {acquisitions}. Unless given log_ei, with reals qlog_nei, with bounds "
        "constrained_log_nei, with several objectives qlog_nehvi.",
    )
    candidates: str = option(
        "exhaustive", "Where architectures of the table come from: {candidates}."
    )
    cost: str | None = option(
        None, "Pick what is worth the most per unit of this column.", metavar="COLUMN"
    )
    warm_start: str | None = option(
        None,
        "N random architectures (50) are known beforehand by this column in place of the first objective; or "
        "by columns joined with '+' in place of the first objectives and bounds. All others are known as they are.",
        metavar="COLUMN[:N]",
    )

    def methods(self, setting: Setting) -> list[Method]:
        """Bayesian search as the options say, and the predictor's plain search beside one that knows more.

        Raises:
            ArchboError: A name is unknown, or what it names does not serve the goal.
        """
        tabular, full = setting.tabular, setting.in_full
        names = names_of(self.predictor or "gp", "--predictor", once=False)
        make = partial(self._strategy, setting, names, _prices(tabular, self.cost))
        known = _known_before(tabular, self.warm_start)
        kinds = [("fidelities", bool(tabular.goal.fidelities)), ("warm-start", known is not None)]
        methods = []
        if more := "+".join(kind for kind, given in kinds if given):
            methods.append(setting.method(more, tabular, partial(make, tabular.goal, known)))
        plain = "+".join(dict.fromkeys(names))
        return [*methods, setting.method(plain, full, partial(make, full.goal, None))]

    def _strategy(
        self,
        setting: Setting,
        names: Sequence[str],
        prices: "KnownCost | None",
        goal: "Goal",
        known: "Callable[[int], Source] | None",
        *,
        seed: int,
    ) -> "Strategy":
        from archbo import catalog

        return catalog.bayesian(
            setting.space,
            goal,
            _joint(names, goal, warm=known is not None),
            self.acquisition,
            encoding_names=self.encoding,
            proxies=setting.proxies,
            candidates=catalog.candidates(self.candidates, setting.space, setting.everything),
            cost=prices,
            sources=[known(seed)] if known is not None else [],
            seed=seed,
        )


@command(
    panels={
        "source": "What is searched",
        "wanted": "What is wanted",
        "ours": "How it searches",
        "effort": "How much",
        "stopping": "How much",
        "kept": "What is kept, and what is known before",
        "own_code": "Your own code",
        "results": "Results",
    }
)
def search(
    source: ScoredTable,
    wanted: Wanted,
    ours: _Ours,
    effort: Effort,
    stopping: Stopping,
    kept: Kept,
    own_code: OwnCode,
    results: Results,
) -> None:
    """Search a benchmark, with baselines beside it; or FILE.py:FUNCTION, your own code, in a study that is kept."""
    if source.bench is not None and ":" in source.bench:
        _refuse_given("a search of a function", source, wanted, ours, effort, results)
        beginning = Beginning(
            start_from=kept.start_from,
            fill=kept.fill,
            space=source.space,
            objective=wanted.objective if wanted.objective is not None else "value",
            subject_to=wanted.subject_to,
            fidelities=wanted.fidelities,
            predictor=ours.predictor,
            encoding=ours.encoding,
            acquisition=ours.acquisition,
            seed=effort.seed,
        )
        own_code.search(source.bench, kept.study, beginning, effort.queries, stopping)
        return
    _refuse_given("a search of a table", own_code)
    options = {one.name: getattr(ours, one.name) for one in fields(ours) if one.name != "predictor"}

    def methods(setting: Setting) -> list[Method]:
        found = ours.methods(setting)
        stopping.terminator(found[0].first)  # what is wrong is said before any search runs
        return [replace(method, stopping=stopping) for method in found]

    answer(
        request(
            source,
            wanted,
            methods,
            effort,
            results,
            cost=ours.cost,
            kept=kept,
            options=options,
        )
    )


SERVED = {
    "bench",
    "space",
    "objective",
    "subject_to",
    "fidelities",
    "predictor",
    "encoding",
    "acquisition",
    "seed",
    "queries",
}
"""The options of a table's search that one of a function has too."""


def _refuse_given(what: str, *groups: object) -> None:
    """Raise if an option is given that cannot take effect."""
    for group in groups:
        for one in fields(group):  # type: ignore[arg-type] # they are dataclasses
            given = getattr(group, one.name) != one.default
            if given and (isinstance(group, OwnCode) or one.name not in SERVED):
                name = one.name.removesuffix("_file").replace("_", "-")
                raise UsageError(f"--{name} has no use in {what}; leave it out")


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
    columns = columns_of(benchmark, named)
    if len(columns) > len(metrics):
        raise UsageError(
            f"--warm-start names {len(columns)} columns in place of {len(metrics)}: {', '.join(metrics)}; got {text!r}"
        )
    with about("--warm-start"):
        check_columns(benchmark, columns)
    if not 2 <= n <= len(benchmark):
        raise UsageError(
            f"--warm-start takes COLUMN:N with N between 2 and {len(benchmark):,}; got {text!r}"
        )
    columns += metrics[len(columns) :]

    def known(seed: int) -> "Source":
        import torch

        draw = torch.randperm(len(benchmark), generator=generator(seed))[:n]
        values = torch.cat([benchmark.measured(column)[draw] for column in columns], dim=-1)
        there = values.isfinite().all(-1)  # what failed then is not known now
        return benchmark.X[draw][there], values[there]

    return known
