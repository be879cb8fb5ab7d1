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
# The most accurate network is seldom the one to deploy. What does a little accuracy save, how few networks must be
# trained to find out, what if latency has a hard bound, and is a network that is good on one device good on
# another? NSGA-II, to compare with, is Optuna's: `pip install 'archbo[optuna]'`.

# %%
# %matplotlib inline
import os
import warnings
from dataclasses import replace
from pathlib import Path

# A library asks for a widget that nothing here needs. Surrogates' own warnings are shown, without the code's path.
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
    plot_pareto,
    plot_regret,
    run_pareto_trial,
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
# NAS-Bench-Graph has graph neural networks with the latency of inference in seconds. Its table for ogbn-proteins
# is the smallest, so that all of this takes a minute. Validation performance is the area under the ROC curve.
# Latencies differ by factors, so the logarithm is a better scale to search on; a column is quickly added.
# `Objectives` makes one function of an architecture from several columns. It returns what is to be maximised, so
# latency comes negated.

# %%
published = archbo.benchmark("nas-bench-graph/proteins")
metrics = published.metrics.assign(log10_latency=np.log10(published.metrics.latency))
benchmark = replace(published, metrics=metrics)
space = benchmark.space
accuracy = benchmark.objective("valid_perf")
goals = archbo.Objectives((accuracy, benchmark.objective("log10_latency", minimize=True)))

print(f"{len(benchmark):,} networks; the most accurate one:")
print(accuracy.argmax(), goals(accuracy.argmax()))

# %% [markdown]
# A network is on the Pareto front if no other is at least as good in both and better in one.

# %%
front = benchmark.metrics.iloc[goals.front][["valid_perf", "latency"]]
front = front.set_index(pd.Index(map(str, goals.front_archs))).sort_values("latency")
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
# The front (black) has two ends: networks of `gcn` and fully connected layers that take about a millisecond, and
# accurate ones with `arma` that take about a hundred times as long. In between the table has nothing to choose.

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
# As ever the optimizer asks for an architecture and is told; now two numbers. It fits a Gaussian process to each,
# and asks for what promises most new hypervolume: the area that the front dominates, above the table's worst
# values (qLogNEHVI, arXiv 2310.20708).

# %%
candidates = archbo.FixedCandidates(space, benchmark.X)
optimizer = archbo.MultiObjectiveOptimizer(space, goals.outcomes, candidates=candidates, seed=0)
for _ in range(4):
    (arch,) = optimizer.ask()
    optimizer.tell([arch], [goals(arch)])
optimizer.history.to_frame()

# %% [markdown]
# Beside it NSGA-II, which breeds from the front; `GuidedEvolution`, which does the same on what Gaussian processes
# predict; and random search. All begin with random networks.

# %%
searches = {
    "archbo": lambda seed: archbo.MultiObjectiveOptimizer(
        space, goals.outcomes, candidates=candidates, seed=seed
    ),
    "random search": lambda seed: archbo.RandomSearch(
        space, candidates=candidates, seed=seed, outcomes=goals.outcomes
    ),
    "NSGA-II": lambda seed: archbo.NSGA2(space, goals.outcomes, candidates=candidates, seed=seed),
    "guided evolution": lambda seed: archbo.GuidedEvolution(
        space, goals.outcomes, candidates=candidates, seed=seed
    ),
}
trials = {
    name: [run_pareto_trial(name, make(seed), goals, QUERIES) for seed in range(REPEATS)]
    for name, make in searches.items()
}
plot_pareto(trials, goals, title="NAS-Bench-Graph, ogbn-proteins")

# %% [markdown]
# On the left each method's front in its middle repeat, on the right the share of the true front's hypervolume.

# %%
true_front = {str(arch) for arch in goals.front_archs}


def found_of_front(trial):
    """How many networks of the true front a search has evaluated."""
    return len(true_front & {query.arch for query in trial.queries})


pd.DataFrame(
    {
        "hypervolume (%), median": {
            name: round(100 * median_share(runs, goals, QUERIES), 2)
            for name, runs in trials.items()
        },
        f"of the true front's {len(true_front)}, mean": {
            name: np.mean([found_of_front(trial) for trial in runs]).round(1)
            for name, runs in trials.items()
        },
        "seconds, mean": {
            name: np.mean([trial.seconds for trial in runs]).round(1)
            for name, runs in trials.items()
        },
    }
)

# %% [markdown]
# archbo has evaluated more than half of the true front, guided evolution some of it, NSGA-II and random search hardly
# any of it. The price is seconds of computing, beside the training of every network asked for. NSGA-II is made for
# longer searches: here it has bred but a few generations.
#
# ## A bound on latency
#
# Often there is no trade-off to choose from but a budget: the most accurate network of at most so many seconds.
# That is one objective and a `Constraint`. What is told is the accuracy and the slack, how far the latency is
# below the bound.

# %%
bound = archbo.Constraint(benchmark, "latency", 0.12)
bounded = archbo.Objectives((accuracy,), (bound,))
fits = bounded.outcomes.feasible(bounded.Y)
best = bounded.Y[bounded.front[0]]
print(f"{fits.double().mean():.0%} of the networks have {bound}")
print(
    f"the best of these: {bounded.front_archs[0]}, {best[0]:.4f}, {best[1]:.4f} s below the bound"
)


