"""Bad input is one line that says what was wrong, where, and what to do; nothing is searched before."""

import re

import pandas as pd
import pytest
from cli_runs import TOY, as_shell

from archbo.bo_loop import Strategy

CELL = "|{}~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"
ROBOT = ("robot", *TOY[1:])
COMPARE = ("compare", *TOY[1:], "--train-sizes", "8")
PROXIES = ("proxies", "compute")
TWO = (*TOY, "--objective", "accuracy,-latency", "--queries", "9")


def bad(folder, name, change):
    table = change(pd.read_csv(folder / "toy.csv"))
    table.to_csv(folder / f"{name}.csv", index=False)


def write_bad_tables(folder):
    bad(folder, "nan", lambda t: t.assign(accuracy=t["accuracy"].mask(t.index == 4)))
    bad(folder, "unknown", lambda t: t.assign(width=t["width"].replace(16, 17)))
    bad(folder, "narrow", lambda t: t.drop(columns="depth"))
    for name, op in (("cells", "nor_conv_3x3"), ("bad_op", "nor_conv_5x5"), ("bad_cell", "a|b")):
        cells = ["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", CELL.format(op)]
        table = pd.DataFrame({"arch_str": cells, "accuracy": [1.0, 2.0]})
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "binary.parquet").write_bytes(b"\0\1\2")
    (folder / "bad.toml").write_text("kind = ")


def toy(name, *options):
    return ("search", "--table", name, "--space", "toy.toml", "--objective", "accuracy", *options)


def nb201(name, *options):
    return ("search", "--table", name, "--space", "nb201", *options)


