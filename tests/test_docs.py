"""The documents hold: their examples run, their commands parse, their links lead somewhere, their tables are new."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from archbo.catalog.tables import DOCUMENTS, renew
from archbo.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = re.compile(r"archbo (?:benchmarks|search|robot|compare|proxies)\b[^`]*")


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def commands(page):
    """The lines of console blocks and the code spans that call archbo."""
    text = page.read_text()
    console = [
        line.removeprefix("$ ")
        for block in blocks(page, "console")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("$ archbo ")
    ]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    spans = [span for span in re.findall(r"`([^`\n]+)`", prose) if COMMANDS.fullmatch(span)]
    return [line for line in [*console, *spans] if "..." not in line]


def parse(command, words):
    """Parse the words of a command line without running it."""
    context = command.make_context(command.name, words, resilient_parsing=False)
    if context.protected_args or context.args:
        name, inner, rest = command.resolve_command(
            context, [*context.protected_args, *context.args]
        )
        assert inner is not None, name
        parse(inner, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_examples_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": page.stem}
    for number, block in enumerate(blocks(page, "python")):
        exec(compile(block, f"{page.name}, block {number + 1}", "exec"), names)


@pytest.mark.parametrize(
    ("page", "line"),
    [(page, line) for page in PAGES for line in commands(page)],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_command_lines_parse(page, line):
    words = shlex.split(line, comments=True)
    parse(get_command(app), words[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables_are_up_to_date(name):
    text = (ROOT / name).read_text()
    assert renew(text, DOCUMENTS[name]()) == text, "run: python -m archbo.catalog --write"


def test_every_page_is_linked_from_the_readme():
    text = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in text


def test_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 7000
