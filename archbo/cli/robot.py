"""``archbo robot``."""

from dataclasses import dataclass
from typing import Annotated

import typer

from archbo.cli.options import Results, command
from archbo.cli.request import Effort, Method, OneColumn, ScoredTable, Setting, request
from archbo.cli.searches import answer


@dataclass(frozen=True)
class _Ours:
    """The options of RoBoT."""

    trust: Annotated[
        float,
        typer.Option(
            help="What the proxies' consensus is worth beyond the objective, in standard deviations; 0 where "
            "the objective is all that is wanted, and no cheap signal of it."
        ),
    ] = 0.9
    initial: Annotated[
        int,
        typer.Option(
            help="The number of architectures that the proxies choose before the surrogate does."
        ),
    ] = 1
    acquisition: Annotated[
        str, typer.Option(help="How architectures are picked: {acquisitions}.")
    ] = "log_ei"

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
