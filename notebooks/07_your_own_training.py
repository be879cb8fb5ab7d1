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
# # Your own space and training code, killed and resumed
#
# **The question.** I have a training script of my own. How do I search with it, and what is lost if the search is killed
# in the middle of a training? Here small convolutional networks learn scikit-learn's digits, `archbo search` chooses them,
# and its process is killed without warning.
#
# The line under the first cell says what this was run with, which may be less than `make notebooks` takes.

# %%
# %matplotlib inline
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

# A library asks for a widget that nothing here needs.
warnings.filterwarnings("ignore", message="IProgress not found")

from IPython.display import Markdown
from matplotlib.figure import Figure
from optuna.trial import TrialState

import archbo
from archbo.spaces import read_space

QUERIES = int(os.environ.get("ARCHBO_NOTEBOOK_QUERIES", "30"))
folder = Path(tempfile.mkdtemp())
print(f"this run: {QUERIES} queries")

# %% [markdown]
# ## A space and a function
#
# What can be chosen is a file, and the training is a function of an architecture in another. It writes a checkpoint after
# each epoch, reads the one that an interrupted training left, and reports its learning curve. For this notebook's own
# records it also writes a line for each epoch that it trains.

# %%
SPACE = """
kind = "categorical"
name = "digits"
[columns]
width = [4, 8, 16, 32]
layers = [1, 2, 3]
kernel = [1, 3, 5]
activation = ["relu", "silu", "tanh"]
learning_rate = [0.0003, 0.001, 0.003, 0.01]
"""
TRAINING = """
import torch
from sklearn.datasets import load_digits
from torch import nn

EPOCHS = 6
ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}
torch.set_num_threads(1)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)


def network(arch):
    layers, fed = [], 1
    for _ in range(arch["layers"]):
        layers += [nn.Conv2d(fed, arch["width"], arch["kernel"], padding="same")]
        layers += [ACTIVATIONS[arch["activation"]]()]
        fed = arch["width"]
    return nn.Sequential(*layers, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(fed * 16, 10))


def train(arch, folder, checkpoint, report):
    torch.manual_seed(0)
    net, done, accuracy = network(arch), 0, 0.0
    optimizer = torch.optim.Adam(net.parameters(), lr=arch["learning_rate"])
    if checkpoint is not None and (checkpoint / "state.pt").exists():
        state = torch.load(checkpoint / "state.pt", weights_only=True)
        done, accuracy = state["done"], state["accuracy"]
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
    for epoch in range(done, EPOCHS):
        order = torch.randperm(1000, generator=torch.Generator().manual_seed(epoch))
        for batch in order.split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            right = net(images[1000:]).argmax(-1) == labels[1000:]
        accuracy = 100 * right.double().mean().item()
        report(epoch, accuracy)
        state = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "done": epoch + 1, "accuracy": accuracy}, folder / "state.part")
        (folder / "state.part").rename(folder / "state.pt")
        with open(folder.parent / "epochs.txt", "a") as epochs:
            print(folder.name, epoch, file=epochs)
    return accuracy
"""
EPOCHS = 6  # as in the script
for name, text in (("space.toml", SPACE), ("train.py", TRAINING)):
    (folder / name).write_text(text)

# %% [markdown]
# ## Begin, and kill
#
# The search is one command. While its sixth training is under way, its process is killed as `kill -9` would do it.

# %%
SEARCH = ["search", "./train.py:train", "--space", "space.toml", "--objective", "accuracy"]
SEARCH += ["--study", "run.db", "--queries", str(QUERIES)]


