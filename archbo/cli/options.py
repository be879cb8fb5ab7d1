"""Options as dataclasses, which commands share, and what their texts mean."""

import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import Field, dataclass, field, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperOption
from typer.models import OptionInfo

from archbo.errors import ArchboError, UsageError

if TYPE_CHECKING:
    from typer._click import Context

    from archbo.bo_loop import Strategy, Terminator

__all__ = [
    "CatalogCommand",
    "Results",
    "Seeds",
    "Stopping",
    "about",
    "check_output",
    "check_timeout",
    "command",
    "names_of",
    "numbers_of",
    "option",
]


T = TypeVar("T")


class CatalogCommand(TyperCommand):
    """A command whose help lists names of the catalog, which is loaded when the help is shown.

    ``{predictors}`` in the help of an option or argument stands for the names of the predictors, and so on.
    """

    def get_help(self, ctx: "Context") -> str:
        """The help, with names for the braces."""
        from archbo.catalog.tables import KINDS

        lists = {kind: ", ".join(registry) for kind, registry in KINDS}
        for parameter in self.params:
            if isinstance(parameter, TyperOption | TyperArgument) and parameter.help:
                parameter.help = parameter.help.format_map(lists)
        return super().get_help(ctx)


def option(
    default: T,
    help: str,
    *names: str,
    kind: Callable[..., Any] = typer.Option,
    **settings: Any,  # noqa: ANN401 - typer's own
) -> T:
    """A field of a dataclass of options: its default, its help, and names that are not the field's."""
    settings["help"] = help
    made: T = field(default=default, metadata={"option": kind(*names, **settings)})
    return made


def command(
    panels: Mapping[str, str] | None = None, **defaults: object
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function whose parameters are dataclasses of options: each of their fields is one.

    Args:
        panels: The heading under which help shows the options of a parameter.
        defaults: Of options that differ from what the fields say.
    """

    def shown(one: Field[Any], group: str) -> object:
        made = copy(one.metadata["option"])  # other commands have it elsewhere
        if isinstance(made, OptionInfo):
            made.rich_help_panel = (panels or {}).get(group)
        return made

    def flatten(function: Callable[..., None]) -> Callable[..., None]:
        groups = {name: p.annotation for name, p in signature(function).parameters.items()}
        parameters = [
            Parameter(
                one.name,
                Parameter.KEYWORD_ONLY,
                default=defaults.get(one.name, one.default),
                annotation=Annotated[one.type, shown(one, name)],
            )
            for name, kind in groups.items()
            for one in fields(kind)
        ]

        @wraps(function)
        def run(**given: object) -> None:
            made = {
                name: kind(**{one.name: given[one.name] for one in fields(kind)})
                for name, kind in groups.items()
            }
            function(**made)

        run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return flatten


@dataclass(frozen=True)
class Results:
    """The options that say where results go."""

    json_file: Path | None = option(None, "Write the results to this file.", "--json")
    plot: Path | None = option(None, "Draw the results to this file.", "--plot")

    @property
    def written(self) -> dict[str, Path | None]:
        """The files that are written, by option."""
        return {"--json": self.json_file, "--plot": self.plot}

    def check(self, read: Mapping[str, Path | str | None] | None = None) -> None:
        """Raise unless results can be written where they are wanted.

        Args:
            read: Files that are read, by their options; none of them is written over.

        Raises:
            UsageError: A folder is missing, a file cannot be written or is read or written twice, or the picture's
                format is unknown.
        """
        taken = {name: Path(file) for name, file in (read or {}).items() if file is not None}
        for name, file in self.written.items():
            if file is None:
                continue
            check_output(name, file)
            for other, used in taken.items():
                if file.resolve() == used.resolve():
                    raise UsageError(
                        f"{name} would write over {used}, the file of {other}; give another"
                    )
            taken[name] = file
        if self.plot is not None:
            from archbo.comparison import check_format

            check_format(self.plot)


def check_output(option: str, file: Path) -> None:
    """Raise unless a file can be written where an option wants it.

    Raises:
        UsageError: Its folder is missing, it is a folder, or writing is not permitted.
    """
    folder = file.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; make it first")
    if file.is_dir():
        raise UsageError(f"cannot write {file}: it is a folder; give {option} a file")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise UsageError(f"cannot write {file}: permission denied; give {option} another file")


@dataclass(frozen=True)
class Seeds:
    """The options that say how often something is done anew."""

    repeats: int = option(1, "The number of repeats, with seeds SEED, SEED + 1, ...")
    seed: int = option(0, "The first seed.")

    @property
    def all(self) -> range:
        """The seed of each repeat."""
        return range(self.seed, self.seed + self.repeats)

    def check(self) -> None:
        """Raise unless there are that many seeds.

        Raises:
            UsageError: There are not.
        """
        if self.repeats < 1:
            raise UsageError(f"--repeats must be at least 1; got {self.repeats}")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"--seed must be between 0 and 2^31 - 1; got {self.seed}")


@dataclass(frozen=True)
class Stopping:
    """The option that says when a search is over before its budget is used up."""

    stop_at_regret: float | None = option(
        None,
        "Stop when, with probability 0.95, no architecture is better than the best found by more than this, in the "
        "objective's unit.",
        metavar="X",
    )

    def terminator(self, strategy: "Strategy") -> "Terminator | None":
        """What stops a search by a strategy, if anything does.

        Raises:
            UsageError: There are several objectives, or the regret is no number above 0.
        """
        from archbo.bo_loop import Terminator

        if self.stop_at_regret is None:
            return None
        with about("--stop-at-regret"):
            return Terminator(strategy, self.stop_at_regret)


def check_timeout(seconds: float | None) -> None:
    """Raise unless ``--timeout`` is a positive number, or not given.

    Raises:
        UsageError: It is not.
    """
    if seconds is not None and not seconds > 0:
        raise UsageError(f"--timeout must be a positive number of seconds; got {seconds}")


@contextmanager
def about(option: str) -> Iterator[None]:
    """Errors name the option whose value they are about; the library knows arguments only."""
    try:
        yield
    except ArchboError as error:
        error.args = (f"{option}: {error}",)
        raise


def names_of(text: str, option: str, *, once: bool = True) -> list[str]:
    """The names that an option joins with commas.

    Raises:
        UsageError: One is empty, or is there twice where each is wanted once.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"{option} takes names joined with commas; got {text!r}")
    twice = {name for name in names if names.count(name) > 1}
    if once and twice:
        raise UsageError(f"{option} names {', '.join(sorted(twice))} twice; name each once")
    return names


def numbers_of(text: str | None, option: str, example: str) -> dict[str, float]:
    """The numbers that an option gives to names, such as ``a=1,b=2``; none where there is no text.

    Raises:
        UsageError: It is not that.
    """
    numbers: dict[str, float] = {}
    for part in next(csv.reader([text], skipinitialspace=True)) if text is not None else ():
        name, _, number = (piece.strip() for piece in part.rpartition("="))
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not name or name in numbers or not math.isfinite(value):
            raise UsageError(
                f"{option} takes each name once with a number, such as {example!r}; got {part!r} in {text!r}"
            )
        numbers[name] = value
    if text is not None and not numbers:
        raise UsageError(f"{option} takes names with numbers, such as {example!r}; got {text!r}")
    return numbers
