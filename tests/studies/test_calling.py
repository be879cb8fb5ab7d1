"""Learning curves that pruners stop, and trainings that go on from checkpoints."""

import os
import signal
import statistics
import subprocess
import sys

import optuna
import pytest

from archbo import CategoricalSpace, FidelityBayesian, Goal, RandomSearch, Study, run
from archbo.errors import PrunedError, UsageError
from archbo.log import State
from archbo.studies import ArchSampler, calling, request_of, work
from archbo.studies.storage import log_of

SPACE = CategoricalSpace("toy", {"width": [*range(8)], "depth": [*range(3)]})
N_EPOCHS = 4


def train(arch, report):
    for epoch in range(N_EPOCHS):
        report(epoch, arch["width"] + epoch)
    return arch["width"] + N_EPOCHS


def study_at(url, goal="acc"):
    return Study(url, RandomSearch(SPACE, Goal.parse(goal), seed=0))


@pytest.mark.parametrize("goal", ["acc", "-loss"])
def test_a_pruner_stops_what_is_worse_than_the_median(tmp_path, goal):
    study = study_at(tmp_path / "run.db", goal)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=3)
    log = work(study, calling(train, study, folder=tmp_path), 16)
    told = []
    for trial, frozen in zip(log.trials, study.optuna_study.trials, strict=True):
        width, sign = trial.arch["width"], 1 if goal == "acc" else -1
        bad = len(told) >= 3 and sign * width < sign * statistics.median(told)
        assert trial.state == (State.PRUNED if bad else State.TOLD)
        curve = {epoch: width + epoch for epoch in range(1 if bad else N_EPOCHS)}
        assert frozen.intermediate_values == curve
        told += [] if bad else [width]
    assert log.n_pruned
    assert log.n_ended == log.spent == len(log.seen().unique(dim=0)) == 16
    assert log.n_failed == 0
    # Another process reads the same, and goes on without a pruner.
    again = study_at(tmp_path / "run.db", goal)
    assert again.log == log
    log = work(again, calling(train, again, folder=tmp_path), 18)
    assert log.n_told == 18 - study_at(tmp_path / "run.db", goal).log.n_pruned


def test_without_a_pruner_curves_are_kept(tmp_path):
    study = study_at(tmp_path / "run.db", "acc,-loss")
    number, trial = study.begin()
    assert not study.report(number, 0, 0.5)
    assert not study.report(number, 3, float("nan"))
    assert list(study.optuna_study.trials[0].intermediate_values) == [0, 3]
    with pytest.raises(UsageError, match="from 0"):
        study.report(number, -1, 0.5)
    study.tell([trial], [[1, 2]])
    assert study.report(number, 4, 0.5)  # nobody waits for it any more
    study.prune([trial])
    assert [trial.state for trial in study.log.trials] == [State.TOLD]


def test_several_objectives_have_no_pruner(tmp_path):
    study = study_at(tmp_path / "run.db", "acc,-loss")
    with pytest.raises(UsageError, match="single objective"):
        study.pruner = optuna.pruners.MedianPruner()


def test_run_records_what_stopped_itself():
    def evaluate(arch):
        if arch["width"] < 4:
            raise PrunedError
        return arch["width"]

    log = run(RandomSearch(SPACE, seed=0), evaluate, 10)
    assert log.n_ended == 10
    assert {t.state == State.PRUNED for t in log.trials if t.arch["width"] < 4} == {True}
    assert log.n_told == sum(t.arch["width"] >= 4 for t in log.trials)


def test_a_script_of_optunas_prunes_as_ever():
    def objective(trial):
        width = trial.suggest_categorical("width", [*range(8)])
        trial.suggest_categorical("depth", [*range(3)])
        for epoch in range(N_EPOCHS):
            trial.report(width + epoch, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return width

    sampler = ArchSampler(SPACE, strategy=RandomSearch(SPACE, Goal.parse("value"), seed=0))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=3)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials=16)
    log = log_of(study.trials, SPACE, sampler.strategy.goal)
    pruned = [trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials]
    assert any(pruned)
    assert [trial.state == State.PRUNED for trial in log.trials] == pruned


def test_a_long_training_goes_on_from_the_short_one(tmp_path):
    goal = Goal.parse("acc", fidelities={"short": 12, "long": 200})
    study = Study(tmp_path / "run.db", FidelityBayesian(SPACE, goal, seed=0))
    study.tell(["width=1,depth=1", "width=2,depth=2"], [0.5, 0.9], fidelity="short")
    trial = study.promote()
    assert request_of(study, trial, tmp_path).checkpoint is None
    short = tmp_path / "trial-00001"
    short.mkdir()
    (short / "log.txt").touch()
    assert request_of(study, trial, tmp_path).checkpoint is None
    (short / "weights").touch()
    request = request_of(study, trial, tmp_path)
    assert (request.fidelity, request.folder) == ("long", tmp_path / "trial-00002")
    assert request.checkpoint == short


def test_folders_have_the_numbers_of_the_storage(tmp_path):
    study = study_at(tmp_path / "run.db")
    study.optuna_study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))
    number, trial = study.begin()
    assert (number, trial.number) == (1, 0)
    assert request_of(study, trial, tmp_path).folder == tmp_path / "trial-00001"


CODE = """
import os, signal, time

def evaluate(arch, folder, checkpoint, report):
    epoch = int((checkpoint / "epoch").read_text()) if checkpoint is not None else 0
    (folder / f"from-{epoch}").touch()
    while epoch < 5:
        report(epoch, epoch / 2)
        epoch += 1
        (folder / "epoch").write_text(str(epoch))
        if epoch == 3 and checkpoint is None:
            (folder / "pid").write_text(str(os.getpid()))
            os.kill(os.getppid(), signal.SIGKILL)  # the worker
            time.sleep(1000)
    return epoch
"""


def test_a_trial_whose_worker_was_killed_goes_on_from_its_checkpoint(tmp_path):
    (tmp_path / "train.py").write_text(CODE)
    (tmp_path / "toy.toml").write_text(
        'kind = "categorical"\nname = "toy"\n[columns]\nwidth = [8, 16]'
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    options = ["--space", "toy.toml", "--study", "run.db", "--strategy", "random", "--queries", "1"]
    command = "from archbo.cli import main; main()"
    arguments = [sys.executable, "-c", command, "search", "./train.py:evaluate", *options]
    first = subprocess.run(arguments, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert first.returncode == -signal.SIGKILL
    folder = tmp_path / "run.trials" / "trial-00000"
    second = subprocess.run(arguments, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert "1 told, 0 failed" in second.stdout
    assert sorted(path.name for path in folder.glob("from-*")) == ["from-0", "from-3"]
    kept = optuna.load_study(study_name="archbo", storage=f"sqlite:///{tmp_path}/run.db")
    trial = kept.trials[0]  # behind it is the claim of the worker that took it over
    assert trial.intermediate_values == {epoch: epoch / 2 for epoch in range(5)}
