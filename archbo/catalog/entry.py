"""What a name of the catalog stands for, and where names are looked up."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, final

from archbo.errors import UsageError

__all__ = ["PARTS", "PROXIES", "Entry", "Registry"]

PROXIES, PARTS = frozenset({"proxies"}), frozenset({"parts"})
"""What entries need: proxies, or proxies by decision."""

FIRST_LINE = re.compile(r"(.+?)(?: \(([^()]*)\))?[.:]?")
"""The first line of a docstring: a summary, and what it comes from in brackets at its end."""

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Entry(Generic[T]):
    """A name and what it makes.

    Attributes:
        name: The name on the command line.
        make: Makes it; the arguments are those of its registry.
        summary: What it is, in one line; the first of the docstring of ``make`` unless given.
        paper: Where it comes from; what stands in brackets at the end of that line unless given.
        needs: What it takes besides: ``proxies``, ``parts`` (proxies by decision).
    """

    name: str
    make: Callable[..., T]
    summary: str = ""
    paper: str = ""
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.summary:
            return
        line = (inspect.getdoc(self.make) or self.name).splitlines()[0].replace("``", "`")
        summary, paper = FIRST_LINE.fullmatch(line).groups()  # type: ignore[union-attr]
        object.__setattr__(self, "summary", summary)
        object.__setattr__(self, "paper", self.paper or paper or "")

    def __call__(self, *arguments: Any, **options: Any) -> T:  # noqa: ANN401 - those of make
        """What it makes."""
        return self.make(*arguments, **options)


@final
class Registry(Mapping[str, Entry[T]]):
    """The entries of one kind: archbo's own, and those that installed packages declare as entry points.

    A package that declares, under the group ``archbo.predictors`` say, a name for a callable or for an ``Entry`` is
    found by that name. Its code is loaded when the name is asked for.

    Args:
        kind: What the entries are, as errors call it.
        group: The group of entry points.
        entries: archbo's own.
        remedy: What to do where a name is unknown.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        entries: Sequence[Entry[T]],
        *,
        remedy: str = "give one of these",
    ) -> None:
        self.kind, self.group, self.remedy = kind, group, remedy
        self._own = {entry.name: entry for entry in entries}

    @cached_property
    def _others(self) -> dict[str, EntryPoint]:
        """What other packages declare; archbo's own names are not theirs to take."""
        found = entry_points(group=self.group)
        return {point.name: point for point in found if point.name not in self._own}

    def __iter__(self) -> Iterator[str]:
        return iter((*self._own, *self._others))

    def __len__(self) -> int:
        return len(self._own) + len(self._others)

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._others

    def __getitem__(self, name: str) -> Entry[T]:
        """The entry of that name.

        Raises:
            UsageError: There is none, or the package that declares it cannot be loaded.
        """
        if name in self._own:
            return self._own[name]
        if name not in self._others:
            # A short name is close to none: ei is part of log_ei.
            parts = [known for known in self if name in re.split("[-_/]", known)]
            close = difflib.get_close_matches(name, self, n=1) or parts
            hint = f", did you mean {close[0]!r}?" if close else "."
            raise UsageError(
                f"unknown {self.kind} {name!r}{hint} There are {', '.join(self)}; {self.remedy}"
            )
        return self._loaded(self._others[name])

    def _loaded(self, point: EntryPoint) -> Entry[T]:
        try:
            made: Any = point.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"the {self.kind} {point.name!r} of {point.value} cannot be loaded: {error}"
            ) from error
        if not callable(made):
            raise UsageError(
                f"the {self.kind} {point.name!r} of {point.value} makes nothing: {made!r}"
            )
        undocumented = "" if inspect.getdoc(made) else point.value
        return made if isinstance(made, Entry) else Entry(point.name, made, undocumented)

    @property
    def own(self) -> tuple[Entry[T], ...]:
        """The entries of archbo itself, without those of other packages."""
        return tuple(self._own.values())

    def markdown(self) -> str:
        """The entries of archbo itself as a Markdown table."""
        rows = [f"| `{e.name}` | {e.summary} | {e.paper} |" for e in self.own]
        return "\n".join([f"| {self.kind} | | source |", "| --- | --- | --- |", *rows])
