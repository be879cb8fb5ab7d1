"""Write the pages of the documentation's site into a folder: those of the repository, and those made from its code.

``make docs`` runs ``python docs/pages.py build/docs`` and then ``zensical build --strict``, which reads ``zensical.toml``.
The folder is laid out as the repository is, so that links lead to the same places on the site and in the repository.
"""

import re
import shutil
import sys
from html import escape
from importlib import import_module
from inspect import getdoc, isclass, isfunction
from pathlib import Path
from pkgutil import iter_modules

import nbformat
from nbconvert import MarkdownExporter
from typer import Context
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

import archbo
from archbo.catalog.tables import KINDS
from archbo.cli import app

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "examples")
"""What is taken over as it is."""

NAVIGATION = """
- index.md
- Tutorials
    - notebooks/*.md
- Guides
    - docs/searching.md
    - docs/studies.md
    - docs/predictors.md
    - docs/encodings.md
    - docs/spaces.md
    - docs/proxies.md
    - docs/*.md
- How to
    - docs/extending.md
    - docs/how_to/*.md
- Concepts
    - docs/concepts.md
    - docs/design.md
- Commands
    - commands/index.md
    - docs/command_line.md
    - commands/*.md
- Reference
    - docs/catalog.md
    - reference/index.md
    - reference/*.md
- Results
    - docs/performance.md
    - docs/papers.md
- Project
    - CONTRIBUTING.md
    - CHANGELOG.md
"""
"""The order of the pages; a star stands for all that are named nowhere else."""


def main(target: Path) -> None:
    """Write all pages anew."""
    shutil.rmtree(target, ignore_errors=True)
    for name in PAGES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, target / name)
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        write_tutorial(notebook, target / "notebooks")
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    write(target / "commands" / "index.md", commands_page(group))
    for name, command in leaves(group):
        write(target / "commands" / file_of(name), command_page(name, command))
    packages = [f"archbo.{module.name}" for module in iter_modules(archbo.__path__)]
    for package in packages:
        if text := reference_page(package):
            write(target / "reference" / f"{package.removeprefix('archbo.')}.md", text)
    write(target / "reference" / "index.md", public_page())
    for page in target.rglob("*.md"):
        # A notebook is a page here, and the README is the first of all.
        text = re.sub(r"(\]\([^)\s]*)\.ipynb", r"\1.md", page.read_text())
        page.write_text(re.sub(r"(\]\([^)\s]*)README\.md", r"\1index.md", text))
    (target / "README.md").rename(target / "index.md")
    write(target / "SUMMARY.md", navigation(target))


def navigation(folder: Path) -> str:
    """The list of all pages under their titles."""
    named = {Path(line.removeprefix("- ")) for line in map(str.strip, NAVIGATION.splitlines())}
    lines = []
    for line in NAVIGATION.splitlines():
        indent, _, pattern = line.partition("- ")
        if not pattern.endswith(".md"):
            lines.append(line)
            continue
        for page in sorted(folder.glob(pattern)):
            path = page.relative_to(folder)
            if "*" not in pattern or path not in named:
                title = re.search(r"^# (.*)", page.read_text(), flags=re.MULTILINE)
                lines.append(f"{indent}- [{title[1] if title else path.stem}]({path})")
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    """Write a page, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_tutorial(notebook: Path, folder: Path) -> None:
    """Write a notebook's text, code and outputs as a page, and its pictures beside it."""
    exporter = MarkdownExporter()
    resources = {"output_files_dir": f"{notebook.stem}_files"}
    text, resources = exporter.from_notebook_node(nbformat.read(notebook, as_version=4), resources)
    # The site's own style suits tables of data better than the one that pandas brings.
    text = re.sub(r"<style scoped>.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace('<table border="1" class="dataframe">', "<table>")
    write(folder / f"{notebook.stem}.md", text)
    for name, content in resources["outputs"].items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def file_of(command: str) -> str:
    """The name of a command's page."""
    return f"{command.replace(' ', '_')}.md"


def leaves(group: TyperGroup) -> list[tuple[str, TyperCommand]]:
    """All commands below a group, by their full names."""
    found: list[tuple[str, TyperCommand]] = []
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found += [(f"{name} {below}", leaf) for below, leaf in leaves(command)]
        elif isinstance(command, TyperCommand):
            found.append((name, command))
    return found


def commands_page(group: TyperGroup) -> str:
    """What commands there are."""
    rows = [
        f"| [`archbo {name}`]({file_of(name)}) | {(command.help or name).splitlines()[0]} |"
        for name, command in leaves(group)
    ]
    return "\n".join(["# Commands", "", "| command | what it does |", "| --- | --- |", *rows, ""])


def command_page(name: str, command: TyperCommand) -> str:
    """A command's help: its usage, and a table for each group of its options."""
    context = Context(command)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f"# archbo {name}",
        "",
        command.help or "",
        "",
        "```text",
        f"archbo {name} {usage}",
        "```",
    ]
    panels: dict[str, list[str]] = {}
    for parameter in command.params:
        assert isinstance(parameter, TyperArgument | TyperOption)
        if isinstance(parameter, TyperArgument):
            title, spelling = "Arguments", f"`{parameter.display_name_raw}`"
        else:
            title = parameter.rich_help_panel or "Options"
            spelling = " ".join(
                f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts]
            )
            if not parameter.is_flag:
                spelling += f" `{parameter.display_type_rich(context)}`"
        panels.setdefault(title, []).append(f"| {spelling} | {described(parameter)} |")
    for title, rows in panels.items():
        lines += ["", f"## {title}", "", "| name | meaning |", "| --- | --- |", *rows]
    return "\n".join([*lines, ""])


def described(parameter: TyperArgument | TyperOption) -> str:
    """A parameter's help and default, in a cell of a table."""
    lists = {kind: ", ".join(f"`{name}`" for name in registry) for kind, registry in KINDS}
    plain = escape(" ".join((parameter.help or "").split()), quote=False)
    text = re.sub(r"([|*_])", r"\\\1", plain).format_map(lists)
    if isinstance(parameter.default, (int, float, str)) and parameter.default not in ("", False):
        text += f" Default: `{parameter.default}`."
    return text


def home(package: str, name: str) -> str:
    """The full name of what a package offers: that of a class or a function where it is defined."""
    found = getattr(import_module(package), name)
    defined = isclass(found) or isfunction(found)
    return f"{found.__module__ if defined else package}.{name}"


def public_page() -> str:
    """The names that can be imported from archbo itself."""
    lines = ["# Public names", "", "What can be imported from `archbo` itself.", ""]
    lines += ["| name | what it is |", "| --- | --- |"]
    for name in dir(archbo):
        summary = (getdoc(getattr(archbo, name)) or "").splitlines()[0]
        lines.append(f"| [`{name}`][{home('archbo', name)}] | {summary} |")
    return "\n".join([*lines, ""])


def reference_page(package: str) -> str:
    """What a package offers; nothing where it offers nothing."""
    module = import_module(package)
    names = getattr(module, "__all__", ())
    entries = [f"::: {home(package, name)}\n" for name in names]
    return "\n".join([f"# {package}", "", module.__doc__ or "", "", *entries]) if names else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
