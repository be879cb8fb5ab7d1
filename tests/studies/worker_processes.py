"""Workers in processes of their own, forked from one that has archbo loaded, so that they can be killed often."""

import multiprocessing
import os
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from archbo import Bayesian, CategoricalSpace, Goal, RandomSearch, Study
from archbo.studies import work

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["archbo.bo_loop", "archbo.studies"])

SPACE = CategoricalSpace("toy", {"width": [*range(30)], "depth": [*range(30)]})
GOAL = Goal.parse("acc")
STRATEGIES = {
    "random": lambda: RandomSearch(SPACE, GOAL, seed=0),
    "bayesian": lambda: Bayesian(SPACE, GOAL, n_initial=5, seed=0),
}


def study_at(url, strategy="random"):
    return Study(url, STRATEGIES[strategy]())


def values_of(trial):
    return {"acc": -sum((choice - 11) ** 2 for choice in trial.arch.row)}


def start(url, n_trials, seconds, *, strategy="random", record=os.devnull) -> BaseProcess:
    """A worker whose evaluations take that long; it notes in a file what was evaluated, and how many were told."""
    arguments = (str(url), n_trials, seconds, strategy, Path(record))
    process = CONTEXT.Process(target=_work, args=arguments)
    process.start()
    return process


def _work(url, n_trials, seconds, strategy, record):
    torch.set_num_threads(1)

    def evaluate(trial):
        time.sleep(seconds)
        with record.open("a") as file:
            print("evaluated", trial.arch, file=file)
        return values_of(trial)

    def tell(log):
        with record.open("a") as file:
            print("told", log.n_told, file=file)

    study = study_at(url, strategy)
    with record.open("a") as file:
        print("opened", os.getpid(), file=file)
    work(study, evaluate, n_trials, retries=1000, callback=tell)
