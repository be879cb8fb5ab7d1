"""Ask and tell, for every search method."""

import io
import subprocess
import sys
from functools import partial

import pytest
import torch

from archbo.acquisition import FixedCandidates, Maximize, greedy, log_ei, ucb
from archbo.bo_loop import (
    History,
    LocalSearch,
    Optimizer,
    PublishedRoBoT,
    RandomSearch,
    RegularizedEvolution,
    RoBoT,
    bananas,
    gbdt_nas,
    nas_bowl,
    run,
    weaknas,
)
from archbo.catalog import ACQUISITIONS, BASELINES, PREDICTORS
from archbo.encodings import OneHotEncoding
from archbo.errors import InvalidArchitectureError, NothingLeftError, UsageError
from archbo.predictors import GP
from archbo.proxies import Proxies
from archbo.spaces import CategoricalSpace, EdgeCellSpace, NodeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
NB101 = NodeCellSpace.nas_bench_101()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})


class RowProxies(Proxies):
    """The decisions themselves as proxies, of any space."""

    names, node_names = ("first", "second", "third"), ()

    def __init__(self, space):
        self.space = space

    def scores(self, X):
        return X[:, :3]

    def nodes(self, X):
        return X.new_zeros(*X.shape, 0)

    @property
    def reference(self):
        X = self.space.sample(50, generator=torch.Generator().manual_seed(0))
        return self.scores(X), self.nodes(X)


def robot(space, **options):
    return RoBoT(space, RowProxies(space), n_initial=3, **options)


def robot_published(space, **options):
    if not space.is_enumerable or space.size > 10**5:
        X = space.sample(500, generator=torch.Generator().manual_seed(0))
        options = {"candidates": FixedCandidates(space, space.distinct(X))} | options
    return PublishedRoBoT(space, RowProxies(space), n_iterations=10, **options)


# One of each kind; all of them, with every surrogate, are under the contract.
RULES = ("log_ei", "qlog_nei", "jes", "thompson", "independent_thompson")
SEARCHERS = {
    "random": RandomSearch,
    "evolution": partial(RegularizedEvolution, population=5, tournament=3),
    "local-search": LocalSearch,
    **{
        make.__name__: partial(make, n_initial=4) for make in (bananas, gbdt_nas, nas_bowl, weaknas)
    },
    "robot": robot,
    "robot-published": robot_published,
    "rounds": partial(Optimizer, n_initial=4, refit_every=4),
    **{name: partial(Optimizer, acquisition=ACQUISITIONS[name], n_initial=4) for name in RULES},
}
every_searcher = pytest.mark.parametrize("make", SEARCHERS.values(), ids=SEARCHERS.keys())
QUICK = ("random", "evolution", "local-search", "log_ei", "robot", "robot-published", "rounds")
quick_searchers = pytest.mark.parametrize("make", [SEARCHERS[n] for n in QUICK], ids=QUICK)


def value(arch):
    return sum((i + 1) * choice for i, choice in enumerate(arch.row)) ** 0.5


def texts(archs):
    return [str(arch) for arch in archs]


def step(searcher, q=1):
    archs = searcher.ask(q)
    searcher.tell(archs, [value(arch) for arch in archs])
    return texts(archs)


