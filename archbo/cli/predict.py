"""``archbo predict``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from archbo.cli.options import about, command, names_of, option
from archbo.cli.request import read_scores
from archbo.cli.studies import Begun, Filling, is_table, read_past
from archbo.cli.terminal import progress_bar, say, write_json
from archbo.errors import DataError, UsageError
from archbo.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from archbo.comparison import Ranking
    from archbo.goals import Goal
    from archbo.log import Log
    from archbo.predictors import Predictor
    from archbo.spaces import SearchSpace

__all__ = ["predict"]


@dataclass(frozen=True)
class _Learned(Filling):
    """The options that say what is learned from."""

    table: str = option(
        "",
        "Past trainings: a CSV or Parquet file, or a study. Rows may repeat, values may be missing.",
        metavar="TABLE|STUDY",
        kind=typer.Argument,
    )
    space: str | None = option(
        None, "The space: a TOML file, or one of {spaces}; that of the study unless given."
    )
    objective: str | None = option(
        None,
        "The column to predict, or several joined with commas; a minus in front where less is better. Those of the "
        "study unless given.",
        metavar="COLUMN[,-COLUMN...]",
    )

    def log(self) -> "Log":
        """The past trainings.

        Raises:
            ArchboError: No space or objective is named, or the trainings cannot be read.
        """
        from archbo import catalog
        from archbo.goals import Goal

        begun = None if is_table(self.table) else Begun(self.table)
        for name, value in (("space", self.space), ("objective", self.objective)):
            if begun is None and value is None:
                raise UsageError(f"{self.table} is a table, which has no {name}; give --{name}")
        goal = Goal() if begun is None else _without_bounds(begun.header.goal)
        if self.objective is not None:
            with about("--objective"):
                goal = Goal(Goal.parse(self.objective).objectives, fidelities=goal.fidelities)
        if self.space is not None:
            with about("--space"):
                space = catalog.space(self.space)
        else:
            assert begun is not None
            space = begun.space
        with about(self.table):
            return read_past(self.table, self.fill or (), space, goal)


def _without_bounds(goal: "Goal") -> "Goal":
    named = {objective.metric for objective in goal.objectives}
    return replace(goal, bounds=(), independent=goal.independent & named)


@dataclass(frozen=True)
class _Predicted:
    """The options that say what is predicted, and how."""

    these: Path | None = option(
        None,
        "A CSV or Parquet file of architectures to rank, in a column arch or arch_str or in the columns of the space; "
        "all that were not trained unless given.",
        "--for",
    )
    predictor: str = option(
        "gp", "The surrogate, or one for each objective joined with commas: {predictors}."
    )
    encoding: str | None = option(
        None, "What it sees, joined with '+'; its own default unless given: {encodings}."
    )
    proxies: str | None = option(
        None,
        "A table of scores that are known of every architecture to rank, such as latencies on other devices, or a file "
        "of NAS-Bench-Suite-Zero; proxy-gp and the encoding zero-cost see them.",
        metavar="FILE",
    )
    seed: int = option(0, "The same seed gives the same predictions.")

    def surrogates(self, log: "Log") -> "list[Predictor]":
        """A predictor for each objective.

        Raises:
            ArchboError: One is unknown, or none of them sees the scores that were given.
        """
        from archbo import catalog

        scores = read_scores(self.proxies, log.space) if self.proxies is not None else None
        with about("--predictor"):
            names = names_of(self.predictor, "--predictor", once=False)
            made = catalog.predictors(names, log.space, log.goal, self.encoding, scores)
        parts = self.encoding.split("+") if self.encoding else []
        entries = [*map(catalog.PREDICTORS.get, names), *map(catalog.ENCODINGS.get, parts)]
        if scores is not None and not any(entry is not None and entry.needs for entry in entries):
            raise UsageError(
                f"{self.predictor} does not see --proxies; take --predictor proxy-gp or --encoding zero-cost"
            )
        return made

    def rows(self, space: "SearchSpace") -> "Tensor | None":
        """The architectures of ``--for``.

        Raises:
            DataError: They cannot be read.
            UsageError: None are named, and the space is too large to list.
        """
        from archbo.benchmarks import read_frame
        from archbo.spaces.frames import arch_column_of, rows_of_frame, text_columns

        if self.these is None:
            if not space.is_enumerable:
                raise UsageError(
                    f"{space.name} has {space.extent}, too many to list; say with --for FILE which to rank"
                )
            return None
        with about("--for"):
            frame = read_frame(self.these, text_columns(space))
            if frame.empty:
                raise DataError(f"{self.these} holds no rows")
            column = arch_column_of(frame)
            return rows_of_frame(frame, space, arch_column=column, source=str(self.these))


@dataclass(frozen=True)
class _Written:
    """The options that say where predictions go."""

    top: int = option(10, "The number of architectures to show; files hold all.", metavar="N")
    json_file: Path | None = option(None, "Write the predictions to this file.", "--json")
    csv: Path | None = option(None, "Write them as a table.", "--csv")


@command()
def predict(learned: _Learned, predicted: _Predicted, written: _Written) -> None:
    """Learn from past trainings, and rank the architectures that were not trained."""
    import torch

    from archbo.comparison import rank_archs
    from archbo.comparison.held_out import n_parts

    if written.top < 1:
        raise UsageError(f"--top must be at least 1; got {written.top}")
    torch.set_num_threads(1)  # the matrices are small
    log = learned.log()
    rows = predicted.rows(log.space)
    surrogates = predicted.surrogates(log)
    n = len(log.means(log.goal.target)[0])
    with progress_bar() as progress:
        task = progress.add_task("fits", total=(1 + n_parts(n)) * len(surrogates), note="")
        ranking = rank_archs(
            log, surrogates, rows, seed=predicted.seed, callback=lambda: progress.advance(task)
        )
    if written.csv is not None:
        write_whole(written.csv, lambda path: ranking.frame().to_csv(path, index=False))
    if written.json_file is not None:
        write_json(written.json_file, _content(log, ranking))
    _show(log, ranking, written.top)


def _content(log: "Log", ranking: "Ranking") -> dict[str, Any]:
    metrics = [objective.metric for objective in ranking.goal.objectives]
    cells = zip(ranking.archs, ranking.mean.tolist(), ranking.std.tolist(), strict=True)
    return {
        "space": log.space.name,
        "objectives": metrics,
        "trained": {"told": log.n_told, "failed": log.n_failed},
        "held_out": [
            {
                "objective": metric,
                "architectures": len(part),
                "kendall": part.tau,
                "coverage": part.coverage,
                "verdict": verdict,
            }
            for metric, part, verdict in zip(
                metrics, ranking.held_out, ranking.verdicts, strict=True
            )
        ],
        "predictions": [
            {
                "arch": str(arch),
                "mean": dict(zip(metrics, mean, strict=True)),
                "std": dict(zip(metrics, std, strict=True)),
            }
            for arch, mean, std in cells
        ],
    }


def _show(log: "Log", ranking: "Ranking", top: int) -> None:
    failed = f", {log.n_failed} without a value" if log.n_failed else ""
    say(
        f"{log.space.name}: {len(ranking.archs):,} architectures ranked from {log.n_told} trainings{failed}"
    )
    for verdict in ranking.verdicts:
        say(verdict)
    metrics = [objective.metric for objective in ranking.goal.objectives]
    names = [name for metric in metrics for name in (metric, "std")]
    say(f"  {'  '.join(f'{name:<10}' for name in names)}  architecture")
    for arch, mean, std in list(zip(ranking.archs, ranking.mean, ranking.std, strict=True))[:top]:
        pairs = zip(mean.tolist(), std.tolist(), strict=True)
        numbers = "  ".join(f"{number:<10.6g}" for pair in pairs for number in pair)
        say(f"  {numbers}  {arch}")
