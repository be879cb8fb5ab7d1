"""The page."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from archbo.bo_loop import AskTell
from archbo.comparison.reports.blocks import Section, breakable, on_page
from archbo.comparison.reports.evidence import Evidence
from archbo.comparison.reports.found import best, trade_offs
from archbo.comparison.reports.history import failures, time_spent
from archbo.comparison.reports.progress import progress
from archbo.comparison.reports.surrogate import importance, prediction, proposals
from archbo.errors import NumericalWarning
from archbo.files import write_whole
from archbo.log import State

__all__ = ["write_report"]

PARTS: tuple[Callable[[Evidence], Section | None], ...] = (
    best,
    progress,
    prediction,
    proposals,
    trade_offs,
    importance,
    failures,
    time_spent,
)
"""The sections in their order."""


def write_report(
    search: AskTell,
    path: str | Path,
    *,
    folder: str | Path | None = None,
    callback: Callable[[int, int], None] | None = None,
) -> dict[str, str]:
    """Write one HTML page on a search: what it has found, whether its surrogate predicts, and what comes next.

    The page holds all it needs, pictures too, and asks no network for anything. The search is only read: nothing is
    asked for. Surrogates are fitted again, about a dozen times.

    Args:
        search: A ``Study``, or an ``Optimizer``.
        path: The file.
        folder: Where trials have their folders (``trial-00003``), if anywhere; failures lead there.
        callback: Called with the number of sections written and of all, after each.

    Returns:
        What each section says in a sentence, by its title.

    Raises:
        UsageError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> from archbo import CategoricalSpace, Optimizer, RandomSearch
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> optimizer = Optimizer(RandomSearch(space, seed=0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_report(optimizer, f"{folder}/report.html")["Failures"]
        'No trial has ended yet.'
    """
    near = Path(path).absolute().parent
    evidence = Evidence(search, search.log, Path(folder) if folder is not None else None, near)
    sections: list[Section] = []
    said: list[str] = []
    with on_page(), _heard(said):
        for number, part in enumerate(PARTS, 1):
            section = part(evidence)
            sections += [section] if section is not None else []
            if callback is not None:
                callback(number, len(PARTS))
    text = _page(evidence, sections, said)
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))
    return {section.title: section.verdict for section in sections}


def _page(evidence: Evidence, sections: list[Section], said: list[str]) -> str:
    log = evidence.log
    counts = {str(state): len(log.select(state)) for state in State}
    facts = {
        "goal": str(log.goal),
        "space": f"{log.space.name}, {log.space.extent}",
        "strategy": type(evidence.search.strategy).__name__,
        "trials": ", ".join(f"{n} {state}" for state, n in counts.items() if n) or "none yet",
        "written": f"{datetime.now():%Y-%m-%d %H:%M}",
    }
    environment = Environment(
        loader=PackageLoader("archbo.comparison.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    page = environment.get_template("page.html.jinja")
    title = f"{log.goal} in {log.space.name}"
    return page.render(title=title, facts=facts, sections=sections, said=said)


@contextmanager
def _heard(said: list[str]) -> Iterator[None]:
    """Numerical warnings go on the page, each text once; others go where they went."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *where: object) -> None:
            if not issubclass(category, NumericalWarning):
                show(message, category, *where)  # type: ignore[arg-type]
            elif str(message) not in said:
                said.append(str(message))

        warnings.simplefilter("always", NumericalWarning)
        warnings.showwarning = note  # type: ignore[assignment]
        yield
