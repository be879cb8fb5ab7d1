"""Searches that are kept: what a study is begun with, and the commands on one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from archbo.cli.options import about, command, names_of, numbers_of, option
from archbo.cli.terminal import out, print_lines, say, write_json
from archbo.errors import DataError, UsageError
from archbo.files import write_whole

if TYPE_CHECKING:
    from archbo.bo_loop import Strategy
    from archbo.goals import Goal
    from archbo.log import Log
    from archbo.spaces import SearchSpace
    from archbo.studies import Header, Study

__all__ = [
    "Beginning",
    "Begun",
    "Filling",
    "Kept",
    "Past",
    "ask",
    "check_settings",
    "export",
    "fail",
    "is_table",
    "read_past",
    "say_best",
    "status",
    "tell",
]


@dataclass(frozen=True)
class Begun:
    """The argument that names a study."""

    study: str = option(
        "", "A file, or the URL of a database.", metavar="STUDY", kind=typer.Argument
    )

    name: str | None = option(None, "Which study, where there are several.", metavar="NAME")

    @property
    def exists(self) -> bool:
        """Whether there is a study at that place."""
        return "://" in self.study or Path(self.study).is_file()

    @cached_property
    def named(self) -> str:
        """The name of the study: the one given, the only one there is, or the usual one.

        Raises:
            DataError: There is no study.
            UsageError: There are several others.
        """
        from archbo.studies import NAME, study_names

        if self.name is not None:
            return self.name
        names = study_names(self.study)
        if len(names) > 1 and NAME not in names:
            raise UsageError(
                f"{self.study} holds {len(names)} studies, {', '.join(names)}; say which with --name NAME"
            )
        return names[0] if len(names) == 1 else NAME

    @cached_property
    def header(self) -> "Header":
        """What the study was begun with.

        Raises:
            DataError: There is no study.
        """
        from archbo.studies import read_header

        return read_header(self.study, name=self.named)

    def load(self) -> "Study":
        """The study as it was begun.

        Raises:
            DataError: There is none, or it was not begun by ``archbo search FUNCTION`` or ``archbo ask``.
        """
        from archbo.studies import Study

        return Study(self.study, _strategy(self.header), name=self.named)

    @property
    def space(self) -> "SearchSpace":
        """The space that the study is in."""
        return _space(self.header)

    def log(self) -> "Log":
        """The log of any study of archbo's, to be read.

        Raises:
            DataError: There is none.
        """
        from archbo.bo_loop import RandomSearch
        from archbo.studies import Study

        reader = RandomSearch(self.space, self.header.goal)
        return Study(self.study, reader, name=self.named).log

    def begin_or_load(self, beginning: "Beginning") -> "Study":
        """The study as it was begun, or a new one where a space is named.

        Raises:
            UsageError: No space is named for a new study, or options are that a study has its own of.
            DataError: The study that is there is another one.
        """
        if beginning.space is not None or not self.exists:
            return beginning.begin(self)
        kept = self.load()
        for one in fields(beginning):
            if getattr(beginning, one.name) != one.default:
                name = one.name.replace("_", "-")
                raise UsageError(f"--{name} has no use: {self.study} is there and has its own")
        return kept


@dataclass(frozen=True)
class Filling:
    """The option that completes past trainings of another space."""

    fill: list[str] | None = option(
        None,
        "The choice that past trainings had in a column which they lack; may be repeated.",
        metavar="COLUMN=CHOICE",
    )


@dataclass(frozen=True)
class Past(Filling):
    """The options that name past trainings."""

    start_from: str | None = option(
        None,
        "Past trainings that a new search begins with: a CSV or Parquet file, or another study. They count as told, "
        "not as queries; rows may repeat, and columns may be those of another space.",
        metavar="FILE|URL",
    )

    @property
    def files(self) -> dict[str, Path | str | None]:
        """The files that are read, by option."""
        return {"--start-from": None if "://" in (self.start_from or "") else self.start_from}

    def log(self, space: "SearchSpace", goal: "Goal") -> "Log | None":
        """The past trainings in a space, if any are named.

        Raises:
            DataError: They cannot be read, or do not fit the space and the goal.
            UsageError: ``--fill`` is given alone, or does not fit the space.
        """
        if self.start_from is None:
            if self.fill:
                raise UsageError("--fill completes past trainings; name them with --start-from")
            return None
        with about("--start-from"):
            return read_past(self.start_from, self.fill or (), space, goal)


def read_past(source: str, fill: Sequence[str], space: "SearchSpace", goal: "Goal") -> "Log":
    """Past trainings from a table or a study.

    Raises:
        DataError: There is no such file or study, or it does not fit the space and the goal.
        UsageError: What is to be filled in does not fit the space.
    """
    from archbo.benchmarks import read_frame
    from archbo.log import Log
    from archbo.spaces.frames import text_columns

    filled = dict(map(_filled, fill))
    if is_table(source):
        frame = read_frame(source, text_columns(space))
    else:
        frame = Begun(source).log().frame()
    return Log.from_past(frame, space, goal, fill=filled)


def is_table(source: str) -> bool:
    """Whether past trainings are a table; otherwise they are a study."""
    from archbo import benchmarks

    return "://" not in source and benchmarks.is_table(source)


def _filled(text: str) -> tuple[str, str]:
    column, separator, choice = (part.strip() for part in text.partition("="))
    if not (column and separator and choice):
        raise UsageError(f"--fill takes COLUMN=CHOICE, such as depth=4; got {text!r}")
    return column, choice


@dataclass(frozen=True)
class Kept(Past):
    """The options of a search that is kept."""

    study: str | None = option(
        None,
        "The file or URL of the study that keeps the search; it goes on where there is one.",
        metavar="FILE|URL",
    )


@dataclass(frozen=True)
class Beginning(Past):
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

    def begin(self, begun: Begun) -> "Study":
        """A new study, or the one that is there, if it is of the same space and goal.

        Raises:
            UsageError: No space is named, or a name is unknown.
            DataError: The study that is there is another one.
        """
        from archbo.goals import Goal
        from archbo.studies import NAME, Study

        url, name = begun.study, begun.name or NAME
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
        strategy = _strategy_of(settings, goal)
        past = None if _has_past(begun, name) else self.log(strategy.space, goal)
        study = Study(url, strategy, name=name, settings=settings, log=past)
        check_settings(study, settings)
        if past is not None:
            say(f"{url} begins with {past.n_told} past trainings and {past.n_failed} that failed")
        return study

    def _settings(self) -> dict[str, Any]:
        from archbo import catalog
        from archbo.spaces import file_content

        assert self.space is not None
        with about("--space"):
            space = catalog.space(self.space)
        # What a file says is kept, since a worker elsewhere has no such file.
        kept = self.space if self.space in catalog.SPACES else file_content(space)
        predictor = names_of(self.predictor, "--predictor", once=False) if self.predictor else None
        return {
            "space": kept,
            "strategy": self.strategy,
            "predictor": predictor,
            "encoding": self.encoding,
            "acquisition": self.acquisition,
            "seed": self.seed,
        }


def _has_past(begun: Begun, name: str) -> bool:
    """Whether there is a study that has the past trainings which it was begun with."""
    from archbo.studies import study_names

    if not begun.exists or name not in study_names(begun.study):
        return False
    header = replace(begun, name=name).header
    return header.n_past > 0 and header.n_missing == 0


def check_settings(study: "Study", settings: Mapping[str, Any]) -> None:
    """Raise unless a study was begun with these settings, which are named after options.

    Raises:
        DataError: It was begun with others.
    """
    begun = study.header.settings
    for name, value in settings.items():
        if name in begun and begun[name] != value:
            raise DataError(
                f"--{name.replace('_', '-')}: the study {study.name!r} at {study.url} was begun with {begun[name]}, "
                f"not {value}; repeat that, or take another file"
            )


def _space_kept(kept: Any) -> "SearchSpace":  # noqa: ANN401 - JSON
    from archbo import catalog
    from archbo.spaces import space_of

    if isinstance(kept, str):
        return catalog.space(kept)
    return space_of({"kind": "categorical"} | kept)  # once the only kind, which was not kept


def _space(header: "Header") -> "SearchSpace":
    """The space of a study: the one it was begun with, or what its content says.

    Raises:
        DataError: The space is neither such as a file describes, nor has decisions alone, nor is in the catalog.
    """
    from archbo import catalog
    from archbo.spaces import CategoricalSpace, MixedSpace, space_of

    content = header.space
    if "space" in header.settings:
        return _space_kept(header.settings["space"])
    if header.file is not None:
        return space_of(header.file)
    if content["kind"] in (CategoricalSpace.__name__, MixedSpace.__name__):
        cells = zip(content["columns"], content["choices"], content["types"], strict=True)
        columns: dict[str, Any] = {
            column: {"values": list(map(_choice, texts, types))} if texts else {}
            for column, texts, types in cells
        }
        for column, scale in content.get("scales", {}).items():
            columns[column] |= scale
        for column, conditions in content.get("active_if", {}).items():
            columns[column]["active_if"] = conditions
        known = {space.__name__: space for space in (CategoricalSpace, MixedSpace)}
        return known[content["kind"]](content["name"], columns)
    if content["name"] not in catalog.SPACES:
        raise DataError(
            f"the space {content['name']!r} is in neither a file nor the catalog; read the study in Python"
        )
    return catalog.space(content["name"])


def _choice(text: str, kind: str) -> object:
    """A choice of a space's content; what is no text, number or truth value is read as its text."""
    if kind == "number":
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    return text == "True" if kind == "bool" else text


