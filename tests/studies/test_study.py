"""A study is a log in a database, and goes on in any process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archbo import CategoricalSpace, Goal, Optimizer, RandomSearch, Study, catalog, run
from archbo.bo_loop import Bayesian, FidelityBayesian, GuidedEvolution
from archbo.errors import DataError, NothingLeftError, UsageError
from archbo.log import State
from archbo.studies import read_header

SPACE = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
WIDE = CategoricalSpace("wide", {"width": [8, 16, 32, 64], "depth": [1, 2, 3, 4]})
GOALS = {
    "single": Goal.parse("acc"),
    "several": Goal.parse("acc,-latency", subject_to=["energy<=5", "acc>=1"]),
    "fidelities": Goal.parse("acc", fidelities={"short": 1.0, "long": 10.0}),
}


def values_of(goal, arch):
    width, depth = arch.row
    known = {"acc": width + depth, "latency": width * depth, "energy": 2 * depth}
    return {metric: known[metric] for metric in goal.metrics}


def random_study(path, goal="single", seed=0):
    return Study(path, RandomSearch(SPACE, GOALS[goal], seed=seed))


@pytest.mark.parametrize("suffix", ["db", "log"])
@pytest.mark.parametrize("goal", GOALS.values(), ids=GOALS)
def test_a_log_is_kept(tmp_path, goal, suffix):
    path = tmp_path / f"run.{suffix}"
    strategy = RandomSearch(SPACE, goal, seed=0)
    study = Study(path, strategy)
    in_memory = Optimizer(strategy)
    for search in (study, in_memory):
        # A study proposes one after the other.
        told, failed, dropped, _ = [search.ask_trials()[0] for _ in range(4)]
        search.tell([told], [values_of(goal, told.arch)], cost=3.5)
        search.fail([failed], "out of memory")
        search.drop([dropped])
        search.tell("width=8,depth=1", values_of(goal, SPACE.arch("width=8,depth=1")))
        search.tell("width=8,depth=1", values_of(goal, SPACE.arch("width=8,depth=1")))
        search.fail("width=8,depth=2", "by hand")
    assert study.log == in_memory.log
    assert Study(path, strategy).log == in_memory.log
    assert read_header(path).goal == goal


STRATEGIES = {
    "bayesian": lambda: Bayesian(SPACE, GOALS["single"], n_initial=3, seed=1),
    "fidelities": lambda: FidelityBayesian(SPACE, GOALS["fidelities"], n_initial=3, seed=1),
    "guided-evolution": lambda: GuidedEvolution(SPACE, GOALS["single"], seed=1),
    "evolution": lambda: catalog.strategy("evolution", SPACE, GOALS["single"], seed=1),
    "nsga2": lambda: catalog.strategy("nsga2", SPACE, GOALS["several"], seed=1),
}


@pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES)
def test_a_study_proposes_what_an_optimizer_does(tmp_path, make):
    study, optimizer = Study(tmp_path / "run.db", make()), Optimizer(make())
    for number in range(7):
        if number == 4:
            study = Study(tmp_path / "run.db", make())
        for search in (study, optimizer):
            (trial,) = search.ask_trials()
            search.tell([trial], [values_of(search.goal, trial.arch)])
    assert study.log == optimizer.log


def test_run_takes_a_study(tmp_path):
    log = run(random_study(tmp_path / "run.db"), lambda arch: sum(arch.row), 5)
    assert log.n_told == 5
    assert random_study(tmp_path / "run.db").log == log


def test_optuna_reads_a_study(tmp_path):
    study = random_study(tmp_path / "run.db", "several")
    study.tell("width=32,depth=4", {"acc": 5, "latency": 6, "energy": 7})
    (trial,) = study.optuna_study.trials
    assert trial.params == {"width": 32, "depth": 4}
    assert trial.values == [5, 6]
    assert sorted(trial.constraints.values()) == [-4, 2]


def test_a_promoted_trial_is_kept(tmp_path):
    study = random_study(tmp_path / "run.db", "fidelities")
    study.tell("width=32,depth=4", 3.0, fidelity="short")
    trial = study.promote()
    assert (str(trial.arch), trial.fidelity) == ("width=32,depth=4", "long")
    assert random_study(tmp_path / "run.db", "fidelities").log.trials[-1] == trial


def test_another_space_or_goal_is_refused(tmp_path):
    path = tmp_path / "run.db"
    random_study(path)
    with pytest.raises(DataError, match="is for acc, not for"):
        random_study(path, "fidelities")
    with pytest.raises(DataError, match="another space"):
        Study(path, RandomSearch(CategoricalSpace("toy", {"width": [8, 16]}), GOALS["single"]))


def test_a_study_with_too_little_left(tmp_path):
    study = random_study(tmp_path / "run.db")
    assert len(study.ask(20)) == 12
    with pytest.raises(NothingLeftError):
        study.ask()
    with pytest.raises(UsageError, match="at least 1"):
        study.ask(0)
    assert len(study.log) == 12
    assert len(study.log.select(State.ASKED)) == 12


def test_what_is_no_study_is_refused_in_one_line(tmp_path):
    corrupted, missing = tmp_path / "bad.db", tmp_path / "no" / "run.db"
    corrupted.write_bytes(b"this is no database" * 100)
    broken = tmp_path / "bad.log"
    broken.write_text("not json\nat all\n")
    for path in (corrupted, broken, missing):
        with pytest.raises(DataError) as error:
            random_study(path)
        assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="no study at"):
        read_header(tmp_path / "none.db")
    with pytest.raises(DataError):
        read_header(corrupted)
    with pytest.raises(DataError, match="cannot use"):
        random_study("nosuch://host/db")


def test_a_read_only_study_is_refused(tmp_path):
    random_study(tmp_path / "run.db").tell("width=8,depth=1", 1.0)
    study = random_study(f"sqlite:///file:{tmp_path}/run.db?mode=ro&uri=true")
    assert study.log.n_told == 1
    for write in (study.ask, lambda: study.tell("width=8,depth=1", 2.0)):
        with pytest.raises(DataError, match="readonly database") as error:
            write()
        assert "\n" not in str(error.value)


ASKING = """
import sys
from archbo import CategoricalSpace, RandomSearch, Study
space = CategoricalSpace("wide", {"width": [8, 16, 32, 64], "depth": [1, 2, 3, 4]})
study = Study(sys.argv[1], RandomSearch(space, seed=0))
for _ in range(5):
    (arch,) = study.ask()
    study.tell([arch], [sum(arch.row)])
