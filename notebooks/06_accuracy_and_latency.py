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
# # Accuracy and latency
#
# **The question.** The most accurate network is seldom the one to deploy. How much latency does a little accuracy save?
# How few networks must be trained to find out? What if latency has a hard bound? And is a network that is good on one
# device good on another? NSGA-II, to compare with, is Optuna's.

# %%
# %matplotlib inline
import os
import warnings
from dataclasses import replace
from pathlib import Path

# A library asks for a widget that nothing here needs. Warnings of the surrogates are shown without the path of the code.
warnings.filterwarnings("ignore", message="IProgress not found")
warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"

import numpy as np
import pandas as pd
import torch
from IPython.display import display
from matplotlib.figure import Figure

import archbo
from archbo.comparison import (
    median_share,
    plot_correlations,
    plot_progress,
    plot_search,
    run_search,
)

# The matrices here are small: one thread is faster than several.
torch.set_num_threads(1)
QUERIES = int(os.environ.get("ARCHBO_NOTEBOOK_QUERIES", "60"))
REPEATS = int(os.environ.get("ARCHBO_NOTEBOOK_REPEATS", "2"))
# The table for the last section, which says what it holds and where it comes from.
HARDWARE = Path(os.environ.get("ARCHBO_NOTEBOOK_HARDWARE", "nb201_hw.parquet"))
COLOURS = ("#1b6ca8", "#8a8f98", "#d1495b", "#66a182", "#edae49")

# %% [markdown]
# ## The trade-off
#
# NAS-Bench-Graph holds graph neural networks with the latency of inference in seconds. Its table for ogbn-proteins is the
# smallest, so that all of this takes minutes. Validation performance is the area under the ROC curve. Latencies span two
# orders of magnitude, so hypervolume is better counted in their logarithm; a column is quickly added. The goal is written
# with a minus in front of what is minimised, and the evaluator looks both columns up.

# %%
published = archbo.benchmark("nas-bench-graph/proteins")
metrics = published.metrics.assign(log10_latency=np.log10(published.metrics.latency))
benchmark = replace(published, metrics=metrics)
space = benchmark.space
both = benchmark.evaluator("valid_perf,-log10_latency")
accuracy = benchmark.evaluator("valid_perf")

print(f"{len(benchmark):,} networks; the most accurate one:")
print(accuracy.argbest(), both(accuracy.argbest()))

# %% [markdown]
# A network is on the Pareto front if no other one is at least as good in both objectives and better in one of them.

# %%
front = benchmark.metrics.iloc[both.front.tolist()][["valid_perf", "latency"]]
front = front.set_index(pd.Index(map(str, both.front_archs))).sort_values("latency")
front.round({"valid_perf": 4, "latency": 5})

# %%
ops = [set(str(arch).split("|")[1].split(",")) for arch in space.archs(benchmark.X)]
kinds = {
    "neither arma nor sage": lambda used: not used & {"arma", "sage"},
    "sage": lambda used: used >= {"sage"} and "arma" not in used,
    "arma": lambda used: used >= {"arma"} and "sage" not in used,
    "both": lambda used: used >= {"arma", "sage"},
}
figure = Figure(figsize=(7, 4.2), layout="constrained")
axes = figure.add_subplot()
for colour, (name, belongs) in zip(COLOURS, kinds.items(), strict=False):
    part = benchmark.metrics[[belongs(used) for used in ops]]
    label = f"{name}, n={len(part):,}"
    axes.plot(part.latency, part.valid_perf, ".", markersize=3, color=colour, label=label)
axes.plot(front.latency, front.valid_perf, drawstyle="steps-post", color="black", linewidth=1)
axes.set_xscale("log")
axes.set_xlabel("latency (s)")
axes.set_ylabel("valid_perf")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, fontsize=8, markerscale=3)
figure

# %% [markdown]
# The front (black) has two ends: networks of `gcn` and fully connected layers that take about a millisecond, and accurate
# networks with `arma` that take about a hundred times as long. The table has nothing to choose from in between.

# %%
quick = front[front.latency < 0.01].iloc[-1]
exact = front.iloc[-1]
print(
    f"the most accurate of the quick ones gives up {exact.valid_perf - quick.valid_perf:.4f} "
    f"and is {exact.latency / quick.latency:.0f} times as fast"
)

# %% [markdown]
# ## A search for the front
#
# As ever, the optimizer asks for an architecture and is told its metrics; now there are two. It fits a Gaussian process to
# each, and asks for what promises most new hypervolume, the area that the front dominates above a reference point
# (qLogNEHVI, arXiv 2310.20708). The reference is inferred from what has been observed: a search knows nothing of the table.

# %%
candidates = archbo.FixedCandidates(space, benchmark.X)
optimizer = archbo.Optimizer(space, both.goal, candidates=candidates, seed=0)
for _ in range(4):
    (arch,) = optimizer.ask()
    optimizer.tell([arch], [both(arch)])
optimizer.log.frame()[["arch", *both.goal.metrics, "state"]]

