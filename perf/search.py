"""How soon a search of 100 queries finds the best of 15,625 cells, with each surrogate, and what it takes."""

from statistics import median

from perf.processes import each
from perf.searches import SearchTask, Stand, found_after, search
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import EMBEDDED

__all__ = ["MEASUREMENT"]

METHODS = ("gp", "bnn-hmc", "gbdt", "gnn", "evolution", "random")
COLUMN = "c10_val_200"
SHIPPED = "shipped table"
TABLES = {SHIPPED: "the table that is shipped", "CIFAR-10": COLUMN}


def measure(settings: Settings) -> Section:
    """Several searches of each method on each table, each in a process of its own."""
    cases = {f"{method}, {table}": (method, table) for table in TABLES for method in METHODS}
    names = settings.wanted(cases)
    tasks = {
        name: [
            SearchTask(
                cases[name][0],
                EMBEDDED if cases[name][1] == SHIPPED else settings.table,
                None if cases[name][1] == SHIPPED else COLUMN,
                settings.size,
                seed,
            )
            for seed in settings.seeds
        ]
        for name in names
    }
    flat = [task for each_row in tasks.values() for task in each_row]
    stands = dict(zip(flat, each(search, flat, workers=settings.workers, fresh=True), strict=True))
    rows = [_row(name, [stands[task] for task in tasks[name]], settings.size) for name in names]
    header = [
        "method, table",
        "queries to the best, median",
        "found",
        f"rank after {settings.size}: median",
        "worst",
        "s per query",
        "peak GiB",
    ]
    return Section(
        f"Searches of {settings.size} queries",
        [Grid(header, rows)],
        [
            "Structure only. The table that is shipped is AnalogNAS-Bench's CIFAR-10 accuracy; CIFAR-10 is "
            f"NAS-Bench-201's own validation accuracy after 200 epochs, `{COLUMN}`, which is not shipped. A search "
            "ends when the best of all 15,625 cells is found."
        ],
    )


def _row(name: str, stands: list[Stand], n_queries: int) -> list[str]:
    until = median(stand.until_best for stand in stands)
    ranks = [stand.rank(n_queries) for stand in stands]
    return [
        name,
        found_after(until, n_queries),
        f"{sum(rank == 1 for rank in ranks)} of {len(ranks)}",
        f"{median(ranks):g}",
        str(max(ranks)),
        f"{median(stand.seconds for stand in stands):.2f}",
        f"{max(stand.memory for stand in stands):.2f}",
    ]


MEASUREMENT = Measurement(measure, repeats=10, size=100, unit="queries")