def archbo_command(*arguments):
    """Start a command of archbo's in the folder."""
    command = [sys.executable, "-m", "archbo", *arguments]
    return subprocess.Popen(
        command,
        cwd=folder,
        # Jupyter asks commands for colours and progress bars, which a notebook cannot show.
        env={**os.environ, "FORCE_COLOR": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def epochs():
    """The epochs that were trained so far: the trial's folder and the number of the epoch."""
    record = folder / "run.trials" / "epochs.txt"
    return [line.split() for line in record.read_text().splitlines()] if record.exists() else []


search = archbo_command(*SEARCH)
while len(epochs()) < 5 * EPOCHS + 2 and search.poll() is None:
    time.sleep(0.02)
search.kill()
search.communicate()
time.sleep(1.0)  # the training, a process of its own, notices that it is alone
before = epochs()
killed, last = before[-1]
print(archbo_command("status", "run.db").communicate()[0])
print(f"killed in {killed}, after epoch {int(last) + 1} of {EPOCHS}")

# %% [markdown]
# The study says that a trial waits for its value. Nobody is at work on it any more.
#
# ## Resume
#
# The same command again. It takes the trial over, goes on from its checkpoint, and then goes on with the search.

# %%
archbo_command(*SEARCH).communicate()
print(archbo_command("status", "run.db").communicate()[0])
print(archbo_command("report", "run.db", "--html", "run.html").communicate()[0])

# %% [markdown]
# The report is one HTML page. The study is one of Optuna's, so that the learning curves can be read from it, too:

# %%
space, goal = read_space(folder / "space.toml"), archbo.Goal.parse("accuracy")
study = archbo.Study(folder / "run.db", archbo.Bayesian(space, goal, seed=0))
trials = [t for t in study.optuna_study.trials if t.state == TrialState.COMPLETE]
number = int(killed.rpartition("-")[2])
best = max(trials, key=lambda trial: trial.value)

figure = Figure(figsize=(7, 4.2), layout="constrained", facecolor="white")
axes = figure.add_subplot()
for trial in trials:
    curve = dict(sorted(trial.intermediate_values.items()))
    style = {"color": "#b9bec6", "linewidth": 1, "zorder": 1}
    if trial.number == best.number:
        style = {"color": "#1b6ca8", "linewidth": 2.5, "label": "the best", "zorder": 2}
    if trial.number == number:
        style = {"color": "#d1495b", "linewidth": 1.5, "label": "the one killed", "zorder": 3}
        axes.axvline(int(last) + 1, color="#d1495b", linestyle=":", zorder=0)
    axes.plot([epoch + 1 for epoch in curve], curve.values(), **style)
axes.set_xlabel("epoch")
axes.set_ylabel("validation accuracy (%)")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, title="dotted: when it was killed", title_fontsize=8)
figure

# %% [markdown]
# ## What was lost?
#
# Two things can be counted: epochs that were trained twice, and whether the search went another way. For the second, the
# same strategy is asked in memory, where nothing was killed, and is told the values that the study holds.

# %%
after = epochs()
twice = len(after) - len(set(map(tuple, after)))
log = study.log
calm, same = archbo.Optimizer(archbo.Bayesian(space, goal, seed=0)), 0
for trial in log.trials:
    (arch,) = calm.ask()
    if arch != trial.arch:  # from here on it would have gone another way
        break
    calm.tell([arch], [trial.values[0]])
    same += 1
print(f"{len(after)} epochs for {log.n_told} trainings of {EPOCHS}; {twice} of them trained twice")
print(f"{same} of {len(log.trials)} architectures are those of a search that was not killed")

# %% [markdown]
# ## The answer

# %%
arch, value = log.best
Markdown(
    f"A search with one's own code takes a file of choices, a function, and one command. This one was killed in the "
    f"middle of a training, after epoch {int(last) + 1} of {EPOCHS}; the same command then took the trial over, went on "
    f"from its checkpoint, and finished all {log.n_told} trainings. **{twice} of {len(after)} epochs were trained twice, "
    f"and {same} of {len(log.trials)} architectures are those that a search which nobody killed would have asked for.** "
    f"At most the epoch under way is lost, since a checkpoint is written after each. The best network reached "
    f"{value:.1f} % on the digits held out: `{arch}`."
)

# %% [markdown]
# **What this does not show.** That the search beats a random one here: digits are easy, and many networks of the space
# are nearly as good. That a training which draws random numbers without a seed goes on as if nothing had happened: this
# one was written so that it does. Nor what happens when the machine itself goes down and another one takes over, which
# takes a minute of silence first ([what survives what](../docs/studies.md#what-survives-what)).