BAD = [
    (nb201("bad_cell.csv"), r"bad_cell\.csv, row 2: malformed cell .*: write \|op~0\|"),
    (nb201("bad_op.csv"), r"bad_op\.csv, row 2: unknown operation 'nor_conv_5x5' in column op_0_1"),
    (nb201("toy.csv"), r"toy\.csv has no column 'arch_str' .*; --arch-column names another"),
    (nb201("cells.csv", "--queries", "3"), r"queries must be between 1 and 2, .*cells; got 3"),
    (("search", "--table", "cells.csv", "--space", "nb101"), r"row 1: .*is nb101 its space\?"),
    (
        ("search", "--table", "cells.csv", "--space", "nb20"),
        r"unknown space 'nb20', did you mean 'nb201'",
    ),
    (("search", "--table", "cells.csv"), r"cells\.csv needs --space: one of nb201"),
    (
        toy("nan.csv", "--queries", "6", "--cost", "accuracy"),
        r"nan: column 'accuracy' has no number in 1 rows, .*row 5 .*where",
    ),
    (toy("unknown.csv"), r"row 9: unknown choice '17' in column 'width'; toy has 8, 16, 32"),
    (
        toy("narrow.csv"),
        r"narrow\.csv has no column 'arch_str' .*, nor 'depth' of the columns of space toy; it has width",
    ),
    (toy("absent.csv"), r"no table at absent\.csv; give the path"),
    (toy("binary.parquet"), r"cannot read table binary\.parquet"),
    (toy("toy.toml"), r"cannot tell the format of toy\.toml; give a \.parquet or \.csv"),
    (("search", "--table", "toy.csv", "--space", "bad.toml"), r"cannot read space file bad\.toml"),
    (("search", "--table", "toy.csv", "--space", "no.toml"), r"no space file no\.toml; give"),
    (
        ("search", "--table", "toy.csv", "--space", "toy.toml"),
        r"--objective: toy has several numeric columns; name an objective: accuracy, latency",
    ),
    ((*TOY, "--objective", "acc"), r"no numeric column 'acc'; it has accuracy, latency"),
    (
        (*TOY, "--queries", "9", "--report", "acc"),
        r"--report: toy has no numeric column 'acc'; it has accuracy, latency",
    ),
    ((*TOY, "--where", "tiny"), r"no column 'tiny'; it has width"),
    ((*TOY, "--where", "latency"), r"'latency' .* where takes a boolean column"),
    ((*TOY, "--queries", "0"), r"queries must be between 1 and 24, .*; got 0"),
    ((*TOY, "--queries", "25"), r"queries must be between 1 and 24, .*; got 25"),
    ((*TOY, "--queries", "many"), r"'--queries': .*valid integer"),
    ((*TOY, "--repeats", "0"), r"--repeats must be at least 1; got 0"),
    ((*TOY, "--seed", "-1"), r"--seed must be between 0 and 2\^31 - 1; got -1"),
    (
        (*TOY, "--queries", "12", "--predictor", "gb"),
        r"unknown predictor 'gb'.* There are auto, gp",
    ),
    (
        (*TOY, "--queries", "12", "--acquisition", "ei"),
        r"unknown acquisition 'ei'.* There are log_ei",
    ),
    (
        (*TOY, "--queries", "12", "--acquisition", "ucb", "--cost", "latency"),
        r"ucb picks no gain that could be had per cost; take log_ei, qlog_nei or another gain",
    ),
    ((*TOY, "--queries", "12", "--cost", "price"), r"no numeric column 'price'"),
    ((*TOY, "--queries", "12", "--cost", "small"), r"cost of width=32,.* is 0; costs are positive"),
    (
        (*TOY, "--queries", "12", "--encoding", "one-hot+pth"),
        r"unknown encoding 'pth', did you mean 'path'\? .*one-hot",
    ),
    (
        (*TOY, "--queries", "12", "--baseline", "tpe"),
        r"--baseline: unknown strategy 'tpe'.* There are bayesian, random",
    ),
    ((*TOY, "--queries", "12", "--baseline", "random,tpe"), r"unknown strategy 'tpe'"),
    ((*TOY, "--queries", "12", "--baseline", "random,random"), r"--baseline names random twice"),
    ((*TOY, "--queries", "12", "--candidates", "all"), r"unknown candidates 'all'.* exhaustive"),
    ((*TOY, "--json", "no/such/result.json"), r"there is no folder .*no/such; make it first"),
    ((*TOY, "--plot", "no/such/result.png"), r"there is no folder .*no/such; make it first"),
    ((*TOY, "--verbose"), r"No such option.*--verbose"),
    ((*TOY, "nb201"), r"give either an embedded benchmark .* or --table"),
    (("search",), r"give either an embedded benchmark .* or --table"),
    (("search", "nb202"), r"unknown benchmark 'nb202', did you mean 'nb201'\?"),
    (("search", "nb201", "--where", "ok"), r"--where belongs to --table FILE"),
    (("search", "nb201", "--space", "nb201"), r"--space belongs to --table FILE"),
    (("compare", "nb202"), r"unknown benchmark 'nb202', did you mean 'nb201'\?"),
    ((*COMPARE, "--predictors", "gp,gbd"), r"unknown predictor 'gbd', did you mean 'gbdt'\?"),
    ((*COMPARE, "--predictors", "gp,"), r"--predictors takes names joined with commas; got 'gp,'"),
    ((*COMPARE, "--predictors", "gp,gp"), r"--predictors names gp twice"),
    ((*COMPARE, "--encodings", "one-hut"), r"unknown encoding 'one-hut', did you mean 'one-hot'"),
    ((*COMPARE, "--encodings", "zero-cost"), r"no proxies of toy; name columns .*--proxies FILE"),
    (
        (*COMPARE, "--proxies", "a.parquet,zc_*"),
        r"--proxies takes one file .*give a\.parquet alone",
    ),
    ((*COMPARE, "--hold-out", "folds"), r"--hold-out is one of architectures, twins; got 'folds'"),
    (
        (*TOY, "--queries", "6", "--acquisition", "ei"),
        r"unknown acquisition 'ei', did you mean 'log_ei'\?",
    ),
    ((*COMPARE, "--proxies", "no.json"), r"--proxies: cannot read no\.json as JSON"),
    ((*COMPARE, "--proxies", "no.parquet"), r"--proxies: no table at no\.parquet"),
    ((*COMPARE, "--proxies", "cells.csv"), r"--proxies: cells\.csv, row 1: "),
    (PROXIES, r"give an embedded benchmark .*, or --spaces NAMES"),
    ((*PROXIES, "nb202"), r"unknown benchmark 'nb202', did you mean 'nb201'\?"),
    ((*PROXIES, "nb201", "--spaces", "nb201"), r"--spaces goes without a benchmark"),
    ((*PROXIES, "--spaces", "nb201", "--objective", "x"), r"--spaces goes without a benchmark"),
    ((*PROXIES, "--spaces", "nb202"), r"unknown space 'nb202', did you mean 'nb201'\?"),
    ((*PROXIES, "--spaces", "darts,darts"), r"--spaces names darts twice"),
    ((*PROXIES, "--spaces", "darts"), r"--sample: darts has more than 50,000 .*; give the number"),
    ((*PROXIES, "--spaces", "darts", "--sample", "0"), r"--sample: .*must be at least 1; got 0"),
    ((*PROXIES, "--spaces", "nb201", "--sample", "9446"), r"between 1 and 9,445.* nb201; got 9446"),
    ((*PROXIES, "nb201", "--sample", "0"), r"between 1 and [\d,]+, .* of nb201; got 0"),
    ((*PROXIES, "--table", "toy.csv", "--space", "toy.toml"), r"toy has no networks"),
    ((*PROXIES, "nb201", "--measures", "snap"), r"unknown measure 'snap'; give some of grad_norm"),
    ((*PROXIES, "nb201", "--nodes", "jacov"), r"jacov is not a sum over layers; give some of"),
    ((*PROXIES, "nb201", "--workers", "0"), r"workers is 0; give at least 1"),
    ((*PROXIES, "nb201", "--seed", "-1"), r"--seed must be between 0 .*; got -1"),
    ((*PROXIES, "nb201", "--device", "abacus"), r"--device abacus cannot be used: "),
    ((*PROXIES, "nb201", "--output", "toy.csv"), r"cannot make the folder toy\.csv: .*--output"),
    ((*PROXIES, "nb201", "--plot", "c.docx"), r"c\.docx.*png"),
    ((*COMPARE, "--proxies", "zc_*"), r"toy has no numeric column 'zc_\*' for a proxy; it has acc"),
    ((*COMPARE, "--train-sizes", "8,many"), r"--train-sizes takes whole numbers .*; got 'many'"),
    ((*COMPARE, "--train-sizes", "1"), r"between 2 and 14, .* toy has architectures; got 1"),
    ((*COMPARE, "--train-sizes", "15"), r"between 2 and 14, .* toy has architectures; got 15"),
    ((*COMPARE, "--repeats", "0"), r"--repeats must be at least 1; got 0"),
    ((*COMPARE, "--json", "no/such/c.json"), r"there is no folder .*no/such; make it first"),
    ((*COMPARE, "--plot", "c.docx"), r"c\.docx.*png"),
    ((*TOY, "--queries", "9", "--batch", "0"), r"--batch must be at least 1; got 0"),
    ((*TOY, "--queries", "9", "--baseline", "gp"), r"--baseline: unknown strategy 'gp'"),
    ((*TOY, "--reference", "accuracy=1"), r"one objective has none of; leave it out"),
    (
        (*TWO, "--reference", "accuracy=1"),
        r"--reference takes a value of each .*, accuracy, latency",
    ),
    ((*TWO, "--reference", "accuracy=1,energy=2"), r"--reference takes a value of each objective"),
    ((*TWO, "--reference", "accuracy=1,latency"), r"each name once with a number.*got 'latency'"),
    ((*TWO, "--reference", "accuracy=1,latency=inf"), r"with a number.*got 'latency=inf'"),
    ((*TWO, "--reference", ""), r"--reference takes names with numbers"),
    ((*COMPARE, "--objective", "accuracy,-latency"), r"compare takes one objective"),
    ((*COMPARE, "--objective", "power"), r"--objective: toy has no numeric column 'power'"),
    (("find",), r"No such command 'find'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_line_that_helps(archbo, folder, arguments, message):
    write_bad_tables(folder)
    code, printed, complaint = archbo(*arguments)
    assert code == 2
    (line,) = complaint.splitlines()
    assert line.startswith("archbo: ")
    assert re.search(message, line), line
    assert "Traceback" not in printed + complaint


@pytest.mark.parametrize(
    ("option", "file", "message"),
    [
        ("--json", ".", r"cannot write \.: it is a folder; give --json a file"),
        ("--plot", "p.docx", r"p\.docx.*png"),
    ],
)
def test_files_that_cannot_be_written_are_named(archbo, folder, option, file, message):
    code, _, complaint = archbo(*TOY, "--queries", "1", option, file)
    assert code == 2
    assert re.search(f"^archbo: .*{message}", complaint.splitlines()[-1])


@pytest.mark.parametrize(
    "arguments",
    [("search", "nb201", "--queries", "0"), ("search", "--table", "no.csv", "--space", "nb201")],
)
def test_bad_input_in_a_shell(arguments, tmp_path):
    done = as_shell(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("archbo: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--json", "toy.csv"], r"--json would write over toy\.csv, the file of --table"),
        (["--json", "sub/../toy.csv"], r"--json would write over toy\.csv"),
        (["--json", "toy.toml"], r"--json would write over toy\.toml, the file of --space"),
        (
            ["--plot", "a.svg", "--json", "a.svg"],
            r"--plot would write over a\.svg, the file of --json",
        ),
        (["--proxies", "zc.csv", "--json", "zc.csv"], r"over zc\.csv, the file of --proxies"),
    ],
)
@pytest.mark.parametrize("command", [(*TOY, "--queries", "9"), (*COMPARE,)])
def test_no_file_is_read_and_written(archbo, folder, command, options, message):
    (folder / "sub").mkdir()
    before = (folder / "toy.csv").read_bytes()
    code, _, complaint = archbo(*command, *options)
    assert code == 2
    assert re.search(message, complaint)
    assert (folder / "toy.csv").read_bytes() == before


def test_nothing_is_made_twice_to_check_a_name(archbo, folder, monkeypatch):
    """Each strategy of the first seed is the one that searches."""
    made = []
    init = Strategy.__init__

    def counted(self, *arguments, **options):
        made.append((type(self).__name__, options["seed"]))
        init(self, *arguments, **options)

    monkeypatch.setattr(Strategy, "__init__", counted)
    code, _, _ = archbo(*TOY, "--queries", "6", "--repeats", "2")
    assert code == 0
    assert sorted(made) == [(name, s) for name in ("Bayesian", "RandomSearch") for s in (0, 1)]


@pytest.mark.parametrize("option", ["--baseline", "--predictor", "--acquisition", "--encoding"])
def test_a_wrong_name_is_refused_before_any_search(archbo, folder, monkeypatch, option):
    def search(*arguments, **options):
        raise AssertionError("searched")

    monkeypatch.setattr("archbo.comparison.run_search", search)
    code, _, complaint = archbo(*TOY, "--queries", "6", option, "wrong-name")
    assert code == 2
    assert "unknown" in complaint
