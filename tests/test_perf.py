"""``python -m perf`` and the page that it writes."""

import re
import sys

import pytest

from archbo.errors import UsageError
from perf.__main__ import MEASUREMENTS, main
from perf.processes import each
from perf.section import PAGE, Grid, Section, conditions, replace


def test_the_page_has_a_section_for_each_measurement():
    sections = re.findall(r"<!-- perf: (\S+) -->\n### .+?\n<!-- end -->", PAGE.read_text(), re.S)
    assert sorted(sections) == sorted(MEASUREMENTS)


def test_a_section_takes_the_place_of_the_one_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- perf: x -->\nold\n<!-- end -->\nb\n<!-- perf: y -->\n<!-- end -->\n")
    section = Section("Title", [Grid(["", "n"], [["row", "1"]], "Caption:")], ["Note."])
    replace(page, "x", section.markdown("python -m perf x", "Seed 0."))
    table = "Caption:\n\n|  | n |\n| --- | --- |\n| row | 1 |"
    new = f"### Title\n\n`python -m perf x`\n\n{table}\n\nNote.\n\n*Seed 0.*"
    assert page.read_text() == (
        f"a\n<!-- perf: x -->\n{new}\n<!-- end -->\nb\n<!-- perf: y -->\n<!-- end -->\n"
    )
    with pytest.raises(UsageError, match="no section"):
        replace(page, "z", "text")


def test_conditions_tell_seeds_and_versions():
    told = conditions(3, 2)
    assert told.startswith("Seeds 0 to 2, 2 processes")
    assert re.search(r"torch \d.*botorch \d.*\d{4}-\d\d-\d\d UTC", told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encodings", "--workers", "2"], "one process"),
        (["ask", "--only", "gp"], "as a whole"),
        (["bnn", "--size", "3"], "one size"),
        (["robot", "--only", "random*", "--write"], "whole section"),
        (["robot", "--only", "nobody"], "no row is called nobody"),
        (["proxies", "nowhere.parquet"], "no table at"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["perf", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_tasks_run_in_processes_and_keep_their_order():
    assert each(abs, [-1, 2, -3], workers=2) == [1, 2, 3]
