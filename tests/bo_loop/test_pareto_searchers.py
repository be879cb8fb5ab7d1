"""Searchers of several objectives and under constraints."""

import builtins
import io
import subprocess
import sys
from functools import partial

import pytest
import torch

from archbo.acquisition import (
    FixedCandidates,
    MaximizeOutcomes,
    constrained_log_nei,
    qlog_nehvi,
    qlog_nparego,
)
from archbo.benchmarks import Outcomes
from archbo.bo_loop import (
    NSGA2,
    GuidedEvolution,
    MultiObjectiveOptimizer,
    ParetoHistory,
    RandomSearch,
    run,
)
from archbo.bo_loop.guided_evolution import crossover, crowding
from archbo.errors import DataError, NothingLeftError, UsageError
from archbo.predictors import GBDT, GP
from archbo.spaces import CategoricalSpace, EdgeCellSpace, NodeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
NB101 = NodeCellSpace.nas_bench_101()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})


def random_search(space, outcomes, **options):
    return RandomSearch(space, outcomes=outcomes, **options)


SEARCHERS = {
    "random": random_search,
    "nsga2": partial(NSGA2, population=4),
    "guided": partial(GuidedEvolution, n_initial=5, batch=3, population=10, generations=3),
    "nehvi": partial(MultiObjectiveOptimizer, n_initial=4),
    "parego": partial(
        MultiObjectiveOptimizer, acquisition=MaximizeOutcomes(qlog_nparego), n_initial=4
    ),
}
every_searcher = pytest.mark.parametrize("make", SEARCHERS.values(), ids=SEARCHERS.keys())


def value(arch, outcomes=None):
    """Two objectives that pull apart, and a constraint that forbids the ends."""
    row = [float(choice) for choice in arch.row]
    total = sum((i + 1) * choice for i, choice in enumerate(row)) ** 0.5
    all_values = (total, -row[0] - 0.5 * row[1], 3.5 - row[0] - row[1])
    return all_values[: (outcomes or Outcomes(2, 1)).total]


def texts(archs):
    return [str(arch) for arch in archs]


def step(searcher, q=1):
    archs = searcher.ask(q)
    searcher.tell(archs, [value(arch, searcher.outcomes) for arch in archs])
    return texts(archs)


