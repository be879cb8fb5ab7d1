"""The documents hold: their examples run, their commands parse, their links lead somewhere, their tables are new."""

import math
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import pytest
from typer import TyperException
from typer.core import TyperGroup
from typer.main import get_command

import archbo
from archbo.catalog.__main__ import main
from archbo.catalog.tables import DOCUMENTS, full, renew
from archbo.cli import app
from archbo.errors import DataError, UsageError
from archbo.spaces import kind_of, read_space
from archbo.spaces.files import KINDS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = sorted((ROOT / "archbo").rglob("*.py"))
COMMANDS = re.compile(
    r"archbo (?:benchmarks|data|space|search|robot|compare|proxies|worker|ask|tell|fail|status|export|report)\b[^`]*"
)


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


def parse(words):
    """The parameters of a command line, which is not run."""
    command = get_command(app)
    while isinstance(command, TyperGroup):
        name, *words = words
        command = command.commands[name]
    return command.make_context(name, words).params


@pytest.mark.parametrize(
    "page",
    # Jobs of submitit's are processes that import everything anew.
    [pytest.param(page, marks=[pytest.mark.slow] * (page.stem == "slurm")) for page in PAGES],
    ids=lambda page: page.stem,
)
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
    assert parse(shlex.split(line, comments=True)[1:])


def test_a_wrong_option_is_noticed():
    with pytest.raises(TyperException, match="--prediktor"):
        parse(["search", "nb201", "--prediktor", "gp"])


def test_the_space_files_are_read(tmp_path):
    paths = []
    for block in blocks(ROOT / "docs" / "spaces.md", "toml"):
        paths.append(tmp_path / f"{tomllib.loads(block)['name']}.toml")  # as others refer to it
        paths[-1].write_text(block)
    spaces = [read_space(path) for path in paths]
    assert {kind_of(space) for space in spaces} == set(KINDS)
    cells, graphs = 2**15 * 4**4, 3**12 * math.prod(node**2 for node in range(3, 13))
    assert [space.size for space in spaces] == [
        *(9, math.inf, 1_417_176, math.inf, 59_049),
        *(cells, graphs),
    ]


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


def test_every_how_to_is_linked_from_the_page_on_extending():
    text = (ROOT / "docs" / "extending.md").read_text()
    for page in (ROOT / "docs" / "how_to").glob("*.md"):
        assert f"how_to/{page.name}" in text


def test_the_map_of_papers_has_what_the_code_names():
    modules = {path.relative_to(ROOT / "archbo"): path.read_text() for path in SOURCES}
    page = (ROOT / "docs" / "papers.md").read_text()
    rows = re.findall(r"arxiv.org/abs/([\d.]+)\) .*\| (.*?) \|$", page, flags=re.MULTILINE)
    for paper, places in rows:
        for place in re.findall(r"`(.*?)`", places):
            assert paper in modules[Path(place)], place
    named = {
        paper
        for text in modules.values()
        for paper in re.findall(r"arXiv\s+(\d{4}\.\d{4,5})", text)
    }
    assert named <= {paper for paper, _ in rows}


def test_the_site_has_a_page_for_each_command_and_an_entry_for_each_public_name(tmp_path):
    pages = runpy.run_path(str(ROOT / "docs" / "pages.py"))
    pages["main"](tmp_path)
    navigation = (tmp_path / "SUMMARY.md").read_text()
    for name, command in pages["leaves"](get_command(app)):
        page = tmp_path / "commands" / f"{name.replace(' ', '_')}.md"
        assert page.name in navigation
        for parameter in command.params:
            assert all(
                f"`{option}`" in page.read_text() for option in parameter.opts if option[0] == "-"
            )
    reference = "".join(page.read_text() for page in (tmp_path / "reference").glob("*.md"))
    for name in archbo.__all__:
        assert re.search(rf"^::: \S+\.{name}$", reference, flags=re.MULTILINE), name
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{notebook.stem}.md" in navigation


def test_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 7000


def test_the_tables_are_printed_and_written(tmp_path, monkeypatch, capsys):
    main([])
    assert capsys.readouterr().out == full() + "\n"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"README\.md"):
        main(["--write"])
    (tmp_path / "docs").mkdir()
    for name in DOCUMENTS:
        (tmp_path / name).write_text("before\n<!-- catalog -->\n<!-- end -->\nafter\n")
    main(["--write"])
    for name, table in DOCUMENTS.items():
        assert (
            tmp_path / name
        ).read_text() == f"before\n<!-- catalog -->\n{table()}\n<!-- end -->\nafter\n"


def test_the_tables_take_no_other_argument():
    with pytest.raises(UsageError, match="--help"):
        main(["--help"])
