"""Search with several fidelities, and from another task's observations."""

import io

import pytest
import torch

from archbo.acquisition import (
    FixedCandidates,
    Maximize,
    ThompsonSampling,
    expected_improvement,
    log_ei,
)
from archbo.bo_loop import (
    MultiFidelityOptimizer,
    Optimizer,
    RandomSearch,
    Training,
    run_fidelities,
    warm_start,
)
from archbo.errors import InvalidArchitectureError, NothingLeftError, UsageError
from archbo.predictors import MultiTaskGP, marginals
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
COSTS = {"short": 12, "full": 200}
BEST = TOY.parse("width=32,depth=3,skip=yes")


def full(arch):
    return 90.0 - sum(abs(a - b) for a, b in zip(arch.row, BEST, strict=True)) ** 1.5


def short(arch):
    return full(arch) / 3 + 0.3 * (hash(arch.row) % 3)


VALUES = {"short": short, "full": full}


def make(costs=COSTS, *, n_initial=5, n_cheap=8, seed=0, **options):
    return MultiFidelityOptimizer(
        TOY, costs, n_initial=n_initial, n_cheap=n_cheap, seed=seed, **options
    )


def step(optimizer, q=1):
    trainings = optimizer.ask(q)
    optimizer.tell(trainings, [VALUES[fidelity](arch) for arch, fidelity in trainings])
    return [(str(arch), fidelity) for arch, fidelity in trainings]


def steps_to_the_end(optimizer):
    while True:
        try:
            yield from step(optimizer, 2)
        except NothingLeftError:
            return


def test_every_architecture_is_trained_in_full_at_most_once():
    optimizer = make()
    asked = list(steps_to_the_end(optimizer))
    assert len(set(asked)) == len(asked)
    assert sorted(arch for arch, fidelity in asked if fidelity == "full") == sorted(
        str(arch) for arch in TOY.archs(TOY.enumerate())
    )


def test_pending_trainings_are_not_asked_for_again():
    optimizer = make()
    step(optimizer, 8)
    pending = [training for _ in range(5) for training in optimizer.ask(2)]
    archs = [arch for arch, _ in pending]
    assert len(set(archs)) == len(archs) == 10
    optimizer.tell(pending[::-1], [1.0] * 10)
    assert optimizer.history.trainings[-10:] == pending[::-1]


def test_search_finds_the_best_for_less_than_full_trainings_cost():
    spent = []
    for seed in range(3):
        history = run_fidelities(make(seed=seed), VALUES, 2400)
        assert history.best == (TOY.arch(BEST), 90.0)
        found = history.running_best == 90.0
        spent.append(float(history.spent[found][0]))
    assert sorted(spent)[1] <= 1600  # a third of what it costs to train all in full


@pytest.mark.parametrize(("acquisition", "q"), [(None, 2), (Maximize(log_ei), 4)])
def test_fidelity_that_tells_nothing_more_for_its_cost_is_left_out(acquisition, q):
    """A short training that costs nearly as much as a full one is not worth it once both are known to agree little."""
    optimizer = make({"short": 199, "full": 200}, acquisition=acquisition)
    noise = torch.randn(24, generator=torch.Generator().manual_seed(0)).tolist()
    X = TOY.enumerate()
    archs = TOY.archs(X)
    optimizer.tell([(arch, "short") for arch in archs[:12]], noise[:12])
    optimizer.tell([(arch, "full") for arch in archs[:12]], [full(arch) for arch in archs[:12]])
    assert [fidelity for _, fidelity in optimizer.ask(q)] == ["full"] * q


def test_cheapest_fidelity_is_searched_for_its_own_best_before_one_goes_up():
    optimizer = make(n_initial=4, n_cheap=12)
    start = [step(optimizer)[0] for _ in range(12)]
    assert {fidelity for _, fidelity in start} == {"short"}
    values = [short(TOY.arch(arch)) for arch, _ in start]
    assert step(optimizer) == [(start[values.index(max(values))][0], "full")]
    # Picked, not drawn: the same seed draws others.
    drawn = [step(other)[0] for other in [make(n_initial=12)] for _ in range(12)]
    assert start[:4] == drawn[:4]
    assert sum(values[4:]) / 8 > sum(short(TOY.arch(arch)) for arch, _ in drawn[4:]) / 8


def test_start_costs_no_more_than_a_few_trainings_at_the_target():
    assert make(n_cheap=None).n_cheap == 60
    assert make({"short": 50, "full": 200}, n_cheap=None).n_cheap == 16