@every_searcher
@pytest.mark.parametrize("q", [2, 5])
def test_every_architecture_is_asked_for_once_and_then_no_more(make, q):
    searcher = make(TOY, Outcomes(2, 1), seed=0)
    asked = [arch for _ in range(-(-24 // q)) for arch in step(searcher, q)]
    assert sorted(asked) == sorted(texts(TOY.archs(TOY.enumerate())))
    with pytest.raises(NothingLeftError, match="every architecture of toy has been asked for"):
        searcher.ask()


@every_searcher
def test_pending_architectures_are_not_asked_for_again(make):
    searcher = make(TOY, Outcomes(2), seed=0)
    step(searcher, 6)
    pending = [text for _ in range(6) for text in texts(searcher.ask(2))]
    assert len({*pending, *texts(searcher.history.archs)}) == 18
    first = searcher.X_pending[:1]
    searcher.tell(first, [value(arch, searcher.outcomes) for arch in TOY.archs(first)])
    assert len(searcher.X_pending) == 11


@every_searcher
@pytest.mark.parametrize("space", [TOY, NB201, NB101], ids=["toy", "nb201", "nb101"])
def test_a_search_goes_on_from_a_file_and_from_what_was_told(make, space):
    outcomes = Outcomes(2, 1)
    if space is NB201:
        rows = space.sample(200, generator=torch.Generator().manual_seed(1))
        make = partial(make, candidates=FixedCandidates(space, space.distinct(rows)))
    whole, first = make(space, outcomes, seed=3), make(space, outcomes, seed=3)
    X = space.distinct(space.sample(8, generator=torch.Generator().manual_seed(5)))[:3]
    for searcher in (whole, first):
        searcher.tell(X, [value(arch) for arch in space.archs(X)])
        step(searcher, 3)
        step(searcher, 2)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = make(space, outcomes, seed=77)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert [step(whole) for _ in range(2)] == [step(second) for _ in range(2)]
    assert len(set(space.ids(whole.X))) == len(whole.X)


@every_searcher
def test_same_seed_gives_the_same_search_whatever_the_global_generator(make):
    searches = []
    for noise in (0, 1):
        torch.manual_seed(noise)
        searcher = make(TOY, Outcomes(2), seed=2)
        before = torch.get_rng_state()
        searches.append([step(searcher, 3) for _ in range(3)])
        assert torch.get_rng_state().equal(before)
    assert searches[0] == searches[1]
    other = make(TOY, Outcomes(2), seed=3)
    assert [step(other, 3) for _ in range(3)] != searches[0]


def test_same_seed_gives_the_same_search_in_another_process():
    code = (
        "import torch\nfrom archbo.benchmarks import Outcomes\n"
        "from archbo.bo_loop import MultiObjectiveOptimizer, run\n"
        "from archbo.spaces import CategoricalSpace\n"
        "space = CategoricalSpace('s', {'a': range(4), 'b': range(4)})\n"
        "optimizer = MultiObjectiveOptimizer(space, Outcomes(2), seed=0)\n"
        "history = run(optimizer, lambda arch: (arch.row[0], -arch.row[1]), 9)\n"
        "print(history.X.flatten().tolist())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout != ""


@every_searcher
@pytest.mark.parametrize(
    ("Y", "message"),
    [
        ([1.0], "tell 3 values of each architecture"),
        ([[1.0, 2.0]], "2 objectives and 1 constraints; tell 3 values"),
        ([[1.0, float("nan"), 2.0]], "the value of width=8,depth=1,skip=no is nan"),
        ([[1.0, 2.0, 3.0], [1.0]], "tell 3 values"),
        ([[1.0, 2.0, 3.0]] * 2, "1 architectures but 2 values"),
    ],
)
def test_a_refused_tell_records_nothing(make, Y, message):
    searcher = make(TOY, Outcomes(2, 1), seed=0)
    with pytest.raises(UsageError, match=message):
        searcher.tell([(0, 0, 0)], Y)
    assert len(searcher.X) == 0
    assert searcher.Y.shape == (0, 3)


# What is found.


@pytest.mark.parametrize("name", ["nehvi", "parego", "guided"])
@pytest.mark.parametrize("outcomes", [Outcomes(2), Outcomes(2, 1)], ids=["free", "bound"])
def test_a_front_is_found_long_before_all_is_seen(name, outcomes):
    searcher = SEARCHERS[name](TOY, outcomes, seed=1)
    history = run(searcher, partial(value, outcomes=outcomes), 16)
    assert isinstance(history, ParetoHistory)
    Y = torch.tensor([value(arch, outcomes) for arch in TOY.archs(TOY.enumerate())]).double()
    reference = outcomes.objectives(Y).min(0).values
    share = history.hypervolume(reference) / outcomes.hypervolume(Y, reference)
    assert share > 0.95
    assert history.feasible[history.front].all()


def test_three_objectives_and_any_mix_of_surrogates():
    outcomes = Outcomes(3)
    optimizer = MultiObjectiveOptimizer(
        TOY, outcomes, [GP(TOY), GBDT(TOY), GP(TOY, targets="standardize")], n_initial=6, seed=0
    )
    history = run(optimizer, value, 14, q=2)
    assert history.Y.shape == (14, 3)
    running = history.running_hypervolume(torch.tensor([0.0, -4.0, -2.0]))
    assert (running.diff() >= 0).all()
    assert running[-1] == history.hypervolume(torch.tensor([0.0, -4.0, -2.0]))


def test_the_default_surrogates_may_be_told_a_reference():
    optimizer = MultiObjectiveOptimizer(TOY, Outcomes(2), reference=[0, -4], n_initial=3, seed=0)
    assert len(run(optimizer, partial(value, outcomes=Outcomes(2)), 8)) == 8


def test_one_objective_under_a_constraint_ends_at_the_best_feasible():
    outcomes = Outcomes(1, 1)

    def bound(arch):
        return value(arch)[0], value(arch)[2]

    history = run(MultiObjectiveOptimizer(TOY, outcomes, n_initial=4, seed=0), bound, 14)
    Y = torch.tensor([bound(arch) for arch in TOY.archs(TOY.enumerate())]).double()
    assert history.best[1] == pytest.approx(float(Y[Y[:, 1] >= 0, 0].max()))
    assert history.running_best[-1] == history.best[1]
    assert len(history.front) >= 1


def test_a_search_goes_on_where_nothing_is_feasible_yet():
    outcomes = Outcomes(2, 1)
    for name in SEARCHERS:
        searcher = SEARCHERS[name](TOY, outcomes, seed=0)
        history = run(searcher, lambda arch: (*value(arch)[:2], -1.0 - arch.row[0]), 10)
        assert len(history) == 10
        assert len(history.front) == 0
        assert history.hypervolume(torch.tensor([0.0, -9.0])) == 0


def test_history_in_a_frame():
    X = TOY.enumerate()[:3]
    Y = torch.tensor([[1.0, 2.0, 1.0], [2.0, 1.0, -1.0], [1.0, 1.0, 0.0]])
    history = ParetoHistory(TOY, X, Y, Outcomes(2, 1))
    frame = history.to_frame()
    assert list(frame) == ["arch", "value_1", "value_2", "slack_1", "feasible", "on_front"]
    assert frame["feasible"].tolist() == [True, False, True]
    assert frame["on_front"].tolist() == [True, False, False]
    assert texts(history.front_archs) == [frame["arch"][0]]
    for ask in (lambda: history.best, lambda: history.running_best):
        with pytest.raises(UsageError, match="no single best architecture; ask for the front"):
            ask()
    with pytest.raises(UsageError, match="nothing feasible"):
        ParetoHistory(TOY, X, Y[:, 1:] - 9, Outcomes(1, 1)).best  # noqa: B018


# What is refused.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_initial": 0}, "n_initial must be at least 1"),
        ({"predictors": [GP(TOY)]}, "1 different predictors for 2 objectives and 1 constraints"),
        ({"predictors": [GP(TOY)] * 3}, "1 different predictors"),
        ({"predictors": [GP(NB201), GP(TOY), GP(TOY)]}, "a predictor is of 'nb201'"),
        ({"reference": [1.0]}, "the reference has 1 values for 2 objectives"),
    ],
)
def test_an_optimizer_says_what_does_not_fit(options, message):
    with pytest.raises(UsageError, match=message):
        MultiObjectiveOptimizer(TOY, Outcomes(2, 1), seed=0, **options)


@pytest.mark.parametrize(
    ("outcomes", "factory", "message"),
    [
        (Outcomes(1, 1), qlog_nehvi, "qlog_nehvi takes several objectives"),
        (Outcomes(1, 1), qlog_nparego, "qlog_nparego takes several objectives"),
        (Outcomes(2), constrained_log_nei, "takes one objective, got 2; use qlog_nehvi"),
    ],
)
def test_a_rule_for_another_number_of_objectives_says_so(outcomes, factory, message):
    optimizer = MultiObjectiveOptimizer(
        TOY, outcomes, acquisition=MaximizeOutcomes(factory), n_initial=3, seed=0
    )
    with pytest.raises(UsageError, match=message):
        run(optimizer, partial(value, outcomes=outcomes), 5)


@pytest.mark.parametrize("option", ["n_initial", "batch", "population", "generations"])
def test_guided_evolution_refuses_nothing(option):
    with pytest.raises(UsageError, match=f"{option} must be at least 1; got 0"):
        GuidedEvolution(TOY, Outcomes(2), seed=0, **{option: 0})


def test_nsga2_says_what_is_missing(monkeypatch):
    with pytest.raises(UsageError, match="population must be at least 2"):
        NSGA2(TOY, Outcomes(2), population=1, seed=0)
    real = builtins.__import__

    def without_optuna(name, *args, **kwargs):
        if name == "optuna":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_optuna)
    with pytest.raises(DataError, match=r"pip install 'archbo\[optuna\]'"):
        NSGA2(TOY, Outcomes(2), seed=0)


# Evolution's parts.


def test_nsga2_moves_towards_the_front(capsys):
    outcomes, hits = Outcomes(2), {"nsga2": 0.0, "random": 0.0}
    reference = torch.tensor([0.0, -9.0])
    for name in hits:
        for seed in range(4):
            searcher = SEARCHERS[name](NB201, outcomes, seed=seed)
            hits[name] += run(searcher, partial(value, outcomes=outcomes), 40).hypervolume(
                reference
            )
    assert hits["nsga2"] > hits["random"]
    assert "study" not in "".join(capsys.readouterr())


def test_nsga2_stays_among_its_candidates():
    candidates = FixedCandidates(TOY, TOY.enumerate()[::2])
    searcher = NSGA2(TOY, Outcomes(2), candidates=candidates, population=4, seed=0)
    history = run(searcher, partial(value, outcomes=Outcomes(2)), 20)
    assert len(history) == 12
    assert candidates.contains(history.X).all()


def test_children_take_each_decision_from_a_parent():
    generator = torch.Generator().manual_seed(0)
    mothers, fathers = (NB101.sample(50, generator=generator) for _ in range(2))
    children = crossover(NB101, mothers, fathers, generator=generator)
    assert NB101.is_valid(children).all()
    assert ((children == mothers) | (children == fathers)).all()
    assert not children.equal(mothers)


def test_crowding_is_the_distance_of_the_neighbours():
    Y = torch.tensor([[0.0, 10.0], [1.0, 6.0], [3.0, 4.0], [10.0, 0.0]])
    expected = [float("inf"), 3 / 10 + 6 / 10, 9 / 10 + 6 / 10, float("inf")]
    assert crowding(Y).tolist() == pytest.approx(expected)
    assert crowding(Y[:1]).isinf().all()