# %% [markdown]
# Three ways to look for it: a search that knows of the bound, one for accuracy alone of whose networks those that
# fit are kept, and random search.


# %%
def best_that_fits(history):
    """After each query the best accuracy within the bound; the table's worst before there is any."""
    Y = bounded.Y[bounded.benchmark.rows_of(history.X)]
    value = Y[:, 0].where(bounded.outcomes.feasible(Y), bounded.reference)
    return value.cummax(0).values


ways = {
    "archbo, with the bound": lambda seed: archbo.run(
        archbo.MultiObjectiveOptimizer(space, bounded.outcomes, candidates=candidates, seed=seed),
        bounded,
        QUERIES,
    ),
    "random search": lambda seed: archbo.run(
        archbo.RandomSearch(space, candidates=candidates, seed=seed), accuracy, QUERIES
    ),
    "archbo, accuracy alone": lambda seed: archbo.run(
        archbo.Optimizer(space, candidates=candidates, seed=seed), accuracy, QUERIES
    ),
}
histories = {name: [way(seed) for seed in range(REPEATS)] for name, way in ways.items()}
plot_regret(
    {
        name: [(best[0] - best_that_fits(history)).tolist() for history in runs]
        for name, runs in histories.items()
    },
    unit="valid_perf",
    title=f"the best with {bound}",
)

# %%
pd.DataFrame(
    {
        "queries that fit (%)": {
            name: round(
                100
                * np.mean([fits[benchmark.rows_of(run.X)].double().mean().item() for run in runs])
            )
            for name, runs in histories.items()
        },
        "best that fits, median": {
            name: np.median([best_that_fits(run)[-1].item() for run in runs]).round(4)
            for name, runs in histories.items()
        },
    }
)

# %% [markdown]
# A search for accuracy alone goes where networks are slow, and finds less within the bound than random search. With
# the bound the search finds the best that there is.
#
# Here latency is known only after training, as accuracy is. Where it can be measured before, give the optimizer
# only what fits, `FixedCandidates(space, X[fits])`, and search for accuracy alone.
#
# ## Six devices
#
# HW-NAS-Bench (arXiv 2103.10584) has the latency of each cell of NAS-Bench-201 on six devices, measured or
# estimated. It does not come with archbo: download `HW-NAS-Bench-v1_0.pickle` from
# github.com/GATECH-EIC/HW-NAS-Bench, where its API is too (`query_by_index`, `get_net_config`), and write a table of
# one row per cell: `arch_str` and, for each device, its latency in milliseconds on CIFAR-10, `c10_<device>_latency`.
# Name the file in `HARDWARE` at the top; without it this section stays empty. Accuracy on CIFAR-10 is that of the
# benchmark `nb201`, which comes with archbo. Cells to which the table gives no latency on one of the devices (-1) are
# left out.

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
    goals_on = {
        device: archbo.Objectives(
            (on_devices.objective(), on_devices.objective(device, minimize=True))
        )
        for device in devices
    }
else:
    print(f"there is no {HARDWARE.name}, so the pictures of this section are left out")

# %% [markdown]
# Do they agree which cell is slow, and does slow mean accurate?

# %%
if goals_on:
    matrix = numbers.corr("spearman").to_numpy()
    display(plot_correlations({f"nb201, n={len(numbers):,}": matrix}, list(numbers)))

# %% [markdown]
# They do not agree. The Raspberry Pi and the phone order cells nearly alike, the edge GPU and Eyeriss less
# alike than latency and accuracy are on the Raspberry Pi; and cells that are slow on the edge TPU are no more
# accurate than others.
#
# So what if one searches with the latency of one device, and deploys on another? For each pair, the true front of
# the one is run on the other. For each cell on the other's own front: how much slower is the quickest of those that
# are at least as accurate? Shown is the median over the own front from 90 % accuracy on.


# %%
def slower(chosen_for, run_on, level=90.0):
    """By how much, in percent, a front chosen for one device is slower on another than its own; the median."""
    offered, own = numbers.loc[goals_on[chosen_for].front], numbers.loc[goals_on[run_on].front]
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
# What is chosen for the edge GPU does worst elsewhere, what is chosen for the Raspberry Pi does well everywhere.
# The correlation over all cells does not tell: the edge TPU and the FPGA have one of the lowest, yet their fronts
# serve each other, as only the best cells count. One pair in full: all cells on the device, and those on the
# fronts of both.

# %%
if goals_on:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    pair = ("edgegpu", "pixel3")
    for axes, here in zip(figure.subplots(1, 2, sharey=True), pair, strict=True):
        axes.plot(numbers[here], numbers.accuracy, ".", color="#d9dce0", markersize=2)
        for colour, device in zip((COLOURS[0], COLOURS[2]), pair, strict=True):
            offered = numbers.loc[goals_on[device].front].sort_values("accuracy")
            label = f"chosen for {device}"
            axes.plot(offered[here], offered.accuracy, "o", color=colour, markersize=4, label=label)
        axes.set_xlabel(f"latency on {here} (ms)")
        axes.set_ylim(85, 94.5)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.axes[0].set_ylabel("accuracy (%)")
    display(figure)

# %% [markdown]
# The GPU runs some accurate cells as fast as lesser ones, so its front skips what is in between; and just these
# cells are the phone's best. Search with the latency of the device that you deploy on.