"""


def test_two_processes_propose_nothing_twice(tmp_path):
    path = tmp_path / "run.db"
    study = Study(path, RandomSearch(WIDE, seed=0))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", ASKING, str(path)]
    both = [subprocess.Popen(command, env=env) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert study.log.n_told == 10
    assert len({str(trial.arch) for trial in study.log.trials}) == 10


def test_a_dead_proposer_holds_nobody_up(tmp_path):
    study = random_study(tmp_path / "run.db")
    code = (
        "import sys, os; from archbo import CategoricalSpace, RandomSearch, Study\n"
        "space = CategoricalSpace('toy', {'width': [8, 16, 32], 'depth': [1, 2, 3, 4]})\n"
        "from archbo import Goal\n"
        "study = Study(sys.argv[1], RandomSearch(space, Goal.parse('acc'), seed=0))\n"
        "study.optuna_study.sampler.proposed = lambda *_: os._exit(3)\n"
        "study.ask()"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    path = str(Path(tmp_path / "run.db"))
    assert subprocess.run([sys.executable, "-c", code, path], env=env).returncode == 3
    (arch,) = study.ask()
    assert [trial.arch for trial in study.log.trials] == [arch]
    assert (
        arch
        == RandomSearch(SPACE, GOALS["single"], seed=0)
        .propose(Optimizer(SPACE, GOALS["single"]).log, 1)
        .trials[0]
        .arch
    )