def test_a_training_is_chosen_for_the_improvement_after_it_per_cost():
    """The rule against its definition, with the model told of one training after the other."""
    optimizer = make(n_initial=5, n_cheap=6)
    for _ in range(9):
        step(optimizer)
    short_record, full_record = optimizer._records
    state = optimizer.state_dict()
    (asked,) = optimizer.ask()

    gp = MultiTaskGP(TOY, sources=[(short_record.X, short_record.Y)])
    other = make()
    other.load_state_dict(state)
    seed = int(torch.randint(2**31, (), generator=other.generator))
    gp.fit(full_record.X, full_record.Y, seed=seed)
    best_f = marginals(gp.latent, full_record.X)[0].max()
    X = optimizer.candidates.without(TOY.enumerate(), full_record.X)

    def best_improvement(model):
        mean, std = marginals(model, X)
        return float(expected_improvement(mean, std.square(), best_f).max())

    rates = {"full": best_improvement(gp.latent) / 200}
    nodes = torch.special.ndtri((torch.arange(16).double() + 0.5) / 16)
    nodes = nodes / nodes.square().mean().sqrt()
    for row in optimizer.candidates.without(X, short_record.X):
        at_short = torch.cat([row, row.new_zeros(1)]).unsqueeze(0)
        posterior = gp.latent.posterior(at_short, observation_noise=True)
        told = [
            gp.latent.condition_on_observations(
                at_short, posterior.mean + node * posterior.variance.sqrt()
            )
            for node in nodes
        ]
        rates[TOY.format(row)] = sum(map(best_improvement, told)) / 16 / 212
    winner = max(rates, key=rates.get)
    assert len(rates) > 5
    if winner == "full":
        assert asked.fidelity == "full"
    else:
        assert (str(asked.arch), asked.fidelity) == (winner, "short")


@pytest.mark.parametrize("budget", [200, 211, 260, 300])
def test_a_small_budget_still_trains_its_best_in_full(budget):
    history = run_fidelities(make(n_cheap=60), VALUES, budget)
    assert history.cost <= budget
    *cheap, last = history.trainings
    assert last.fidelity == "full"
    assert len(cheap) == (budget - 200) // 12
    if cheap:
        assert short(last.arch) == max(short(arch) for arch, _ in cheap)


@pytest.mark.parametrize("acquisition", [None, Maximize(log_ei)])
def test_three_fidelities(acquisition):
    costs = {"a": 1, "b": 10, "c": 100}
    values = {"a": short, "b": full, "c": full}
    optimizer = make(costs, n_initial=6, acquisition=acquisition)
    history = run_fidelities(optimizer, values, 900)
    assert history.best[0] == TOY.arch(BEST)
    assert set(history.to_frame()["fidelity"]) == {"a", "b", "c"}


def test_history_adds_up():
    history = run_fidelities(make(), VALUES, 1000)
    frame = history.to_frame()
    assert len(frame) == len(history)
    costs = frame["fidelity"].map(COSTS)
    assert frame["spent"].tolist() == costs.cumsum().tolist()
    assert 1000 - 200 < history.cost <= 1000
    at_full = frame["value"].where(frame["fidelity"] == "full", float("-inf"))
    assert frame["best"].tolist() == at_full.cummax().tolist()
    assert history.best[1] == frame["best"].iloc[-1]
    for (arch, fidelity), value in zip(history.trainings, history.Y.flatten(), strict=True):
        assert value == pytest.approx(VALUES[fidelity](arch))


def test_nothing_at_the_target_has_no_best():
    optimizer = make()
    assert optimizer.history.cost == 0
    step(optimizer)
    with pytest.raises(UsageError, match="no training at 'full' has been told yet"):
        _ = optimizer.history.best


@pytest.mark.parametrize("pending", [0, 2])
def test_restored_search_goes_on_as_if_uninterrupted(pending):
    optimizer = make(seed=3)
    for _ in range(9):
        step(optimizer)
    if pending:
        optimizer.ask(pending)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = make(seed=99)
    other.load_state_dict(torch.load(file, weights_only=True))
    for q in (1, 2, 1):
        assert step(other, q) == step(optimizer, q)
    assert other.history.to_frame().equals(optimizer.history.to_frame())


def test_seed_decides_the_search():
    first, same, another = (
        [step(optimizer) for _ in range(9)] for optimizer in (make(), make(), make(seed=1))
    )
    assert first == same
    assert first != another


def test_other_rules_and_candidates_serve():
    pool = FixedCandidates(TOY, TOY.enumerate()[:10])
    optimizer = make(acquisition=ThompsonSampling(), candidates=pool)
    asked = [training for _ in range(10) for training in step(optimizer)]
    assert pool.contains(TOY.rows([arch for arch, _ in asked])).all()


