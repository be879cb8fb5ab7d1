"""Reports: what the page says, whatever the search has seen."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from archbo import Bayesian, Goal, LocalSearch, Optimizer, RandomSearch, Study, benchmark, run
from archbo.catalog import space as named_space
from archbo.catalog.spaces import SPACES
from archbo.comparison import draw_arch, write_report
from archbo.comparison.held_out import Predicted, held_out, in_words
from archbo.comparison.reports.blocks import Picture, on_page
from archbo.comparison.reports.evidence import Evidence
from archbo.comparison.reports.progress import progress
from archbo.comparison.reports.surrogate import importance
from archbo.errors import UsageError
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"width": [8, 16, 32, 64], "depth": [2, 4, 6], "op": ["a", "b", "c"]})
VOID = {"meta", "link", "br", "wbr"}


class Page(HTMLParser):
    """Title, headings, texts and addresses of a page whose elements are closed in the order in which they are opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.ids, self.figures = [], [], [], []
        self.texts = {}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.addresses += [attrs[name] for name in ("href", "src", "xlink:href") if name in attrs]
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag == "figure":
            self.figures.append(attrs["aria-label"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture
def report(tmp_path):
    """The verdicts and the page of a search, whose log stays as it was."""

    def write(search, **options):
        before = search.log
        path = tmp_path / "report.html"
        verdicts = write_report(search, path, **options)
        assert search.log == before
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert len(page.ids) == len(set(page.ids))
        # Nothing leads out of the page and its folder; names of formats are no addresses.
        assert not [a for a in page.addresses if "://" in a]
        assert "@import" not in text
        assert not re.search(r"url\((?!#)", text)
        assert all(page.figures)
        assert page.texts["h1"] == [
            title.removesuffix(": archbo report") for title in page.texts["title"]
        ]
        assert set(verdicts) <= set(page.texts["h2"])
        return verdicts, page, text

    return write


def value(arch):
    return arch["width"] ** 0.5 + arch["depth"] + 2 * (arch["op"] == "c")


def searched(n, goal=None, evaluate=value, strategy=Bayesian, **options):
    optimizer = Optimizer(strategy(SPACE, goal, seed=0, **options))
    return _evaluated(optimizer, evaluate, n)


def _evaluated(optimizer, evaluate, n):
    for _ in range(n):
        (trial,) = optimizer.ask_trials()
        optimizer.tell(trial, evaluate(trial.arch))
    return optimizer


def test_an_empty_search(report):
    verdicts, page, _ = report(searched(0))
    assert verdicts["Best architecture"].endswith("nothing has been told yet.")
    assert "there are 0 so far" in verdicts["Predicted against observed"]
    assert not page.figures


def test_one_trial(report):
    verdicts, _, _ = report(searched(1))
    assert "of 1 told" in verdicts["Best architecture"]
    assert "there are 1 so far" in verdicts["Predicted against observed"]


def test_a_search_that_learns(report):
    verdicts, page, _ = report(searched(18))
    assert "predicts value well" in verdicts["Predicted against observed"]
    assert len(page.figures) == 3
    assert "width matters most" in verdicts["Importance of decisions"]
    assert page.texts["caption"].count("The next proposals") == 1
    assert any("expected to be left to gain" in text for text in page.texts["p"])


def test_all_failed(report):
    optimizer = searched(0)
    optimizer.fail(optimizer.ask(6), "<script>alert('x')</script> & " + "long " * 500)
    verdicts, page, text = report(optimizer)
    assert verdicts["Failures"] == "6 of 6 trials gave no value (100%)."
    assert "script" not in page.texts
    assert "&lt;script&gt;" in text
    assert text.count("long ") < 100


def test_proposals_say_how_likely_they_are_to_fail(report):
    optimizer = searched(8)
    optimizer.fail(optimizer.ask(3), "out of memory")
    _, page, _ = report(optimizer)
    assert "chance not to fail" in page.texts["th"]


def test_metrics_with_markup_and_mathematics_in_their_names(report):
    name = 'x --><b>$\\bad{$ & "acc"'
    verdicts, page, _ = report(searched(8, Goal.parse('"' + name.replace('"', '""') + '"')))
    assert name in verdicts["Best architecture"]
    assert "b" not in page.texts


def test_a_constant_objective(report):
    verdicts, page, _ = report(searched(8, evaluate=lambda arch: 1.0, strategy=RandomSearch))
    assert "nothing to predict" in verdicts["Predicted against observed"]
    assert "no decision matters" in verdicts["Importance of decisions"]
    assert any("all 8 values are 1" in text for text in page.texts["li"])


def metrics(arch):
    return {"acc": value(arch), "latency": arch["width"] * arch["depth"], "energy": arch["width"]}


def test_several_objectives_with_a_bound(report):
    goal = Goal.parse("acc,-latency", subject_to=["energy<=20"])
    search = searched(14, goal, metrics)
    verdicts, page, _ = report(search)
    n = len(search.log.winners)
    assert verdicts["Best architectures"].startswith(f"{n} architectures are on the Pareto front")
    assert verdicts["Progress against random"].startswith("After 14 trials the hypervolume is")
    assert "latency against acc of what was told" in page.figures
    assert "chance of energy <= 20" in page.texts["th"]


@pytest.mark.parametrize("objectives", ["acc", "acc,-latency"])
def test_bounds_that_nothing_keeps(report, objectives):
    verdicts, _, _ = report(searched(8, Goal.parse(objectives, subject_to=["energy<=1"]), metrics))
    assert any("keeps all bounds" in verdict for verdict in verdicts.values())
    assert any("No architecture keeps all bounds." in verdict for verdict in verdicts.values())


def test_bounds_on_both_sides_of_one_metric(report):
    verdicts, _, _ = report(
        searched(8, Goal.parse("acc", subject_to=["acc<=8", "acc>=3"]), metrics)
    )
    assert "Bounds" in verdicts


@pytest.mark.parametrize("n", [3, 14])
def test_fidelities(report, n):
    goal = Goal.parse("acc", fidelities={"short": 1, "long": 4})
    optimizer = Optimizer(SPACE, goal, n_initial=6, n_cheap=8, seed=0)
    _, page, _ = report(_evaluated(optimizer, metrics, n))
    assert "Cost by fidelity" in page.texts["caption"]


@pytest.mark.parametrize("strategy", [RandomSearch, LocalSearch])
def test_strategies_without_surrogates_say_so(report, strategy):
    verdicts, _, text = report(searched(8, strategy=strategy))
    assert "has no acquisition function" in verdicts["What comes next, and why"]
    assert "a surrogate was fitted for this report (GP)" in text


def test_a_space_that_was_searched_to_its_end(report):
    space = CategoricalSpace("s", {"width": [1, 2, 3], "depth": [1, 2]})
    optimizer = Optimizer(Bayesian(space, seed=0))
    verdicts, _, _ = report(_evaluated(optimizer, lambda arch: sum(arch.row), 6))
    assert verdicts["What comes next, and why"].startswith("Nothing: every architecture")


def test_repeated_evaluations_count_with_their_mean(report):
    optimizer = searched(6)
    arch = optimizer.log.best[0]
    optimizer.tell([arch, arch], [1000.0, -1000.0])
    verdicts, _, _ = report(optimizer)
    best = optimizer.log.best[1]
    assert f"the best value is {best:.5g}" in verdicts["Progress against random"]


def test_a_study_has_times_and_folders(report, tmp_path):
    study = Study(tmp_path / "run.db", RandomSearch(SPACE, seed=0))
    archs = study.ask(3)
    study.tell(archs[:2], [1.0, 2.0])
    study.fail(archs[2], "too <deep>")
    (tmp_path / "run.trials" / "trial-00002").mkdir(parents=True)
    verdicts, page, _ = report(study, folder=tmp_path / "run.trials")
    assert "run.trials/trial-00002" in page.addresses
    assert "went into proposing them" in verdicts["Time and cost"]
    assert "Trials by how they ended" in page.texts["caption"]


def test_a_page_that_cannot_be_written(tmp_path):
    with pytest.raises(UsageError, match="cannot write"):
        write_report(searched(0), tmp_path / "nowhere" / "report.html")


@pytest.mark.parametrize("name", SPACES)
def test_architectures_of_every_space_are_drawn(name):
    space = named_space(name)
    for arch in space.archs(space.sample(3, generator=torch.Generator().manual_seed(0))):
        with on_page():
            picture = Picture.of(draw_arch(arch), "arch", str(arch))
        assert (
            "currentColor" not in picture.svg
        )  # letters are on boxes, which are the same in light and dark
        assert "var(--grey)" in picture.svg


def luck(seed):
    """A log of pure luck."""
    noise = torch.randn(SPACE.size, generator=torch.Generator().manual_seed(seed)).tolist()
    values = dict(zip(SPACE.archs(SPACE.enumerate()), noise, strict=True))
    optimizer = Optimizer(RandomSearch(SPACE, seed=0))
    archs = optimizer.ask(25)
    optimizer.tell(archs, [values[arch] for arch in archs])
    return optimizer.log


def test_what_is_held_out_is_not_seen():
    """Where values are luck, all but one in twenty surrogates are found not to predict."""
    parts = [held_out(Bayesian(SPACE, seed=0), luck(seed), None)[0] for seed in range(8)]
    assert abs(np.mean([part.tau for part in parts])) < 0.2
    unpredicted = [part for part in parts if not part.predicts]
    assert len(unpredicted) >= 6
    assert "does not predict value" in in_words(unpredicted[0], "value")


def test_the_verdict_on_error_bars():
    truth = np.arange(40.0)

    def words(cdf):
        return in_words(Predicted(truth, np.ones(40), truth, np.full(40, cdf)), "acc")

    assert "too narrow, 0 of 40" in words(0.999)
    assert "too wide, 40 of 40" in words(0.5)
    spread = Predicted(truth, np.ones(40), truth, np.linspace(0.01, 0.99, 40))
    assert "about right" in in_words(spread, "acc")


def test_importance_is_that_of_the_function():
    """Of a sum of one decision's terms all importance is that decision's."""
    search = searched(25, evaluate=lambda arch: float(arch["depth"]), strategy=RandomSearch)
    section = importance(Evidence(search, search.log))
    rows = {row[0]: float(row[1]) for row in section.tables[0].rows}
    assert rows["depth"] > 0.8
    assert rows["width"] < 0.1
    assert rows["op"] < 0.1


def test_random_search_is_estimated_without_a_table():
    """The estimate for NAS-Bench-201 agrees with the table, which the surrogate does not see."""
    nb201 = benchmark("nb201")
    evaluator = nb201.evaluator()
    search = Optimizer(RandomSearch(nb201.space, evaluator.goal, seed=0))
    run(search, evaluator, 60)
    section = progress(Evidence(search, search.log))
    middle = float(re.search(r"would have ([\d.]+)", section.verdict).group(1))
    values = torch.as_tensor(nb201.values("baseline_accuracy")).flatten()
    source = torch.Generator().manual_seed(0)
    best = [values[torch.randperm(len(values), generator=source)[:60]].max() for _ in range(400)]
    low, high = torch.stack(best).double().quantile(torch.tensor([0.05, 0.95]).double()).tolist()
    assert low < middle < high
