"""Mixed spaces in scripts of Optuna's: parameters of their own kinds, and only those that count."""

import optuna
import pytest

from archbo import ArchSampler, Goal, RandomSearch
from archbo.errors import DataError
from archbo.spaces import Integer, MixedSpace, Ordered, Real
from archbo.studies import arch_of

SPACE = MixedSpace(
    "s",
    {
        "momentum": Real(0, 0.99, active_if={"op": ["sgd"]}),
        "op": ["sgd", "adam"],
        "rate": Real(1e-4, 1, log=True),
        "units": Integer(1, 200, log=True),
        "kernel": Ordered([3, 5, 7]),
    },
)


@pytest.fixture
def study():
    sampler = ArchSampler(SPACE, strategy=RandomSearch(SPACE, Goal(), seed=0))
    return optuna.create_study(direction="maximize", sampler=sampler)


def test_a_script_suggests_what_counts(study):
    archs = []

    def objective(trial):
        arch = arch_of(trial, SPACE)
        archs.append(arch)
        assert trial.suggest_float("rate", 1e-4, 1, log=True) == arch["rate"]
        assert trial.suggest_int("units", 1, 200, log=True) == arch["units"]
        assert trial.suggest_categorical("kernel", [3, 5, 7]) == arch["kernel"]
        assert ("momentum" in trial.params) == (arch["op"] == "sgd")
        return arch["rate"]

    study.optimize(objective, n_trials=8)
    assert {arch["op"] for arch in archs} == {"sgd", "adam"}
    assert len(set(archs)) == 8
    sampler = study.sampler
    trial = study.ask()
    log = sampler.log_before(study, trial._trial_id)[1]
    assert [trial.arch for trial in log.trials] == archs


def test_what_was_enqueued_switches_off_what_does_not_count(study):
    study.enqueue_trial({"op": "adam", "rate": 0.5})
    study.enqueue_trial({"op": "sgd", "momentum": 0.25})
    first, second = (arch_of(study.ask(), SPACE) for _ in range(2))
    assert (first["op"], first["rate"], first["momentum"]) == ("adam", 0.5, "not active")
    assert (second["op"], second["momentum"]) == ("sgd", 0.25)


def test_a_trial_without_what_counts_is_no_architecture():
    params = {"op": "sgd", "rate": 0.1, "units": 4, "kernel": 3}
    distributions = {
        "op": optuna.distributions.CategoricalDistribution(["sgd", "adam"]),
        "rate": optuna.distributions.FloatDistribution(1e-4, 1, log=True),
        "units": optuna.distributions.IntDistribution(1, 200, log=True),
        "kernel": optuna.distributions.CategoricalDistribution([3, 5, 7]),
    }
    trial = optuna.trial.create_trial(params=params, distributions=distributions, value=1.0)
    with pytest.raises((DataError, ValueError), match="momentum"):
        arch_of(trial, SPACE)