@pytest.mark.parametrize(
    ("trainings", "Y", "error", "message"),
    [
        ([((0, 0, 0), "short")], [1.0, 2.0], UsageError, "1 trainings but 2 values"),
        ([((0, 0, 0), "long")], [1.0], UsageError, r"no fidelity 'long'; tell one of \['short'"),
        (
            [((0, 0, 0), "short"), ((2, 3, 1), "full")],
            [1.0, float("nan")],
            UsageError,
            "the value of width=32,depth=4,skip=yes at 'full' is nan",
        ),
        ([((0, 0, 0), "short"), ((0, 0, 2), "full")], [1.0] * 2, InvalidArchitectureError, "toy"),
    ],
)
def test_refused_tell_records_nothing(trainings, Y, error, message):
    optimizer = make()
    with pytest.raises(error, match=message):
        optimizer.tell(trainings, Y)
    assert len(optimizer.history) == 0


def test_wrong_arguments_are_refused():
    for costs in ({"full": 200}, {"a": 2, "b": 2}, {"a": 2, "b": 1}, {"a": 0, "b": 1}):
        with pytest.raises(UsageError, match="at least two fidelities"):
            make(costs)
    with pytest.raises(UsageError, match="n_initial must be at least 1; got 0"):
        make(n_initial=0)
    with pytest.raises(UsageError, match="n_cheap must be at least 1; got 0"):
        make(n_cheap=0)
    with pytest.raises(UsageError, match="the predictor is of"):
        make(predictor=MultiTaskGP(NB201))
    with pytest.raises(UsageError, match="at least 1; got 0"):
        make().ask(0)
    with pytest.raises(UsageError, match="no objective for short"):
        run_fidelities(make(), {"full": full}, 1000)
    with pytest.raises(UsageError, match="budget of 100 does not pay"):
        run_fidelities(make(), VALUES, 100)
    with pytest.raises(UsageError, match="this one is over"):
        make().load_state_dict(make({"a": 1, "b": 2}).state_dict())


# From another task.


def test_search_goes_on_from_another_task():
    X = TOY.sample(12, generator=torch.Generator().manual_seed(0))
    source = (X, [short(arch) for arch in TOY.archs(X)])
    warm = Optimizer(
        TOY, MultiTaskGP(TOY, sources=[source]), n_initial=1, initial=TOY.archs(X[:1]), seed=0
    )
    assert warm.ask() == TOY.archs(X[:1])
    assert warm.ask() != TOY.archs(X[:1])
    warm.tell(X[:1], [full(TOY.arch(X[0]))])
    for _ in range(6):
        archs = warm.ask()
        warm.tell(archs, [full(arch) for arch in archs])
    assert warm.history.best[1] == 90.0


def test_architectures_to_begin_with_come_first():
    initial = ["width=8,depth=1,skip=no", "width=16,depth=2,skip=no", "width=8,depth=1,skip=no"]
    optimizer = Optimizer(TOY, initial=initial, n_initial=3, seed=0)
    assert [str(arch) for arch in optimizer.ask(3)] == initial[:2]
    random = Optimizer(TOY, n_initial=3, seed=0).ask(1)
    assert optimizer.ask(1) == random or str(random[0]) in initial
    told = Optimizer(TOY, initial=initial, seed=0)
    told.tell(initial[:1], [1.0])
    assert str(told.ask()[0]) == initial[1]
    with pytest.raises(InvalidArchitectureError):
        Optimizer(TOY, initial=["width=9"], seed=0)


def test_training_is_a_pair():
    arch, fidelity = Training(TOY.arch(BEST), "full")
    assert (str(arch), fidelity) == ("width=32,depth=3,skip=yes", "full")
    assert RandomSearch(TOY, seed=0).history.X.shape == (0, 3)


def test_warm_start_begins_with_what_the_last_source_ranks_first():
    X = TOY.enumerate()
    archs = TOY.archs(X)
    sources = [
        (X[::2], [-full(arch) for arch in archs[::2]]),
        (X[1::2], [full(arch) for arch in archs[1::2]]),
    ]
    optimizer = warm_start(TOY, sources, seed=0)
    assert optimizer.ask() == [TOY.arch(BEST)]
    pool = FixedCandidates(TOY, X[:4])
    first = warm_start(TOY, sources, candidates=pool, seed=0).ask()
    assert pool.contains(TOY.rows(first)).all()
    for nothing in ([], [(X[:0], [])]):
        with pytest.raises(UsageError, match="nothing to start from"):
            warm_start(TOY, nothing, seed=0)
