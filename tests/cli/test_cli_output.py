"""Results are there whatever fails: a terminal, a picture, a number, a user in a hurry."""

import json
import math
import warnings

import pytest
from cli_runs import TOY, as_shell

from archbo.bo_loop import RandomSearch
from archbo.cli.terminal import write_json
from archbo.comparison import sparkline

SHORT = (*TOY, "--queries", 4, "--baseline", "none", "--predictor", "gp")


def written(folder):
    return json.loads((folder / "r.json").read_text())["runs"]


def test_a_terminal_without_blocks_gets_ascii(folder):
    done = as_shell(*SHORT, "--json", "r.json", cwd=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "regret" in done.stdout
    assert len(written(folder)) == 1


def test_a_full_disk_behind_the_terminal_loses_nothing(folder):
    with open("/dev/full", "w") as full:
        done = as_shell(*SHORT, "--json", "r.json", "--plot", "r.png", cwd=folder, stdout=full)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "archbo: cannot show the results: No space left on device"
    )
    assert "Traceback" not in done.stderr
    assert len(written(folder)) == 1
    assert (folder / "r.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", ["search", "compare"])
def test_a_picture_that_fails_loses_nothing(archbo, folder, monkeypatch, command):
    def fail(*arguments, **options):
        raise ValueError("no such\ncolour")

    monkeypatch.setattr("archbo.comparison.plot_search", fail)
    monkeypatch.setattr("archbo.comparison.plot_comparison", fail)
    arguments = SHORT if command == "search" else ("compare", *TOY[1:], "--predictors", "gp")
    arguments += () if command == "search" else ("--train-sizes", "8", "--repeats", 1)
    code, printed, complaint = archbo(*arguments, "--json", "r.json", "--plot", "r.png")
    assert code == 2
    assert complaint.splitlines()[-1] == ("archbo: cannot draw r.png: ValueError: no such colour")
    assert "toy" in printed  # the summary
    assert "picture:" not in printed
    assert json.loads((folder / "r.json").read_text())["benchmark"] == "toy"


def test_a_summary_that_fails_loses_nothing(archbo, folder, monkeypatch):
    def fail(request, runs):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("archbo.cli.searches.show_searches", fail)
    code, _, complaint = archbo(*SHORT, "--json", "r.json", "--plot", "r.png")
    assert code == 2
    assert "cannot show the results: ZeroDivisionError: division by zero" in complaint
    assert len(written(folder)) == 1
    assert (folder / "r.png").stat().st_size > 1000


def test_no_number_breaks_the_json(folder):
    content = {"nll": math.nan, "runs": [{"value": -math.inf, "rank": 1}], "pair": (1.0, math.inf)}
    write_json(folder / "r.json", content)

    def refuse(name):
        raise AssertionError(name)

    read = json.loads((folder / "r.json").read_text(), parse_constant=refuse)
    assert read == {"nll": None, "runs": [{"value": None, "rank": 1}], "pair": [1.0, None]}


