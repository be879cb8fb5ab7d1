"""Searches of any goal: run, written, drawn and shown."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich.progress import Progress, TaskID

from archbo.cli.rendering import show_searches
from archbo.cli.request import Request
from archbo.cli.terminal import deliver, progress_bar, remark, write_json

if TYPE_CHECKING:
    from archbo.benchmarks import Tabular
    from archbo.bo_loop import Terminator
    from archbo.comparison import Run
    from archbo.log import Log

__all__ = ["answer"]


def answer(request: Request) -> None:
    """Search as requested, then write, draw and show what was found.

    What is finished is written even where the search is interrupted.

    Raises:
        UsageError: Results cannot be written, drawn or shown; the others are.
    """
    from archbo.comparison import plot_search

    tabular = request.tabular
    _warn_of_no_share(tabular)
    runs: dict[str, list[Run]] = {}
    try:
        _search(request, runs)
    except BaseException:
        _rescue(request, runs)
        raise
    deliver(
        request.results,
        lambda: content(request, runs),
        lambda: plot_search(runs, tabular.benchmark.name),
        lambda: show_searches(request, runs),
    )


def _warn_of_no_share(tabular: "Tabular") -> None:
    goal = tabular.goal
    if goal.n_objectives == 1 or tabular.best_hypervolume > 0:
        return
    values = (tabular.reference * goal.signs).tolist()
    place = ", ".join(
        f"{objective.metric} {value:g}"
        for objective, value in zip(goal.objectives, values, strict=True)
    )
    remark(
        f"warning: no architecture of {tabular.benchmark.name} that keeps all bounds is better than {place} in each "
        "objective, so that there is no hypervolume to have a share of; hypervolumes are shown, and --reference sets "
        "where they count from"
    )


def _search(request: Request, runs: "dict[str, list[Run]]") -> None:
    """Run each method with each seed; each run is in ``runs`` as soon as it has ended, or been interrupted."""
    from archbo.comparison import SearchInterrupted, run_search

    effort = request.effort
    with progress_bar() as progress:
        for method in request.methods:
            goal = method.tabular.goal
            total = round(effort.queries * goal.cost_of(goal.target))
            task = progress.add_task(method.name, total=total * effort.repeats, note="")
            done = runs.setdefault(method.name, [])
            for repeat, seed in enumerate(effort.all):
                before = repeat * total
                try:
                    search, n_past = request.begun(method, seed)
                    stop = method.stopping.terminator(search.strategy)
                    run = run_search(
                        method.name,
                        search,
                        method.tabular,
                        effort.queries,
                        q=effort.batch,
                        report=effort.report,
                        stop=stop,
                        n_past=n_past,
                        callback=_shown(progress, task, before, n_past, stop),
                    )
                except SearchInterrupted as interrupt:
                    if interrupt.run.queries:
                        done.append(interrupt.run.at_target(request.tabular))
                    raise
                done.append(run.at_target(request.tabular))
                progress.update(task, completed=before + total)


def _shown(
    progress: Progress, task: TaskID, before: int, n_past: int, stop: "Terminator | None"
) -> "Callable[[Log], None]":
    """A callback that shows how far one search of several has come, beside what was known before."""

    def show(log: "Log") -> None:
        new = log.since(n_past)
        spent = new.spent if log.goal.fidelities else new.n_ended
        best = log.winners[:1] if log.goal.n_objectives == 1 else []
        parts = [f"best {best[0][1][0]:.6g}" if best else "", stop.text(log) if stop else ""]
        note = ", ".join(filter(None, parts))
        progress.update(task, completed=before + round(spent), note=note)

    return show


def _rescue(request: Request, runs: "Mapping[str, list[Run]]") -> None:
    """Write what there is of searches that did not come to their end."""
    file = request.results.json_file
    there = [run for repeats in runs.values() for run in repeats]
    if file is None or not there:
        return
    write_json(file, content(request, runs))
    queries = sum(len(run.queries) for run in there)
    remark(f"stopped; {file} holds what was finished: {queries} queries in {len(there)} searches")


def content(request: Request, runs: "Mapping[str, list[Run]]") -> dict[str, Any]:
    """What ``--json`` tells of searches; what a goal has none of is left out."""
    tabular = request.tabular
    goal = tabular.goal
    told: dict[str, Any] = {"benchmark": tabular.benchmark.name}
    if goal.n_objectives == 1:
        told |= {"objective": goal.objectives[0].metric, "report": request.effort.report}
    if goal.fidelities:
        told["fidelities"] = dict(goal.fidelities)
    if not goal.is_single:
        told["objectives"] = [
            {"column": objective.metric, "minimize": objective.minimize}
            for objective in goal.objectives
        ]
        told["constraints"] = [
            {
                "column": bound.metric,
                "bound": bound.limit,
                "kind": "at least" if bound.at_least else "at most",
            }
            for bound in goal.bounds
        ]
        told["reference"] = (tabular.reference * goal.signs).tolist()
        told["true_hypervolume"] = tabular.best_hypervolume
    told["runs"] = [run.to_dict() for repeats in runs.values() for run in repeats]
    return told
