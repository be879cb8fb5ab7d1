"""Searches that are kept: what a study is begun with, and the commands on one."""

import json
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from archbo.cli.options import about, command, names_of, numbers_of, option
from archbo.cli.terminal import out, print_lines, say, write_json
from archbo.errors import DataError, UsageError
from archbo.files import write_whole

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

    from archbo.bo_loop import Strategy
    from archbo.goals import Goal
    from archbo.log import Log
    from archbo.spaces import SearchSpace
    from archbo.studies import Study

__all__ = ["Beginning", "Begun", "ask", "export", "fail", "say_best", "status", "tell"]


@dataclass(frozen=True)
class Begun:
    """The argument that names a study."""

    study: str = option(
        "", "A file, or the URL of a database.", metavar="STUDY", kind=typer.Argument
    )

    @property
    def exists(self) -> bool:
        """Whether there is a study at that place."""
        return "://" in self.study or Path(self.study).is_file()

    def load(self, pruner: "BasePruner | None" = None) -> "Study":
        """The study as it was begun.

        Raises:
            DataError: There is none.
        """
        from archbo.studies import Study, read_header

        header = read_header(self.study)
        return Study(self.study, _strategy(header.settings, header.goal), pruner=pruner)

    def begin_or_load(self, beginning: "Beginning", pruner: "BasePruner | None" = None) -> "Study":
        """The study as it was begun, or a new one where a space is named.

        Raises:
            UsageError: No space is named for a new study, or options are that a study has its own of.
            DataError: The study that is there is another one.
        """
        if beginning.space is not None or not self.exists:
            return beginning.begin(self.study, pruner)
        kept = self.load(pruner)
        for one in fields(beginning):
            if getattr(beginning, one.name) != one.default:
                name = one.name.replace("_", "-")
                raise UsageError(f"--{name} has no use: {self.study} is there and has its own")
        return kept


@dataclass(frozen=True)
class Beginning:
    """The options that a study is begun with."""

    space: str | None = option(None, "The space: a TOML file, or one of {spaces}.")
    objective: str = option(
        "value",
        "The metric to maximise, or several joined with commas; a minus in front minimises.",
        metavar="METRIC[,-METRIC...]",
    )
    subject_to: list[str] | None = option(
        None, "A bound on a metric, <= or >=; may be repeated.", metavar="METRIC<=X"
    )
    fidelities: str | None = option(
        None,
        "Cheap evaluations and full ones with their costs, such as 'short=12,long=200'; the function's argument "
        "fidelity gets the name.",
        metavar="NAME=COST,...",
    )
    independent: str | None = option(
        None,
        "Metrics that are the same at each fidelity, joined with commas.",
        metavar="METRIC,...",
    )
    predictor: str | None = option(
        None, "The surrogate, or one for each objective and bound joined with commas: {predictors}."
    )
    encoding: str | None = option(None, "What it sees, joined with '+': {encodings}.")
    acquisition: str | None = option(None, "How architectures are picked: {acquisitions}.")
    strategy: str = option("bayesian", "What proposes: {strategies}.")
    seed: int = option(0, "The same seed gives the same search.")

    def begin(self, url: str, pruner: "BasePruner | None" = None) -> "Study":
        """A new study, or the one that is there, if it is of the same space and goal.

        Raises:
            UsageError: No space is named, or a name is unknown.
            DataError: The study that is there is another one.
        """
        from archbo.goals import Goal
        from archbo.studies import Study

        if self.space is None:
            raise UsageError(f"there is no study at {url}; begin one with --space NAME|FILE.toml")
        with about("--objective"):
            goal = Goal.parse(
                self.objective,
                subject_to=self.subject_to or (),
                fidelities=numbers_of(self.fidelities, "--fidelities", "short=12,long=200"),
                independent=names_of(self.independent, "--independent") if self.independent else (),
            )
        settings = self._settings()
        study = Study(url, _strategy(settings, goal), settings=settings, pruner=pruner)
        begun = study.header.settings
        for name, value in settings.items():
            if name in begun and begun[name] != value:
                raise DataError(
                    f"--{name}: the study at {url} was begun with {begun[name]}, not {value}"
                )
        return study

    def _settings(self) -> dict[str, Any]:
        from archbo import catalog
        from archbo.spaces import CategoricalSpace

        assert self.space is not None
        with about("--space"):
            space = catalog.space(self.space)
        kept: object = self.space
        if isinstance(space, CategoricalSpace):
            choices = dict(zip(space.columns, map(list, space.choices), strict=True))
            kept = {"name": space.name, "columns": choices}
        predictor = names_of(self.predictor, "--predictor", once=False) if self.predictor else None
        return {
            "space": kept,
            "strategy": self.strategy,
            "predictor": predictor,
            "encoding": self.encoding,
            "acquisition": self.acquisition,
            "seed": self.seed,
        }


def _space(kept: Any) -> "SearchSpace":  # noqa: ANN401 - JSON
    from archbo import catalog
    from archbo.spaces import CategoricalSpace

    if isinstance(kept, str):
        return catalog.space(kept)
    return CategoricalSpace(kept["name"], kept["columns"])


