# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Many workers on one study
#
# **The question.** Several processes search in one study. How much faster is that, is anything trained twice, and does it
# matter whether the study is a SQLite file or a journal?
#
# The line under the first cell says what this was run with, which may be less than `make notebooks` takes.

# %%
# %matplotlib inline
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

# A library asks for a widget that nothing here needs.
warnings.filterwarnings("ignore", message="IProgress not found")

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure
from optuna import load_study
from optuna.trial import TrialState

from archbo.studies.storage import OWNER, PLAN, open_storage
from archbo.studies.storage import SECONDS as PROPOSING

QUERIES = int(os.environ.get("ARCHBO_NOTEBOOK_QUERIES", "40"))
# With a small budget there are fewer workers, and trainings are shorter.
MOST, SECONDS = (4, 3.0) if QUERIES >= 20 else (2, 1.0)
folder = Path(tempfile.mkdtemp())
print(f"this run: {QUERIES} queries, 1 and {MOST} workers, trainings of {SECONDS:g} s")
print(f"{os.cpu_count()} cores, {os.getloadavg()[0]:.0f} processes at work on them at the start")

# %% [markdown]
# ## A training that takes its time
#
# It sleeps, as a process does that waits for its GPU, and gives the value of a formula. It also keeps a record of its own,
# with a line for each training, which the study knows nothing of.

# %%
SPACE = """
kind = "categorical"
name = "mine"
[columns]
width = [8, 16, 24, 32, 48, 64]
depth = [2, 4, 6, 8]
kernel = [3, 5, 7]
activation = ["relu", "gelu", "silu"]
"""
TRAINING = f"""
import time


def train(arch, folder):
    time.sleep({SECONDS})
    with open(folder.parent / "trained.txt", "a") as record:
        print(arch, file=record)
    score = 70 + arch["width"] ** 0.5 + arch["depth"] - 0.3 * (arch["kernel"] - 5) ** 2
    return score + 2 * (arch["activation"] == "silu")
"""
for name, text in (("space.toml", SPACE), ("train.py", TRAINING)):
    (folder / name).write_text(text)

# %% [markdown]
# ## Workers come along
#
# `archbo search` begins a study, here with a single trial, so that the study is there. Then each worker is one command, on
# this machine or on any other that reaches the study. They start at the same time.