def test_a_comparison_with_a_huge_value_writes_its_json(archbo, folder, table):
    table.assign(accuracy=table["accuracy"].replace(9, 1e300)).to_csv("toy.csv", index=False)
    options = ("--train-sizes", "10", "--repeats", 1, "--predictors", "gp", "--json", "r.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archbo("compare", *TOY[1:], *options, "--plot", "r.png")
    (result,) = json.loads((folder / "r.json").read_text())["results"]
    assert result["predictor"] == "gp"


def stop_after(monkeypatch, n):
    """The user presses Ctrl-C while the architecture after so many is evaluated."""
    from archbo.benchmarks import Tabular

    left = [n]
    evaluate = Tabular.__call__

    def call(self, *arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return evaluate(self, *arguments)

    monkeypatch.setattr(Tabular, "__call__", call)


def test_an_interrupted_search_leaves_what_is_finished(archbo, folder, monkeypatch):
    whole, _, _ = archbo(*SHORT, "--repeats", 3, "--json", "whole.json", "--report", "latency")
    assert whole == 0
    stop_after(monkeypatch, 6)
    code, printed, complaint = archbo(
        *SHORT, "--repeats", 3, "--json", "r.json", "--report", "latency"
    )
    assert code == 130
    assert printed == ""
    assert complaint.splitlines()[-1] == (
        "stopped; r.json holds what was finished: 6 queries in 2 searches"
    )
    finished = written(folder)
    assert [(run["seed"], len(run["queries"])) for run in finished] == [(0, 4), (1, 2)]
    wanted = json.loads((folder / "whole.json").read_text())["runs"]
    assert finished[0]["queries"] == wanted[0]["queries"]
    assert finished[1]["queries"] == wanted[1]["queries"][:2]
    assert finished[1]["recommended"] is None


def test_an_interrupted_search_with_fidelities_leaves_what_is_finished(archbo, folder, monkeypatch):
    stop_after(monkeypatch, 9)
    command = ("search", "--table", "toy.csv", "--space", "toy.toml", "--queries", 4)
    options = ("--fidelities", "short=1,accuracy=10", "--json", "r.json")
    code, _, _ = archbo(*command, *options)
    assert code == 130
    (run,) = written(folder)
    assert len(run["queries"]) == 9
    assert {query["fidelity"] for query in run["queries"]} == {"short"}
    assert run["queries"][-1]["best"] is None


def test_without_a_file_an_interruption_is_quiet(archbo, folder, monkeypatch):
    stop_after(monkeypatch, 2)
    code, printed, complaint = archbo(*SHORT)
    assert (code, printed) == (130, "")
    assert "stopped" not in complaint


def test_an_error_amidst_leaves_what_is_finished(archbo, folder, monkeypatch):
    """The second repeat fails; the first is written."""
    propose = RandomSearch._propose

    def fail(self, log, q, generator):
        if self.seed == 1:
            raise MemoryError
        return propose(self, log, q, generator)

    monkeypatch.setattr(RandomSearch, "_propose", fail)
    options = ("--queries", 4, "--repeats", 2, "--predictor", "gp", "--json", "r.json")
    monkeypatch.setattr("sys.argv", ["archbo", *map(str, (*TOY, *options))])
    from archbo import cli

    with pytest.raises(MemoryError):
        cli.main()
    assert [(run["method"], run["seed"]) for run in written(folder)] == [
        ("gp", 0),
        ("gp", 1),
        ("random", 0),
    ]


def test_a_table_without_hypervolume_is_searched_and_warned_of(archbo, folder):
    options = ("--objective", "accuracy,-constant", "--queries", 4, "--plot", "r.svg")
    code, printed, complaint = archbo(*TOY, *options, "--json", "r.json")
    assert code == 0, complaint
    assert complaint.startswith("warning: no architecture of toy that keeps all bounds is better")
    assert complaint.count("warning:") == 1
    assert "accuracy 2, constant 1" in complaint
    assert "median hypervolume of accuracy, -constant (the table has none" in printed
    assert "front: accuracy, constant" in printed
    assert len(written(folder)) == 2
    assert "<!-- hypervolume -->" in (folder / "r.svg").read_text()


def test_a_bound_that_leaves_the_worst_is_searched(archbo, folder):
    options = ("--subject-to", "energy<=8", "--queries", 24, "--json", "r.json")
    code, printed, complaint = archbo(*TOY, *options)
    assert code == 0, complaint
    assert "warning" not in complaint
    assert "distance to the largest accuracy of the table, energy <= 8" in printed
    assert "rank      1 of 4" in printed


def test_nothing_within_the_bounds_is_said(archbo, folder):
    """One architecture keeps them; a search of one query does not find it."""
    options = ("--subject-to", "latency>=12.8", "--subject-to", "energy<=32", "--queries", 1)
    code, printed, complaint = archbo(*TOY, *options, "--baseline", "none", "--report", "latency")
    assert code == 0, complaint
    assert "best    none of what was evaluated in full keeps the bounds" in printed


def test_a_long_front_is_cut(archbo, folder, table):
    """Twelve architectures are on it: ten are named, the ends among them."""
    front = table.assign(a=range(24), b=range(24))
    front.to_csv("toy.csv", index=False)
    options = ("--objective", "a,-b", "--queries", 24, "--baseline", "none")
    code, printed, complaint = archbo(*TOY, *options)
    assert code == 0, complaint
    assert "front    24 architectures, of 24 in the table" in printed
    assert "and 14 more of the front" in printed
    listed = printed.split("front: a, b\n")[1].splitlines()[:10]
    assert [line.split()[-1] for line in (listed[0], listed[-1])] == [
        "width=8,depth=1,skip=no",
        "width=32,depth=4,skip=yes",
    ]


def test_a_warning_is_printed_once(archbo, folder, monkeypatch):
    propose = RandomSearch._propose

    def warn(self, log, q, generator):
        warnings.warn(f"seed {self.seed % 2} is odd", UserWarning, stacklevel=1)
        return propose(self, log, q, generator)

    monkeypatch.setattr(RandomSearch, "_propose", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, _, complaint = archbo(*TOY, "--queries", 5, "--repeats", 4)
    assert code == 0
    lines = [line for line in complaint.splitlines() if line.startswith("warning: seed")]
    assert lines == ["warning: seed 0 is odd", "warning: seed 1 is odd"]


def test_a_line_of_characters_keeps_its_shape():
    blocks = sparkline([10.0, 1.0, 0.1, 0.0], ceiling=10.0)
    plain = sparkline([10.0, 1.0, 0.1, 0.0], ceiling=10.0, encoding="cp1252")
    assert plain.isascii()
    assert len(plain) == len(blocks)
    assert plain[-1] == " "
    assert sparkline([1.0, 10.0], ceiling=10.0, encoding="no-such-encoding").isascii()
    assert sparkline([math.inf, 10.0], ceiling=10.0) == "██"