def _strategy(settings: Any, goal: "Goal") -> "Strategy":  # noqa: ANN401 - JSON
    """What a study's settings say proposes.

    Raises:
        DataError: The study was not begun from the command line, so that they say nothing.
    """
    from archbo import catalog

    if "space" not in settings:
        raise DataError(
            "the study was begun in Python, which has its strategy; go on with it there"
        )
    space, seed = _space(settings["space"]), settings["seed"]
    names = ("predictor", "encoding", "acquisition")
    if settings["strategy"] != "bayesian":
        given = [name for name in names if settings[name]]
        if given:
            raise UsageError(f"--{given[0]} belongs to the strategy bayesian; leave it out")
        return catalog.strategy(settings["strategy"], space, goal, seed=seed)
    return catalog.bayesian(
        space,
        goal,
        settings["predictor"],
        settings["acquisition"],
        encoding_names=settings["encoding"],
        seed=seed,
    )


@dataclass(frozen=True)
class _Asked:
    number: int = option(1, "How many architectures to ask for.", "-n", "--number")
    as_json: bool = option(False, "Print JSON.", "--json")


@command()
def ask(study: Begun, beginning: Beginning, asked: _Asked) -> None:
    """Ask a study for the next architectures to evaluate; a new one is begun with --space."""
    kept = study.begin_or_load(beginning)
    trials = kept.ask_trials(asked.number)
    if asked.as_json:
        rows = [
            {"arch": str(trial.arch), "fidelity": trial.fidelity, "values": trial.arch.values}
            for trial in trials
        ]
        out.print(json.dumps(rows, indent=1, default=str), markup=False, soft_wrap=True)
        return
    for trial in trials:
        say(str(trial.arch) if trial.fidelity is None else f"{trial.arch}\t{trial.fidelity}")


@dataclass(frozen=True)
class _One:
    arch: str = option("", "The architecture.", metavar="ARCH", kind=typer.Argument)
    fidelity: str | None = option(None, "What it was evaluated at; the target unless given.")


@dataclass(frozen=True)
class _Values:
    values: list[str] = field(
        default_factory=list,
        metadata={"option": typer.Argument(metavar="NAME=VALUE...", help="Its metrics.")},
    )
    cost: float | None = option(None, "What the evaluation cost.")


@command()
def tell(study: Begun, one: _One, told: _Values) -> None:
    """Tell a study the metrics of an architecture."""
    metrics = numbers_of(",".join(told.values), "tell", "accuracy=0.93")
    kept = study.load()
    kept.tell(one.arch, metrics, fidelity=one.fidelity, cost=told.cost)
    say_best(kept.log)


@dataclass(frozen=True)
class _Reason:
    reason: str = option("", "Why it gave no value.")


@command()
def fail(study: Begun, one: _One, why: _Reason) -> None:
    """Tell a study that an architecture gave no value; it is not asked for again."""
    study.load().fail(one.arch, why.reason, fidelity=one.fidelity)


@command()
def status(study: Begun) -> None:
    """Tell where a study stands."""
    from archbo.log import State

    log = study.load().log
    counts = {state: len(log.select(state)) for state in State}
    lines = {"goal": str(log.goal), "space": f"{log.space.name}, {log.space.size:,} rows"}
    lines |= {str(state): str(count) for state, count in counts.items() if count}
    lines["spent"] = f"{log.spent:g}"
    print_lines(lines)
    reasons = [trial.reason for trial in log.select(State.FAILED) if trial.reason]
    for reason in dict.fromkeys(reasons):
        say(f"  failed {reasons.count(reason)} times: {reason}")
    say_best(log)


def say_best(log: "Log", most: int = 10) -> None:
    """The winners, with their objectives."""
    names = ", ".join(objective.metric for objective in log.goal.objectives)
    for arch, values in log.winners[:most]:
        say(f"best {names}: {', '.join(f'{value:.6g}' for value in values)}  {arch}")
    if len(log.winners) > most:
        say(f"and {len(log.winners) - most} more on the front")


@dataclass(frozen=True)
class _Files:
    csv: Path | None = option(None, "Write a CSV file.", "--csv")
    parquet: Path | None = option(None, "Write a Parquet file.", "--parquet")
    json_file: Path | None = option(None, "Write a JSON file.", "--json")

    @cached_property
    def given(self) -> dict[str, Path]:
        """The files by option."""
        files = {"--csv": self.csv, "--parquet": self.parquet, "--json": self.json_file}
        return {name: file for name, file in files.items() if file is not None}


@command()
def export(study: Begun, files: _Files) -> None:
    """Write the trials of a study to a table."""
    if not files.given:
        raise UsageError("name a file with --csv, --parquet or --json")
    frame = study.load().log.frame()
    if files.csv is not None:
        write_whole(files.csv, lambda path: frame.to_csv(path, index=False))
    if files.parquet is not None:
        write_whole(files.parquet, lambda path: frame.to_parquet(path, index=False))
    if files.json_file is not None:
        write_json(files.json_file, json.loads(frame.to_json(orient="records")))
    say(f"{len(frame)} trials: {', '.join(map(str, files.given.values()))}")
