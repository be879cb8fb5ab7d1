"""Workers in processes of their own, forked from one that has archbo loaded, so that they can be killed often."""

import multiprocessing
import os
import resource
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from optuna.storages import run_grpc_proxy_server

from archbo import Bayesian, CategoricalSpace, Goal, RandomSearch, Study
from archbo.errors import DataError
from archbo.studies import work
from archbo.studies.storage import open_storage

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


def tell_until_full(url, record, room):
    """A process that tells values until its files may not grow any more."""
    process = CONTEXT.Process(target=_tell_until_full, args=(str(url), record, room))
    process.start()
    process.join()
    return process.exitcode


def _tell_until_full(url, record, room):
    study = study_at(url)
    study.tell(study.ask(), [0.0])
    largest = max(path.stat().st_size for path in Path(url).parent.glob(f"{Path(url).name}*"))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + room, resource.RLIM_INFINITY))
    with record.open("a") as file:
        try:
            while True:
                study.tell(study.ask(), [0.0])
                print(study.log.n_told, file=file)
        except DataError as error:
            print(error, file=file)


def proxy(path, port) -> BaseProcess:
    """Optuna's gRPC proxy in front of a SQLite file."""
    process = CONTEXT.Process(target=_serve, args=(str(path), port))
    process.start()
    return process


def _serve(path, port):
    run_grpc_proxy_server(open_storage(path), host="localhost", port=port)
