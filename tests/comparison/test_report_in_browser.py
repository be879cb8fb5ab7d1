"""Reports in a headless browser: every picture is seen, nothing is asked of a network, nothing goes wrong."""

import json
import re
import shutil
import subprocess

import pytest

from archbo import Bayesian, Goal, Optimizer
from archbo.comparison import write_report
from archbo.spaces import CategoricalSpace, EdgeCellSpace

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
WATCH = """<script>
const wrong = [];
addEventListener("error", event => wrong.push(String(event.message)), true);
addEventListener("securitypolicyviolation", event => wrong.push(event.blockedURI));
console.error = console.warn = text => wrong.push(String(text));
addEventListener("load", () => {
  const seen = {
    wrong,
    title: document.title,
    asked: performance.getEntriesByType("resource").map(entry => entry.name),
    sizes: [...document.querySelectorAll("figure svg")].map(svg => svg.getBoundingClientRect().toJSON()),
    parts: [...document.querySelectorAll("figure svg")].map(svg => svg.querySelectorAll("path, use").length),
    page: [document.documentElement.scrollWidth, innerWidth],
  };
  document.body.textContent = "SEEN" + JSON.stringify(seen) + "SEEN";
});
</script>"""


def cells():
    """Cells of NAS-Bench-201."""
    space = EdgeCellSpace.nas_bench_201()
    optimizer = Optimizer(Bayesian(space, Goal.parse("acc"), seed=0))
    for _ in range(12):
        (arch,) = optimizer.ask()
        optimizer.tell(arch, sum(arch.row) / (1 + arch.row[0]))
    return optimizer


def several():
    """Two objectives with a bound, and failures."""
    space = CategoricalSpace("s", {"width": [8, 16, 32, 64], "depth": [2, 4, 6], "op": ["a", "b"]})
    goal = Goal.parse("acc,-latency", subject_to=["energy<=40"])
    optimizer = Optimizer(Bayesian(space, goal, seed=0))
    for _ in range(14):
        (arch,) = optimizer.ask()
        if arch["width"] == 64:
            optimizer.fail(arch, "out of <memory> " * 30)
        else:
            optimizer.tell(
                arch, [arch["width"] + arch["depth"], arch["width"] * arch["depth"], arch["width"]]
            )
    return optimizer


def empty():
    """Nothing yet."""
    return Optimizer(Bayesian(CategoricalSpace("s", {"width": [8, 16]}), seed=0))


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no chromium to look with")
@pytest.mark.parametrize("search", [cells, several, empty], ids=lambda search: search.__name__)
def test_the_page_is_seen_whole(tmp_path, search):
    path = tmp_path / "report.html"
    write_report(search(), path)
    text = path.read_text()
    policy = "default-src 'none';"
    assert text.count(policy) == 1
    watched = text.replace(policy, f"{policy} script-src 'unsafe-inline';").replace(
        "<title>", f"{WATCH}<title>"
    )
    path.write_text(watched)
    # A window of 500 is the narrowest that all versions of Chromium make.
    for width in (500, 1200):
        command = [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},2000",
            "--dump-dom",
            path.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        seen = json.loads(re.search("<body>SEEN(.*)SEEN", done.stdout, re.DOTALL).group(1))
        assert seen["wrong"] == seen["asked"] == []
        assert seen["title"].endswith(": archbo report")
        assert len(seen["sizes"]) == text.count("<figure")
        assert all(size["width"] > 100 and size["height"] > 50 for size in seen["sizes"])
        assert all(n > 5 for n in seen["parts"])
        assert seen["page"][0] <= seen["page"][1]  # tables are moved within the page, not the page
