"""``archbo data import``, as a user runs it."""

import json

import official_files as official
import pandas as pd
import pytest
from cli_runs import as_shell

CELLS = ["|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"]
CELLS += [cell.replace("none", "nor_conv_1x1") for cell in CELLS]


@pytest.fixture
def nats(folder):
    """A folder as NATS-Bench publishes it."""
    states = {
        index: {"200": official.arch_results(index, arch, 200, lambda *_: 50.0, [777])}
        for index, arch in enumerate(CELLS)
    }
    official.nats_folder(folder / "NATS", CELLS, states)
    return folder / "NATS"


def test_a_folder_is_imported_searched_and_tells_where_it_comes_from(archbo, nats):
    code, printed, complaint = archbo("data", "import", "nats-bench-topology", "NATS")
    assert code == 0, complaint
    assert "nats-bench-topology.parquet: 2 architectures with c10_val_200, " in printed
    assert "NATS (2 files, " in printed
    assert "use it: --table nats-bench-topology.parquet --space nb201" in printed
    code, printed, complaint = archbo(
        "benchmarks", "--table", "nats-bench-topology.parquet", "--json", "p.json"
    )
    assert code == 0, complaint
    content = json.loads((nats.parent / "p.json").read_text())
    assert content["format"] == "nats-bench-topology"
    assert content["sources"][0]["n_files"] == 2
    assert content["sources"][0]["sha256"] in printed
    assert content["address"] in printed
    table = ("--table", "nats-bench-topology.parquet", "--space", "nb201")
    code, _, complaint = archbo("search", *table, "--objective", "c10_val_200", "--queries", 2)
    assert code == 0, complaint


def test_the_table_is_where_it_is_wanted(archbo, nats):
    command = ("data", "import", "nats-bench-topology", nats / "000001.pickle.pbz2")
    code, _, complaint = archbo(*command, "--out", "one.parquet")
    assert code == 0, complaint
    assert pd.read_parquet("one.parquet")["arch_str"].tolist() == CELLS[1:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nats"], "unknown importer 'nats', did you mean 'nats-bench-topology'?"),
        (["nats-bench-topology"], "needs files to import; give NATS-tss-v1_0-3ffb9-simple or"),
        (["nats-bench-topology", "nothing"], "there is no file nothing"),
        (["nats-bench-topology", "NATS", "--out", "a.csv"], "--out another name"),
        (["nats-bench-topology", "NATS", "--out", "no/a.parquet"], "there is no folder"),
        (["hw-nas-bench", "NATS/000000.pickle.pbz2"], "give HW-NAS-Bench-v1_0.pickle"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(arguments, message, archbo, nats):
    before = sorted(nats.parent.iterdir())
    code, printed, complaint = archbo("data", "import", *arguments)
    assert code == 2
    assert printed == ""
    assert message in complaint.splitlines()[-1]
    assert complaint.splitlines()[-1].startswith("archbo: ")
    assert sorted(nats.parent.iterdir()) == before


def test_tables_of_other_origins_have_none(archbo, folder):
    pd.DataFrame({"a": [1]}).to_parquet("a.parquet")
    code, _, complaint = archbo("benchmarks", "--table", "a.parquet")
    assert code == 2
    assert "a.parquet does not say what it was made from" in complaint


def test_the_help_lists_the_formats(folder):
    done = as_shell("data", "import", "--help", cwd=folder)
    assert "hw-nas-bench" in done.stdout
    assert "{importers}" not in done.stdout
