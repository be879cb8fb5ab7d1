"""The examples, shortened: searched, killed, gone on with, and compared with random architectures."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archbo import Goal, Log, RandomSearch, catalog
from archbo.errors import DataError
from archbo.evaluators import load_function
from archbo.studies import Study, read_header

EXAMPLES = Path(__file__).parents[1] / "examples"
N_QUERIES = 10
SPACES = {"digits": "nb201", "own_cnn": str(EXAMPLES / "own_cnn" / "space.toml")}


def started(*arguments, cwd):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True)


def log_at(path, strategy):
    """The log of a study; an empty one before it is begun."""
    try:
        read_header(path)
    except DataError:
        return Log(strategy.space, strategy.goal)
    return Study(path, strategy).log


@pytest.mark.slow
def test_a_training_goes_on_from_its_checkpoint(tmp_path):
    evaluate = load_function(f"{EXAMPLES / 'own_cnn' / 'train.py'}:evaluate")
    arch = catalog.space(SPACES["own_cnn"]).arch(
        "width=8,depth=2,kernel=3,activation=relu,learning_rate=0.01"
    )
    whole = {}
    evaluate(arch, tmp_path, None, whole.__setitem__)
    curve = {}

    def stop(epoch, value):
        curve[epoch] = value
        if epoch == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(arch, tmp_path, None, stop)
    assert len(curve) == 7
    assert evaluate(arch, tmp_path, tmp_path, curve.__setitem__) == whole[20]
    assert curve == whole
    assert len(curve) == 20


@pytest.mark.slow
@pytest.mark.parametrize("example", SPACES)
def test_an_example_is_killed_and_goes_on(tmp_path, example):
    script = EXAMPLES / example / "train.py"
    strategy = RandomSearch(catalog.space(SPACES[example]), Goal.parse("accuracy"))
    search = ("-m", "archbo", "search", f"{script}:evaluate", "--space", SPACES[example])
    search += ("--objective", "accuracy", "--study", "run.db", "--queries", N_QUERIES)
    process = started(*search, cwd=tmp_path)
    study = tmp_path / "run.db"
    while log_at(study, strategy).n_told < 2:
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    process.communicate()
    before = log_at(study, strategy)
    assert before.n_told < N_QUERIES

    again = started(*search, cwd=tmp_path)
    printed, _ = again.communicate()
    assert again.returncode == 0
    assert f"run.db: {N_QUERIES} told, 0 failed" in printed
    told = [trial for trial in before.trials if trial.values]
    log = log_at(study, strategy)
    assert set(told) <= set(log.trials)
    assert len({trial.arch for trial in log.trials}) == N_QUERIES

    command = (EXAMPLES / "against_random.py", "run.db", SPACES[example], f"{script}:test")
    compared = started(*command, "--repeats", 2, cwd=tmp_path)
    printed, _ = compared.communicate()
    assert compared.returncode == 0
    ours, theirs, improvement = (
        float(re.search(rf"{line}: +(-?[\d.]+) %", printed)[1])
        for line in ("test images", "random architectures", "relative improvement")
    )
    assert improvement == pytest.approx(100 * (ours - theirs) / theirs, abs=0.1)
    assert ours > 30