@every_searcher
@pytest.mark.parametrize("q", [1, 3, 5])
def test_every_architecture_is_asked_for_once_and_then_no_more(make, q):
    searcher = make(TOY, seed=0)
    asked = [arch for _ in range(-(-24 // q)) for arch in step(searcher, q)]
    assert sorted(asked) == sorted(texts(TOY.archs(TOY.enumerate())))
    with pytest.raises(NothingLeftError, match="every architecture of toy has been asked for"):
        searcher.ask()


@every_searcher
def test_pending_architectures_are_not_asked_for_again(make):
    searcher = make(TOY, seed=0)
    step(searcher, 6)
    pending = [text for _ in range(6) for text in texts(searcher.ask(2))]
    assert len({*pending, *texts(searcher.history.archs)}) == 18
    assert texts(TOY.archs(searcher.X_pending)) == pending


@every_searcher
def test_values_may_be_told_in_any_order(make):
    searcher = make(TOY, seed=0)
    step(searcher, 6)
    first, second, third = searcher.ask(3)
    searcher.tell([third, first], [1.0, 2.0])
    assert texts(searcher.history.archs[-2:]) == texts([third, first])
    assert texts(TOY.archs(searcher.X_pending)) == [str(second)]
    assert str(second) not in step(searcher, 10)
    searcher.tell([second], [3.0])
    assert len(searcher.X_pending) == 0
    assert len(searcher.history) == 19


@every_searcher
@pytest.mark.parametrize("space", [TOY, NB101], ids=["toy", "nb101"])
def test_architectures_never_asked_for_may_be_told(make, space):
    searcher = make(space, seed=0)
    X = space.distinct(space.sample(20, generator=torch.Generator().manual_seed(5)))[:7]
    searcher.tell(X, [value(arch) for arch in space.archs(X)])
    assert searcher.history.X.equal(X)
    assert not set(space.ids(space.rows(step(searcher, 3)))) & set(space.ids(X))


@quick_searchers
def test_all_forms_of_architectures_and_values_can_be_told(make):
    forms = [
        lambda X: (TOY.archs(X), [1.0, 2.0]),
        lambda X: (texts(TOY.archs(X)), torch.tensor([1.0, 2.0])),
        lambda X: (X, torch.tensor([[1.0], [2.0]], dtype=torch.double)),
        lambda X: (X.long().tolist(), (1, 2)),
    ]
    X = TOY.enumerate()[[3, 5]]
    for form in forms:
        searcher = make(TOY, seed=0)
        searcher.tell(*form(X))
        assert searcher.X.equal(X)
        assert searcher.Y.equal(torch.tensor([[1.0], [2.0]], dtype=torch.double))


@quick_searchers
@pytest.mark.parametrize(
    ("archs", "Y", "error", "message"),
    [
        ([(0, 0, 0)], [1.0, 2.0], UsageError, "1 architectures but 2 values; tell one for each"),
        ([(0, 0, 0)], [], UsageError, "1 architectures but 0 values"),
        (
            [(0, 0, 0), (2, 3, 1)],
            [1.0, float("nan")],
            UsageError,
            "the value of width=32,depth=4,skip=yes is nan; tell a number",
        ),
        ([(0, 0, 0)], [float("inf")], UsageError, "is inf"),
        ([(0, 0, 0), (0, 0, 2)], [1.0, 2.0], InvalidArchitectureError, "no architecture of toy"),
        (["width=8"], [1.0], InvalidArchitectureError, "malformed architecture 'width=8'"),
        ([NB201.arch([0] * 6)], [1.0], InvalidArchitectureError, "belongs to the space 'nb201'"),
    ],
)
def test_a_refused_tell_records_nothing(make, archs, Y, error, message):
    searcher = make(TOY, seed=0)
    step(searcher, 2)
    searcher.ask(2)
    before = searcher.state_dict()
    with pytest.raises(error, match=message):
        searcher.tell(archs, Y)
    after = searcher.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before if k != "space")


@quick_searchers
@pytest.mark.parametrize("q", [0, -1])
def test_asking_for_nothing_is_refused(make, q):
    with pytest.raises(UsageError, match=f"at least 1; got {q}"):
        make(TOY, seed=0).ask(q)


# The same search again.


def interrupted(searcher, make, space):
    """The searcher after a round trip through a file."""
    file = io.BytesIO()
    torch.save(searcher.state_dict(), file)
    file.seek(0)
    other = make(space, seed=999)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


@every_searcher
@pytest.mark.parametrize("space", [TOY, NB101], ids=["toy", "nb101"])
def test_a_restored_search_goes_on_as_if_uninterrupted(make, space):
    searcher = make(space, seed=3)
    step(searcher, 4)
    step(searcher, 3)
    searcher.ask(2)
    other = interrupted(searcher, make, space)
    for q in (1, 2, 1):
        assert step(searcher, q) == step(other, q)
    assert searcher.history.Y.equal(other.history.Y)
    assert searcher.X_pending.equal(other.X_pending)


@quick_searchers
def test_state_is_a_snapshot(make):
    """What happens after it was taken does not reach it."""
    searcher = make(TOY, seed=3)
    step(searcher, 5)
    state = searcher.state_dict()
    first = [step(searcher) for _ in range(4)]
    other = make(TOY, seed=0)
    other.load_state_dict(state)
    assert [step(other) for _ in range(4)] == first


@quick_searchers
def test_state_of_another_space_is_refused(make):
    with pytest.raises(UsageError, match="search in 'toy', this one is in 'nb201'"):
        make(NB201, seed=0).load_state_dict(make(TOY, seed=0).state_dict())


@every_searcher
def test_seed_decides_the_search(make):
    searchers = [make(TOY, seed=seed) for seed in (1, 1, 2)]
    first, same, other = ([step(searcher, 2) for _ in range(4)] for searcher in searchers)
    assert first == same
    assert first != other


def test_same_seed_is_the_same_search_in_another_process():
    code = (
        "import test_searchers as t, torch\n"
        "torch.set_num_threads(1)\n"
        "for name, make in t.SEARCHERS.items():\n"
        "    searcher = make(t.TOY, seed=4)\n"
        "    print(name, [t.step(searcher, 2) for _ in range(6)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=__file__.rpartition("/")[0],
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"},
    )
    here = []
    for name, make in SEARCHERS.items():
        searcher = make(TOY, seed=4)
        here.append(f"{name} {[step(searcher, 2) for _ in range(6)]}")
    assert done.stdout.splitlines() == here


# run().


@every_searcher
@pytest.mark.parametrize("q", [1, 4])
def test_run_evaluates_as_many_as_asked_for(make, q):
    evaluated, sizes = [], []

    def objective(arch):
        evaluated.append(str(arch))
        return value(arch)

    searcher = make(TOY, seed=0)
    history = run(searcher, objective, 10, q=q, callback=lambda seen: sizes.append(len(seen)))
    assert texts(history.archs) == evaluated
    assert len(set(evaluated)) == 10
    assert sizes == ([*range(1, 11)] if q == 1 else [4, 8, 10])
    assert len(run(searcher, objective, 5)) == 15


@quick_searchers
def test_run_ends_early_where_nothing_is_left(make):
    history = run(make(TOY, seed=0), value, 100, q=7)
    assert len(history) == 24


@quick_searchers
def test_run_without_queries_is_refused(make):
    for n in (0, -3):
        with pytest.raises(UsageError, match=f"at least one query; got {n}"):
            run(make(TOY, seed=0), value, n)
    with pytest.raises(UsageError, match="at least 1; got 0"):
        run(make(TOY, seed=0), value, 3, q=0)


# History.


def test_history_is_a_running_best():
    X = TOY.enumerate()[:4]
    history = History(TOY, X, torch.tensor([[1.0], [3.0], [2.0], [3.0]]))
    assert history.running_best.tolist() == [1, 3, 3, 3]
    assert history.best == (TOY.archs(X)[1], 3.0)
    frame = history.to_frame()
    assert frame["arch"].tolist() == texts(TOY.archs(X))
    assert frame["value"].tolist() == [1, 3, 2, 3]
    assert frame["best"].tolist() == [1, 3, 3, 3]
    with pytest.raises(UsageError, match="nothing has been told yet"):
        History(TOY, X[:0], torch.empty(0, 1)).best  # noqa: B018


# Regularized evolution.


@pytest.mark.parametrize(("population", "tournament"), [(5, 0), (5, 6), (0, 0), (5, -1)])
def test_tournament_is_within_the_population(population, tournament):
    with pytest.raises(
        UsageError, match=f"between 1 and population={population}; got {tournament}"
    ):
        RegularizedEvolution(TOY, population=population, tournament=tournament, seed=0)


@pytest.mark.parametrize("tournament", [2, 6])
def test_children_are_mutations_of_the_winner_among_the_youngest(tournament):
    searcher = RegularizedEvolution(NB201, population=6, tournament=tournament, seed=0)
    step(searcher, 6)
    for _ in range(30):
        seen, young, Y = searcher.X, searcher.X[-6:], searcher.Y[-6:].flatten()
        # The best of all six wins if all are drawn, one of the five best if two are.
        winners = young[Y.sort().values[tournament - 1] <= Y]
        child = NB201.rows(step(searcher))
        distance = (winners != child).sum(-1).min()
        # A mutation that was seen is mutated again.
        crowded = ((winners.unsqueeze(1) != seen).sum(-1) == 1).any()
        assert distance == 1 or crowded


def test_evolution_stays_within_its_candidates():
    candidates = FixedCandidates(NB201, NB201.enumerate()[::50])
    searcher = RegularizedEvolution(
        NB201, candidates=candidates, population=5, tournament=2, seed=0
    )
    X = NB201.rows([text for _ in range(30) for text in step(searcher)])
    assert candidates.contains(X).all()


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_ask_for_rows_of_the_table_only(name):
    """Of three in a hundred cells, so that most moves lead out of the table."""
    candidates = FixedCandidates(NB201, NB201.enumerate()[::33])
    searcher = BASELINES[name](NB201, candidates=candidates, seed=0)
    assert name not in PREDICTORS  # both name a method in one file of results
    history = run(searcher, value, 25)
    assert len(history) == len(set(NB201.ids(history.X))) == 25
    assert candidates.contains(history.X).all()


# Bayesian optimization.


def test_a_round_is_picked_by_one_fit_and_handed_out():
    fits = []

    def watched(observations):
        fits.append((len(observations.X), len(observations.X_pending)))
        return ucb(observations)

    searcher = Optimizer(TOY, acquisition=Maximize(watched), n_initial=4, refit_every=3, seed=0)
    for _ in range(9):
        step(searcher)
    # One fit a round, and a function for each pick of the round.
    assert fits == [(4, 0), (4, 1), (4, 2), (7, 0), (7, 1), (7, 2)][: len(fits)]
    assert len(fits) == 6


def test_a_round_forgets_what_was_told_meanwhile():
    searcher = Optimizer(TOY, n_initial=4, refit_every=6, seed=0)
    for _ in range(5):
        step(searcher)
    waiting = TOY.archs(searcher.state_dict()["round"])
    assert len(waiting) == 5
    searcher.tell(waiting[:3], [1.0, 2.0, 3.0])
    asked = [text for _ in range(2) for text in step(searcher)]
    assert asked == texts(waiting[3:])
    # More than is left of a round is a new round.
    step(searcher)
    assert len(step(searcher, 6)) == 6
    assert len(set(texts(searcher.history.archs))) == len(searcher.history)


def test_optimizer_checks_its_arguments():
    with pytest.raises(UsageError, match="n_initial must be at least 1; got 0"):
        Optimizer(TOY, n_initial=0, seed=0)
    with pytest.raises(UsageError, match="refit_every must be at least 1; got 0"):
        Optimizer(TOY, refit_every=0, seed=0)
    with pytest.raises(UsageError, match="predictor is of 'nb201', the search is in 'toy'"):
        Optimizer(TOY, GP(NB201), seed=0)


def test_optimizer_uses_its_acquisition_after_the_start_only():
    calls = []

    def watched(observations):
        calls.append(len(observations.X))
        return log_ei(observations)

    searcher = Optimizer(TOY, acquisition=Maximize(watched), n_initial=4, seed=0)
    for _ in range(6):
        step(searcher)
    assert calls == [4, 5]


@pytest.mark.parametrize("factory", [log_ei, greedy, ucb])
def test_analytic_acquisition_takes_the_best_candidate(factory):
    """Against the acquisition function at each row by itself."""
    searcher = Optimizer(TOY, acquisition=Maximize(factory), n_initial=4, seed=0)
    step(searcher, 8)
    seen = set(texts(searcher.history.archs))
    asked = searcher.ask()[0]
    from archbo import Observations

    predictor = GP(TOY).fit(searcher.X, searcher.Y, seed=0)
    observations = Observations(predictor, searcher.X, searcher.Y, searcher.X[:0], 0)
    function = factory(observations)
    with torch.no_grad():
        values = {
            str(arch): function(row.reshape(1, 1, -1)).item()
            for arch, row in zip(TOY.archs(TOY.enumerate()), TOY.enumerate(), strict=True)
            if str(arch) not in seen
        }
    assert values[str(asked)] == pytest.approx(max(values.values()), abs=1e-6)


def test_optimizer_beats_random_on_a_separable_function():
    """Queries until the optimum of a sum of effects among 625 rows, of which a search sees 40."""
    space = CategoricalSpace("sum", {name: range(5) for name in "abcd"})
    effects = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    effects = [dict(enumerate(row.tolist())) for row in effects]
    best = sum(max(effect.values()) for effect in effects)

    def objective(arch):
        return sum(effect[choice] for effect, choice in zip(effects, arch.row, strict=True))

    def found_after(searcher):
        Y = run(searcher, objective, 40).Y.flatten()
        return next((n for n, y in enumerate(Y.tolist(), 1) if y > best - 1e-6), 41)

    def mean(make):
        return sum(found_after(make(space, seed=seed)) for seed in range(5)) / 5

    ours = mean(partial(Optimizer, predictor=GP(space, OneHotEncoding(space))))
    assert ours < 30
    assert ours < mean(RandomSearch) - 8