# %% [markdown]
# Three other searches stand beside it: NSGA-II, which breeds from the front; `GuidedEvolution`, which does the same on what
# Gaussian processes predict; and random search. All of them begin with random networks. Here the hypervolume that scores them
# counts from the worst values of the table.

# %%
strategies = {
    "archbo": archbo.Bayesian,
    "random search": archbo.RandomSearch,
    "NSGA-II": archbo.NSGA2,
    "guided evolution": archbo.GuidedEvolution,
}
runs = {
    name: [
        run_search(name, make(space, both.goal, candidates=candidates, seed=seed), both, QUERIES)
        for seed in range(REPEATS)
    ]
    for name, make in strategies.items()
}
plot_search(runs, title="NAS-Bench-Graph, ogbn-proteins")

# %% [markdown]
# On the left is the front of each method in its middle repeat, on the right the share of the true front's hypervolume.

# %%
true_front = {str(arch) for arch in both.front_archs}


def found_of_front(run):
    """The number of networks of the true front that a search has evaluated."""
    return len(true_front & {query.arch for query in run.queries})


pd.DataFrame(
    {
        "hypervolume (%), median": {
            name: round(100 * median_share(repeats, QUERIES), 2) for name, repeats in runs.items()
        },
        f"of the true front's {len(true_front)}, mean": {
            name: np.mean([found_of_front(run) for run in repeats]).round(1)
            for name, repeats in runs.items()
        },
        "seconds, mean": {
            name: np.mean([run.seconds for run in repeats]).round(1)
            for name, repeats in runs.items()
        },
    }
)

# %% [markdown]
# archbo and guided evolution have each evaluated more than a third of the true front, NSGA-II and random search little of it.
# archbo has the largest share of the hypervolume. The price is computing time, which is small beside the training of every
# network asked for. NSGA-II is made for longer searches; here it has bred only a few generations.
#
# ## A bound on latency
#
# Often there is no trade-off to choose from but a budget: find the most accurate network that takes at most so many seconds.
# That is one objective under a bound. Both metrics are told.

# %%
bounded = benchmark.evaluator(archbo.Goal.parse("valid_perf", subject_to=["latency<=0.12"]))
fits = bounded.goal.feasible(bounded.gains)
print(f"{fits.double().mean():.0%} of the networks have {bounded.goal.bounds[0]}")
print(f"the best of these: {bounded.argbest()}, {bounded(bounded.argbest())}")

# %% [markdown]
# Three ways to look for it: a search that knows the bound; a search for accuracy alone, of whose networks those that fit are
# kept; and random search.


# %%
def keep_what_fits(run):
    """A run for accuracy alone, scored by the bounded goal."""
    log = archbo.Log(space, bounded.goal)
    for trial in run.log.trials:
        log = log.asked(space.rows([trial.arch]))
        log = log.told(log.trials[-1], list(bounded(trial.arch).values()))
    return replace(run, tabular=bounded, log=log)


searches = {
    "archbo, with the bound": (archbo.Bayesian, bounded),
    "random search": (archbo.RandomSearch, accuracy),
    "archbo, accuracy alone": (archbo.Bayesian, accuracy),
}
runs = {
    name: [
        keep_what_fits(
            run_search(
                name, make(space, told.goal, candidates=candidates, seed=seed), told, QUERIES
            )
        )
        for seed in range(REPEATS)
    ]
    for name, (make, told) in searches.items()
}
plot_progress(runs, title=f"the best with {bounded.goal.bounds[0]}")

# %%
pd.DataFrame(
    {
        "queries that fit (%)": {
            name: round(100 * np.mean([query.feasible for run in repeats for query in run.queries]))
            for name, repeats in runs.items()
        },
        "best that fits, median": {
            name: np.median([run.queries[-1].best or np.nan for run in repeats]).round(4)
            for name, repeats in runs.items()
        },
    }
)

# %% [markdown]
# A search for accuracy alone goes where networks are slow, and finds less within the bound than random search does. The
# search that knows the bound finds the best that there is.
#
# Here latency is known only after training, as accuracy is. Where it can be measured before, offer only what fits, by
# `FixedCandidates(space, X[fits])`, and search for accuracy alone.
#
# ## Six devices
#
# HW-NAS-Bench (arXiv 2103.10584) has the latency of each cell of NAS-Bench-201 on six devices, measured or estimated. It
# does not come with archbo: download `HW-NAS-Bench-v1_0.pickle` and its API (`query_by_index`, `get_net_config`) from
# github.com/GATECH-EIC/HW-NAS-Bench, and write a table with one row for each cell: `arch_str` and, for each device, the
# latency in milliseconds on CIFAR-10, `c10_<device>_latency`. Give the name of the file in `HARDWARE` at the top; without it
# this section stays empty. Accuracy on CIFAR-10 is that of the benchmark `nb201`, which comes with archbo. Cells without a
# latency on one of the devices (-1 in the table) are left out.

