"""What rules for candidates are worth, with a surrogate and without ("Mutation is all you need", arXiv 2107.07343)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from archbo import catalog
from archbo.acquisition import TopSampling
from archbo.bo_loop import Bayesian
from archbo.encodings import OneHotEncoding
from archbo.predictors import RandomForest
from perf.processes import each
from perf.searches import Stand, found_after, outcome, until_best
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import everything, load

__all__ = ["MEASUREMENT", "report"]

COLUMNS = {"c100_val_200": "CIFAR-100", "in16_val_200": "ImageNet16-120"}
RULES = ("exhaustive", "mutation", "crossover", "hill-climbing", "local", "trust-region")
HALFWAY = 50
"""The number of queries after which the rank is told, too."""


@dataclass(frozen=True)
class Task:
    """A search with a rule for candidates."""

    rule: str
    surrogate: bool
    column: str
    table: Path
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{row_name(self.rule, self.surrogate)}, {self.column}, seed {self.seed}"


def row_name(rule: str, surrogate: bool) -> str:
    """What the row of a rule is called."""
    return f"{rule}, {'gp' if surrogate else 'no surrogate'}"


def search(task: Task) -> Stand:
    """Search until the table's best."""
    benchmark = load(task.table)
    space, tabular = benchmark.space, benchmark.evaluator(task.column)
    candidates = catalog.candidates(task.rule, space, everything(benchmark))
    strategy = Bayesian(space, tabular.goal, candidates=candidates, seed=task.seed)
    if not task.surrogate:
        # Drawn from all candidates, whatever the least of predictors says.
        least = RandomForest(space, OneHotEncoding(space), n_trees=2)
        anyone = TopSampling(top=len(benchmark))
        strategy = Bayesian(
            space, tabular.goal, least, anyone, candidates=candidates, seed=task.seed
        )
    return outcome(until_best(task.rule, strategy, tabular, task.n_queries))


def measure(settings: Settings) -> Section:
    """Each rule without a surrogate, then with one, on two tasks of NAS-Bench-201."""
    kinds = {row_name(rule, kind): (rule, kind) for kind in (False, True) for rule in RULES}
    names = settings.wanted(kinds)
    tasks = [
        Task(*kinds[name], column, settings.table, settings.size, seed)
        for column in COLUMNS
        for name in names
        for seed in settings.seeds
    ]
    stands = dict(zip(tasks, each(search, tasks, workers=settings.workers), strict=True))
    tables = []
    for column, caption in COLUMNS.items():
        rows: dict[str, list[Stand]] = {name: [] for name in names}
        for task, stand in stands.items():
            if task.column == column:
                rows[row_name(task.rule, task.surrogate)].append(stand)
        tables.append(report(rows, settings.size, "candidates", f"{caption}:"))
    return Section(
        "Candidates",
        tables,
        ["NAS-Bench-201, validation accuracy after 200 epochs; medians."],
    )


def report(
    rows: Mapping[str, Sequence[Stand]], n_queries: int, what: str, caption: str = ""
) -> Grid:
    """Medians over the searches of each row: queries until the best, ranks and regrets on the way, seconds."""
    at = sorted({min(HALFWAY, n_queries), n_queries})
    header = [what, "queries to the best", *(f"rank (regret) after {n}" for n in at), "s per query"]
    cells = []
    for name, stands in rows.items():
        reached = [
            f"{median(s.rank(n) for s in stands):g} ({median(s.regret(n) for s in stands):.3f})"
            for n in at
        ]
        until = found_after(median(stand.until_best for stand in stands), n_queries)
        cells.append([name, until, *reached, f"{median(stand.seconds for stand in stands):.2f}"])
    return Grid(header, cells, caption)


MEASUREMENT = Measurement(measure, repeats=3, size=100, unit="queries")
