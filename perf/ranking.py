"""How well a GP ranks the embedded NAS-Bench-201 table, by encoding and number of training cells."""

from perf.leaderboard import Case, compare, kendall, sizes_up_to
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import EMBEDDED

__all__ = ["MEASUREMENT"]

SIZES = (78, 156, 781)
ENCODINGS = ("one-hot", "path", "canonical-one-hot", "semantic-path", "default")


def measure(settings: Settings) -> Section:
    """Mean Kendall tau on all cells that were not trained on."""
    cases = {
        name: Case("gp", None if name == "default" else name, EMBEDDED, None, None)
        for name in settings.wanted(ENCODINGS)
    }
    sizes = sizes_up_to(settings.size, SIZES)
    found = compare(cases, sizes, settings)
    rows = [[f"`{name}`", *(kendall(found[name, size]) for size in sizes)] for name in cases]
    return Section(
        "What a Gaussian process sees",
        [Grid(["encoding", *(f"{size} cells" for size in sizes)], rows)],
        ["Mean Kendall tau on all cells of the shipped table that were not trained on."],
    )


MEASUREMENT = Measurement(measure, repeats=3, size=max(SIZES), unit="cells to train on, at most")