# %%
goals_on = {}
if HARDWARE.is_file():
    cells = archbo.benchmark("nb201")
    table = archbo.read_table(HARDWARE, cells.space)
    columns = table.metrics.filter(regex="^c10_.*_latency$")
    numbers = columns.rename(columns=lambda name: name.split("_")[1])
    devices = list(numbers)
    numbers["accuracy"] = cells.values("baseline_accuracy")[cells.rows_of(table.X)].flatten()
    known = (numbers > 0).all(axis=1)
    numbers = numbers[known].reset_index(drop=True)
    print(f"{len(numbers):,} of {len(table):,} cells have a latency on all of {', '.join(devices)}")
    on_devices = archbo.Benchmark(
        "nb201 on devices",
        table.space,
        table.X[torch.tensor(known.to_numpy())],
        numbers,
        default_objective="accuracy",
        source=f"{table.source}, accuracies of {cells.source}",
    )
    goals_on = {device: on_devices.evaluator(f"accuracy,-{device}") for device in devices}
else:
    print(f"there is no {HARDWARE.name}, so the pictures of this section are left out")

# %% [markdown]
# Do they agree which cell is slow, and does slow mean accurate?

# %%
if goals_on:
    matrix = numbers.corr("spearman").to_numpy()
    display(plot_correlations({f"nb201, n={len(numbers):,}": matrix}, list(numbers)))

# %% [markdown]
# They do not agree. The Raspberry Pi and the phone rank cells nearly alike. The edge GPU and Eyeriss agree less than latency
# and accuracy on the Raspberry Pi do; and cells that are slow on the edge TPU are no more accurate than others.
#
# So what happens if one searches with the latency of one device, and deploys on another? For each pair, the true front for
# the first device is run on the second. For each cell on the second device's own front: how much slower is the quickest of
# those that are at least as accurate? Shown is the median over that front from 90 % accuracy on.


# %%
def front_on(device):
    """The rows of the cells on the true front of accuracy and latency."""
    return goals_on[device].front.tolist()


def slower(chosen_for, run_on, level=90.0):
    """By how much, in percent, a front chosen for one device is slower on another than its own; the median."""
    offered, own = numbers.loc[front_on(chosen_for)], numbers.loc[front_on(run_on)]
    ratios = [
        offered[run_on][offered.accuracy >= cell.accuracy].min() / cell[run_on]
        for _, cell in own[own.accuracy >= level].iterrows()
    ]
    return 100 * (np.median(ratios) - 1)


if goals_on:
    penalty = pd.DataFrame({b: {a: slower(a, b) for a in devices} for b in devices})
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(penalty, cmap="Reds", vmin=0)
    for (row, column), value in np.ndenumerate(penalty.to_numpy()):
        colour = "white" if value > 15 else "black"
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(range(len(devices)), devices, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(devices)), devices)
    axes.set_xlabel("run on")
    axes.set_ylabel("chosen for")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, shrink=0.9)
    bar.set_label("slower at the same accuracy (%)", fontsize=8)
    bar.outline.set_visible(False)
    display(figure)

# %% [markdown]
# Cells chosen for the edge GPU do worst elsewhere, cells chosen for the Raspberry Pi do well everywhere. The correlation over
# all cells does not tell this: that of the edge TPU and the FPGA is among the lowest, yet their fronts serve each other well,
# because only the best cells count. Here is one pair in full: all cells on the device, and those on both fronts.

# %%
if goals_on:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    pair = ("edgegpu", "pixel3")
    for axes, here in zip(figure.subplots(1, 2, sharey=True), pair, strict=True):
        axes.plot(numbers[here], numbers.accuracy, ".", color="#d9dce0", markersize=2)
        for colour, device in zip((COLOURS[0], COLOURS[2]), pair, strict=True):
            offered = numbers.loc[front_on(device)].sort_values("accuracy")
            label = f"chosen for {device}"
            axes.plot(offered[here], offered.accuracy, "o", color=colour, markersize=4, label=label)
        axes.set_xlabel(f"latency on {here} (ms)")
        axes.set_ylim(85, 94.5)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.axes[0].set_ylabel("accuracy (%)")
    display(figure)

# %% [markdown]
# The GPU runs some accurate cells as fast as less accurate ones, so its front skips the cells in between; and just these
# are the best on the phone. Search with the latency of the device that you deploy on.

# %% [markdown]
# ## The answer
#
# On ogbn-proteins **giving up .017 of the area under the curve makes a network 152 times as fast**. Sixty evaluations
# out of 2,021 found 98.8 % of the front's hypervolume and 8 of its 19 networks; random search 93.4 % and hardly one.
# **With a bound on latency the search that knows it found the best that fits (.8447), one for accuracy alone (.8293)
# did worse than random search (.8348).** And a network that is good on one device is not good on all: a cell chosen for
# the edge GPU is in the median 29 % slower on the phone than one of the same accuracy that was chosen for the phone,
# while cells chosen for the Raspberry Pi lose 10 % at most.
#
# **What this does not show.** Two repeats of each search are few. The gap between quick and slow networks is that
# table's, and so is the size of the trade. Latencies were measured once or, on some devices, estimated: what part of
# the differences between devices is noise cannot be told from the table. Accuracies and latencies of the cells come
# from two sources, which trained and measured the same architectures, but not the same networks.
