"""``archbo benchmarks`` and ``--help``."""

import json
import subprocess
import sys

import pytest

from archbo import catalog


def test_benchmarks_and_spaces_are_listed(archbo, folder):
    code, printed, _ = archbo("benchmarks", "--json", "list.json")
    assert code == 0
    for name, entry in catalog.SPACES.items():
        assert name in printed
        assert entry.summary.split()[0] in printed
    listed = json.loads((folder / "list.json").read_text())
    assert listed.keys() == {"benchmarks"}
    assert [entry["benchmark"] for entry in listed["benchmarks"]] == list(catalog.BENCHMARKS)
    for entry in listed["benchmarks"]:
        benchmark = catalog.benchmark(entry["benchmark"])
        assert entry == {
            "benchmark": benchmark.name,
            "space": benchmark.space.name,
            "architectures": len(benchmark),
            "metrics": list(benchmark.metrics),
            "objective": benchmark.default_objective,
            "source": benchmark.source,
        }


def test_help_names_the_commands_and_options(archbo):
    code, printed, _ = archbo("--help")
    assert code == 0
    for command in ("benchmarks", "search", "robot", "compare", "proxies"):
        assert command in printed
    code, printed, _ = archbo("search", "--help")
    assert code == 0
    for option in ("--predictor", "--queries", "--repeats", "--table", "--json", "--plot"):
        assert option in printed
    code, printed, complaint = archbo()
    assert "search" in printed + complaint


@pytest.mark.parametrize(
    ("command", "registries"),
    [
        ("search", ("PREDICTORS", "ACQUISITIONS", "STRATEGIES", "ENCODINGS", "CANDIDATES")),
        ("compare", ("PREDICTORS", "ENCODINGS", "SPACES")),
        ("robot", ("ACQUISITIONS", "STRATEGIES")),
    ],
)
def test_help_lists_the_names_of_the_catalog(archbo, command, registries):
    _, printed, _ = archbo(command, "--help")
    # Lines end within names.
    text = "".join(printed.replace("│", " ").split())
    for registry in registries:
        for name in getattr(catalog, registry):
            assert name in text, name
    assert "{" not in text


def test_the_first_help_is_quick(folder):
    """Nothing heavy is loaded to say which commands there are."""
    code = (
        "import sys\nsys.argv = ['archbo', '--help']\nfrom archbo.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    print('heavy:', sorted({'torch', 'pandas', 'matplotlib', 'botorch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout
