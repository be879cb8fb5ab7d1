"""``archbo robot``."""

from dataclasses import dataclass

from archbo.cli.options import Results, command, option
from archbo.cli.request import Effort, Method, OneColumn, ScoredTable, Setting, request
from archbo.cli.searches import answer


@dataclass(frozen=True)
class _Ours:
    """The options of RoBoT."""

    trust: float = option(
        0.9,
        "What the proxies' consensus is worth beyond the objective, in standard deviations; 0 where "
        "the objective is all that is wanted, and no cheap signal of it.",
    )
    initial: int = option(
        1, "The number of architectures that the proxies choose before the surrogate does."
    )
    acquisition: str = option("log_ei", "How architectures are picked: {acquisitions}.")

    def methods(self, setting: Setting) -> list[Method]:
        from archbo import catalog

        rule = catalog.acquisition(self.acquisition)
        options = {"trust": self.trust, "n_initial": self.initial, "acquisition": rule}
        return [setting.named("robot", setting.tabular, **options)]


@command(baseline="robot-published", queries=20)
def robot(
    source: ScoredTable, wanted: OneColumn, ours: _Ours, effort: Effort, results: Results
) -> None:
    """Search by weighted combinations of zero-cost proxies, in a few evaluations of a cheap signal."""
    answer(request(source, wanted, ours.methods, effort, results))