def _strategy(header: "Header") -> "Strategy":
    """What a study's settings say proposes.

    Raises:
        DataError: They say nothing: the study was begun in Python, or is the search of a table.
    """
    if "strategy" in header.settings:
        return _strategy_of(header.settings, header.goal)
    if "table" in header.settings:
        raise DataError(
            f"the study is a search of {header.settings['table']}; repeat the command that began it to go on"
        )
    raise DataError("the study was begun in Python, which has its strategy; go on with it there")


def _strategy_of(settings: Mapping[str, Any], goal: "Goal") -> "Strategy":
    from archbo import catalog

    space, seed = _space_kept(settings["space"]), settings["seed"]
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
    """Tell where a study stands, or which there are."""
    from archbo.log import State
    from archbo.studies import study_names

    names = study_names(study.study)
    if study.name is None and len(names) > 1:
        print_lines({name: _in_short(replace(study, name=name)) for name in names})
        say("--name NAME tells more of one")
        return
    log = study.log()
    counts = {state: len(log.select(state)) for state in State}
    lines = {"goal": str(log.goal), "space": f"{log.space.name}, {log.space.extent}"}
    lines |= {str(state): str(count) for state, count in counts.items() if count}
    if study.header.n_past:
        lines["past"] = f"{study.header.n_past} of these were known before"
    lines["spent"] = f"{log.spent:g}"
    print_lines(lines)
    reasons = [trial.reason for trial in log.select(State.FAILED) if trial.reason]
    for reason in dict.fromkeys(reasons):
        say(f"  {reasons.count(reason)} failed: {reason}")
    say_best(log)


def _in_short(study: Begun) -> str:
    try:
        log = study.log()
    except DataError as error:  # somebody else's, which others may read
        return str(error)
    best = f"best {log.winners[0][1][0]:.6g}" if log.goal.n_objectives == 1 and log.winners else ""
    several = f"{len(log.winners)} on the front" if log.goal.n_objectives > 1 else ""
    return f"{log.goal}: {log.n_told} told, {log.n_failed} failed  {best}{several}".rstrip()


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
    frame = study.log().frame()
    if files.csv is not None:
        write_whole(files.csv, lambda path: frame.to_csv(path, index=False))
    if files.parquet is not None:
        write_whole(files.parquet, lambda path: frame.to_parquet(path, index=False))
    if files.json_file is not None:
        write_json(files.json_file, json.loads(frame.to_json(orient="records")))
    say(f"{len(frame)} trials: {', '.join(map(str, files.given.values()))}")