# %%
def archbo_command(*arguments):
    """Start a command of archbo's in the folder."""
    command = [sys.executable, "-m", "archbo", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=folder,
        # Jupyter asks commands for colours and progress bars, which a notebook cannot show.
        env={**os.environ, "FORCE_COLOR": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def searched(study, n_workers):
    """The trials of a study that workers have searched together."""
    first = ["./train.py:train", "--space", "space.toml", "--objective", "score", "--study", study]
    archbo_command("search", *first, "--queries", 1).communicate()
    workers = [
        archbo_command("worker", study, "./train.py:train", "--queries", QUERIES)
        for _ in range(n_workers)
    ]
    for worker in workers:
        print(worker.communicate()[0], end="")
    trials = load_study(study_name="archbo", storage=open_storage(folder / study)).trials
    return pd.DataFrame(
        {
            "arch": trial.user_attrs["arch"],
            "worker": trial.system_attrs[OWNER]["pid"],
            "asked": trial.datetime_start,
            "told": trial.datetime_complete,
            "proposing": trial.system_attrs[PLAN].get(PROPOSING, 0.0),
        }
        for trial in trials[1:]
        if trial.state == TrialState.COMPLETE
    )


STUDIES = {"one.db": 1, "many.db": MOST, "shared.journal": MOST}
found = {study: searched(study, n_workers) for study, n_workers in STUDIES.items()}

# %% [markdown]
# ## Who did what, when
#
# Each bar is a trial, from when it was asked for to when it was told; each row is a worker. Grey is the time until the
# architecture was proposed, which includes waiting while others propose; blue is the training. Whoever proposes with a
# surrogate for the first time loads it, and the others wait: these are the long grey bars at the beginning.

# %%
figure = Figure(figsize=(9, 5), layout="constrained", facecolor="white")
panels = figure.subplots(
    len(found), sharex=True, height_ratios=[len(set(t.worker)) + 1 for t in found.values()]
)
for axes, (study, trials) in zip(panels, found.items(), strict=True):
    start = trials.asked.min()
    for row, (_, own) in enumerate(trials.groupby("worker", sort=False)):
        begun = (own.asked - start).dt.total_seconds()
        took = (own.told - own.asked).dt.total_seconds()
        bar = {"height": 0.7, "edgecolor": "white", "linewidth": 0.5}
        axes.barh([row] * len(own), took, left=begun, color="#8a8f98", **bar)
        axes.barh([row] * len(own), SECONDS, left=begun + took - SECONDS, color="#1b6ca8", **bar)
    axes.set_yticks([])
    axes.set_ylabel(study, rotation=0, ha="right", va="center")
    axes.spines[["top", "right", "left"]].set_visible(False)
panels[-1].set_xlabel("seconds since the first trial of the workers was asked for")
figure

# %% [markdown]
# ## Throughput, and what was trained twice
#
# First as the study has it, then by the record that the trainings kept, which includes the one that began the study.


# %%
def summary(study):
    """How fast a study was searched, and what is in it more than once."""
    trials = found[study]
    lasted = (trials.told.max() - trials.asked.min()).total_seconds()
    told, half = trials.told.sort_values(), len(trials) // 2
    return {
        "workers": STUDIES[study],
        "that had a trial": trials.worker.nunique(),
        "trials": len(trials),
        "trials a minute": round(60 * len(trials) / lasted, 1),
        "in the second half": round(
            60 * (len(trials) - half) / (told.iloc[-1] - told.iloc[half - 1]).total_seconds(), 1
        ),
        "seconds to propose, median": round(trials.proposing.median(), 2),
        "twice in the study": int(trials.arch.duplicated().sum()),
    }


table = pd.DataFrame.from_dict({study: summary(study) for study in found}, orient="index")
table

# %%
recorded = {
    study: (folder / f"{Path(study).stem}.trials" / "trained.txt").read_text().splitlines()
    for study in STUDIES
}
table["trained"] = [len(lines) for lines in recorded.values()]
table["trained twice"] = [len(lines) - len(set(lines)) for lines in recorded.values()]
table

# %% [markdown]
# ## The answer

# %%
rate = table["in the second half"]
n_trained = sum(map(len, recorded.values()))
Markdown(
    f"Once their surrogates were loaded, {MOST} workers got through {rate['many.db'] / rate['one.db']:.1f} times as many "
    f"trials a minute as one did in a SQLite file, and {rate['shared.journal'] / rate['one.db']:.1f} times as many in a journal; "
    f"with the loading it is {table['trials a minute']['many.db'] / table['trials a minute']['one.db']:.1f} and "
    f"{table['trials a minute']['shared.journal'] / table['trials a minute']['one.db']:.1f} times. **Of {n_trained} trainings in "
    f"three studies, {table['trained twice'].sum()} were of an architecture that had been trained before**, by the trainings' "
    "own record. Workers propose one after the other, which is what keeps them from asking for the same; so the longer a "
    f"training takes beside a proposal, the nearer to {MOST} times as fast."
)

# %% [markdown]
# **What this does not show.** Trainings here sleep; those that compete for the cores of one machine gain less, and so do
# workers on a machine that is busy with other things, as proposals take its cores, too. Many hours of training gain more
# than one second does. Nor does it show what it costs to propose without knowing what the others will find: a
# search by four workers knows three values fewer each time. The journal is here for its safety on shared file systems, on
# which SQLite is not to be trusted, and a local disk says nothing about the speed of those.
