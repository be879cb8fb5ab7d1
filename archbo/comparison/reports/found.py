"""The best architectures, and what they cost in other outcomes."""

from itertools import combinations

from archbo.comparison.plots.architecture import draw_arch
from archbo.comparison.plots.fronts import plot_trade_off
from archbo.comparison.reports.blocks import ARCHS, Picture, Section, Table
from archbo.comparison.reports.evidence import Evidence, joined, number
from archbo.log import State
from archbo.spaces import Arch, MixedSpace

__all__ = ["best", "trade_offs"]

MOST_DRAWN, MOST_LISTED = 3, 20
"""The most architectures that are drawn, and that are listed; by choice, to be read."""


def best(evidence: Evidence) -> Section:
    """The best architecture or the front, drawn, or for categorical spaces as a table of decisions."""
    log, goal = evidence.log, evidence.goal
    several = goal.n_objectives > 1
    title = "Best architectures" if several else "Best architecture"
    winners = sorted(log.winners, key=lambda winner: winner[1][0] * -float(goal.signs[0]))
    if not winners:
        return Section(title, _none_yet(evidence))
    names = [objective.metric for objective in goal.objectives]
    rows = [[str(arch), *map(number, values)] for arch, values in winners[:MOST_LISTED]]
    table = Table("What was found", ["architecture", *names], rows, ARCHS)
    if several:
        verdict = f"{len(winners)} architectures are on the Pareto front of {joined(names)}."
    else:
        n = len(log.select(State.TOLD, fidelity=goal.target))
        verdict = f"The best {names[0]} of {n} told is {number(winners[0][1][0])}."
    more = []
    if len(winners) > MOST_LISTED:
        more.append(f"The first {MOST_LISTED} of {len(winners)} are listed.")
    drawn = [arch for arch, _ in winners[:MOST_DRAWN]]
    if isinstance(log.space, MixedSpace):
        return Section(title, verdict, more, tables=[table, _decisions(drawn)])
    if len(drawn) < len(winners):
        more.append(f"The first {len(drawn)} are drawn.")
    more.append("Only what is on a path from the input to the output is drawn.")
    pictures = [
        Picture.of(draw_arch(arch), f"arch{n}", f"The graph of {arch}", is_wide=True)
        for n, arch in enumerate(drawn)
    ]
    return Section(title, verdict, more, pictures, [table])


def _none_yet(evidence: Evidence) -> str:
    goal = evidence.goal
    if evidence.told and evidence.at == goal.target:
        kept = ["no architecture told so far keeps all bounds", *map(str, goal.bounds)]
        return f"There is no best architecture: {kept[0]} ({joined(kept[1:])})."
    where = f" at {goal.target}" if goal.fidelities else ""
    return f"There is no best architecture: nothing has been told{where} yet."


def _decisions(archs: list[Arch]) -> Table:
    """A row for each decision, a column for each architecture."""
    columns = [arch.values for arch in archs]
    rows = [[name, *(str(values[name]) for values in columns)] for name in archs[0].space.columns]
    heads = ["first", "second", "third"][: len(archs)] if len(archs) > 1 else ["choice"]
    return Table(
        "Its decisions" if len(archs) == 1 else "Decisions of the first ones",
        ["decision", *heads],
        rows,
    )


def trade_offs(evidence: Evidence) -> Section | None:
    """Objectives against each other, or the objective against bounded metrics; None with one outcome."""
    goal, log = evidence.goal, evidence.log
    if goal.is_single:
        return None
    m = goal.n_objectives
    title = "Pareto front" if m > 1 else "Bounds"
    if not evidence.told:
        return Section(title, "Nothing has been told yet.")
    pairs = list(combinations(range(m), 2)) or [(b, 0) for b, bound in evidence.bounds]
    pairs = [(x, y) for x, y in pairs if goal.outcomes[x].metric != goal.outcomes[y].metric]
    pictures = [
        Picture.of(
            plot_trade_off(log, x, y, evidence.at),
            f"tradeoff{x}-{y}",
            f"{goal.outcomes[y].metric} against {goal.outcomes[x].metric} of what was told",
        )
        for x, y in pairs
    ]
    _, gains = log.means(evidence.at)
    front, kept = len(goal.front(gains)), int(goal.feasible(gains).sum())
    verdict = f"{front} of {len(gains)} architectures are on the front. " if m > 1 else ""
    if goal.bounds:
        n_kept = f"{kept} of {len(gains)} architectures keep" if kept else "No architecture keeps"
        verdict += f"{n_kept} all bounds."
    rows = [
        [str(bound), f"{int((gains[:, b] >= 0).sum())} of {len(gains)}"]
        for b, bound in evidence.bounds
    ]
    tables = [Table("How often each bound is kept", ["bound", "kept by"], rows)] if rows else []
    return Section(title, verdict.strip(), pictures=pictures, tables=tables)
