"""All search methods that need no proxies, side by side on NAS-Bench-201, CIFAR-100."""

from archbo import catalog
from perf.candidates import report
from perf.processes import each
from perf.searches import SearchTask, search
from perf.section import Section
from perf.settings import Measurement, Settings

__all__ = ["MEASUREMENT"]

COLUMN = "c100_val_200"


def measure(settings: Settings) -> Section:
    """Several searches of each method."""
    usual = [name for name, entry in catalog.STRATEGIES.items() if "proxies" not in entry.needs]
    names = settings.wanted(usual)
    tasks = [
        SearchTask(name, settings.table, COLUMN, settings.size, seed)
        for name in names
        for seed in settings.seeds
    ]
    stands = dict(zip(tasks, each(search, tasks, workers=settings.workers), strict=True))
    rows = {
        f"`{name}`": [stand for task, stand in stands.items() if task.method == name]
        for name in names
    }
    return Section(
        "Search methods",
        [report(rows, settings.size, "method")],
        ["NAS-Bench-201, CIFAR-100 validation accuracy after 200 epochs; medians."],
    )


MEASUREMENT = Measurement(measure, repeats=5, size=100, unit="queries")
