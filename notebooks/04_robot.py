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
# # Twenty trainings: RoBoT
#
# Zero-cost proxies rank every architecture of a space before any is trained. RoBoT (arXiv 2403.07591) spends a few cheap
# evaluations on finding out how far to believe each of them. `archbo.bo_loop` has it as published, `PublishedRoBoT`, and in
# archbo's own form, `RoBoT`. What do twenty evaluations buy, and what has been learned from them?

# %%
# %matplotlib inline
import os
import warnings

# A library asks for a widget that nothing here needs.
warnings.filterwarnings("ignore", message="IProgress not found")

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

import archbo
from archbo.bo_loop import PublishedRoBoT, RoBoT
from archbo.comparison import run_search
from archbo.predictors import ProxyGP, marginals
from archbo.proxies import Consensus, shipped
from archbo.randomness import generator

# The matrices here are small: one thread is faster than several.
torch.set_num_threads(1)
QUERIES = min(20, int(os.environ.get("ARCHBO_NOTEBOOK_QUERIES", "20")))
REPEATS = int(os.environ.get("ARCHBO_NOTEBOOK_REPEATS", "3"))
BLUE, GREY, RED = "#1b6ca8", "#8a8f98", "#d1495b"


def chart(width=7.0, height=3.6, rows=1):
    """An empty picture, or a column of them with one horizontal axis."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, sharex=True)
    for panel in np.atleast_1d(axes):
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


# %% [markdown]
# ## The goal and the signal
#
# The goal is the accuracy of the cells of NAS-Bench-201 on CIFAR-10, in percent. In practice a search sees a cheaper signal,
# such as the accuracy after a few epochs; that is what RoBoT was made for. The table that comes with archbo has no such
# column. The accuracy of networks that were quantised during training (`qat_accuracy`) takes its place as the signal: it is
# another training of the same cell, with its own luck, though not a cheaper one.

# %%
benchmark = archbo.benchmark("nb201")
space = benchmark.space
GOAL, SIGNAL = "baseline_accuracy", "qat_accuracy"
table, signals = benchmark.evaluator(GOAL), benchmark.evaluator(SIGNAL)
frame = pd.DataFrame({"goal": benchmark.metrics[GOAL], "signal": benchmark.metrics[SIGNAL]})


def goal(arch):
    """The value in the end."""
    return table(arch)[GOAL]


def signal(arch):
    """What the search is told."""
    return signals(arch)[SIGNAL]


parts_of = {"all cells": 0.0, "better half": 0.5, "best tenth": 0.9, "best 2 %": 0.98}
pd.DataFrame(
    {
        name: {
            "cells": f"{len(part):,}",
            "rank correlation of signal and goal": f"{part.corr('spearman').goal.signal:.2f}",
        }
        for name, level in parts_of.items()
        for part in [frame[frame.goal >= frame.goal.quantile(level)]]
    }
).T

# %%
highest = signals.argbest()
print(f"best goal of all cells: {table.best:.2f} %")
print(
    f"goal where the signal is highest: {goal(highest):.2f} %, rank {table.rank(goal(highest))} of {len(benchmark):,}"
)

# %% [markdown]
# ## What the proxies agree on
#
# archbo ranks the cells by each proxy, from -1 to 1, in the direction that its authors call good, and takes the mean: the
# consensus. It needs no training, and no choice among the proxies.

# %%
proxies = shipped(space)
consensus = Consensus(proxies)
scores = pd.DataFrame(
    proxies.ranks(benchmark.X).numpy() * consensus.signs.numpy(), columns=proxies.names
)
scores["consensus"] = consensus(benchmark.X).numpy()
frame["consensus"] = scores.consensus
best_tenth = frame.goal >= frame.goal.quantile(0.9)
correlation = pd.DataFrame(
    {
        "all cells": scores.corrwith(frame.goal, method="spearman"),
        "best tenth": scores[best_tenth].corrwith(frame.goal[best_tenth], method="spearman"),
    }
).sort_values("all cells")

figure, axes = chart(6, 4.2)
for name, colour in (("all cells", GREY), ("best tenth", RED)):
    axes.plot(correlation[name], correlation.index, "o", color=colour, label=name)
axes.get_yticklabels()[correlation.index.get_loc("consensus")].set_weight("bold")
axes.axvline(0, color=GREY, linewidth=0.8)
axes.set_xlim(-1, 1)
axes.set_xlabel("Spearman's rank correlation with the goal")
axes.legend(frameon=False, fontsize=8)
figure

# %%
first = space.archs(benchmark.X)[int(scores.consensus.argmax())]
print(correlation[::-1].head(4).round(2))
print(f"ranked first by the consensus: {goal(first):.2f} %, rank {table.rank(goal(first))}")

# %% [markdown]
# Over all cells the consensus does as well as the best proxy, which nobody could have named beforehand, although two of the
# proxies run against the goal. Among the best cells it is no guide: that part is left to the queries.
#
# ## Twenty queries
#
# `RoBoT` begins with the cell that the consensus ranks first. Then a Gaussian process takes over. The consensus is its prior
# mean, and from every query it learns how much each proxy and the structure of the cell are worth. Nothing is left to chance.

# %%
robot = archbo.Optimizer(RoBoT(space, signals.goal, seed=0))
steps = []
for query in range(1, QUERIES + 1):
    (arch,) = robot.ask()
    robot.tell([arch], [signal(arch)])
    highest, value = robot.log.best
    named = robot.recommend()
    steps.append(
        {
            "query": query,
            "signal": signal(arch),
            "highest signal": value,
            "its goal": goal(highest),
            "goal of the recommended": goal(named),
        }
    )
steps = pd.DataFrame(steps).set_index("query")
steps.round(2)

# %%
figure, (above, below) = chart(7, 5.2, rows=2)
above.plot(steps.signal, "o", color=GREY, label="this query")
above.plot(steps["highest signal"], color=BLUE, drawstyle="steps-post", label="highest so far")
above.set_ylabel("signal (%)")
below.axhline(table.best, color=GREY, linestyle=":", label="best of all cells")
below.plot(
    steps["its goal"],
    "o-",
    color=BLUE,
    markersize=9,
    fillstyle="none",
    label="the cell of the highest signal",
)
below.plot(
    steps["goal of the recommended"], "s--", color=RED, markersize=4, label="what RoBoT recommends"
)
below.set_ylabel("goal (%)")
below.set_xlabel("query")
below.set_xticks(range(1, QUERIES + 1))
for panel in (above, below):
    panel.legend(frameon=False, fontsize=8)
figure

# %%
differ = int((steps["its goal"] != steps["goal of the recommended"]).sum())
print(f"the recommended is not the cell of the highest signal after {differ} of {QUERIES} queries")
print(f"recommended in the end: {named}")
print(f"{goal(named):.2f} %, rank {table.rank(goal(named))} of {len(benchmark):,}")

# %% [markdown]
# The winner is named by the posterior and not by the highest signal, which may be that of a lucky training. Here the two
# part ways after query 8, and the cell of the highest signal is the slightly better one. A higher signal is not always a
# better cell: compare queries 2, 5 and 7. How much of this is luck cannot be told from a single search.
#
# ## Compared with RoBoT as published, and with chance
#
# One search says little, and another seed would give the same search again. So each repeat takes place in a part of the
# space, 4,000 cells drawn at random, which all methods search. The regret is the goal of the part's best cell minus the goal
# of the cell that a method would name after each query.

# %%
PART = 4000


def part_of_space(seed):
    """A benchmark of cells drawn at random."""
    rows = torch.randperm(len(benchmark), generator=generator(seed))[:PART]
    metrics = benchmark.metrics.iloc[rows.numpy()].reset_index(drop=True)
    return archbo.Benchmark(
        f"part {seed}", space, benchmark.X[rows], metrics, GOAL, benchmark.source
    )


METHODS = {
    "RoBoT": RoBoT,
    "PublishedRoBoT": PublishedRoBoT,
    "random search": archbo.RandomSearch,
}
parts = [part_of_space(seed) for seed in range(REPEATS)]
strategies = {
    name: [
        method(space, signals.goal, candidates=archbo.FixedCandidates(space, part.X), seed=seed)
        for seed, part in enumerate(parts)
    ]
    for name, method in METHODS.items()
}
runs = {
    name: [
        run_search(name, strategy, part.evaluator(SIGNAL), QUERIES, report=GOAL)
        for strategy, part in zip(repeats, parts, strict=True)
    ]
    for name, repeats in strategies.items()
}
regrets = {
    name: [
        part.metrics[GOAL].max() - np.array(run.reports)
        for run, part in zip(repeats, parts, strict=True)
    ]
    for name, repeats in runs.items()
}

figure, axes = chart()
for (name, curves), colour in zip(regrets.items(), (BLUE, RED, GREY), strict=True):
    queries = range(1, QUERIES + 1)
    axes.plot(queries, np.median(curves, 0), color=colour, drawstyle="steps-post", label=name)
    axes.fill_between(
        queries, np.min(curves, 0), np.max(curves, 0), step="post", color=colour, alpha=0.15
    )
axes.set_ylim(0, 3)
axes.set_xlabel("query")
axes.set_ylabel("regret in accuracy (%)")
axes.legend(frameon=False, fontsize=8, title=f"median and range, n={REPEATS}", title_fontsize=8)
figure

# %%
pd.DataFrame(
    {name: [curve[-1] for curve in curves] for name, curves in regrets.items()},
    index=[part.name for part in parts],
).round(2)

# %% [markdown]
# RoBoT begins ahead, because the others begin with a random combination and a random cell, and in the end it is ahead or
# level in each part. The published method, which has to find the signs of fifteen proxies as well, comes second. Three parts
# are few; `archbo robot` searches with more seeds.
#
# ## Weights that were tried, and weights that were learned
#
# `PublishedRoBoT` tries whole combinations, a weight between -1 and 1 for each proxy, and evaluates the cell that a
# combination ranks first. These are its combinations in the first part, the best at the top:

# %%
published = strategies["PublishedRoBoT"][0]
weights = published.tried(runs["PublishedRoBoT"][0].log)
combined = proxies.ranks(published.pool).double() @ weights.T
firsts = space.archs(published.pool[combined.argmax(0)])
values = pd.Series([signal(arch) for arch in firsts]).sort_values(ascending=False)
figure, axes = chart(7, 5)
image = axes.imshow(weights[values.index], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
axes.set_xticks(
    range(len(proxies.names)), proxies.names, rotation=60, ha="right", rotation_mode="anchor"
)
axes.set_yticks(range(len(values)), [f"{value:.2f} %" for value in values])
axes.tick_params(length=0, labelsize=8)
axes.set_ylabel("signal of the combination's first cell")
bar = figure.colorbar(image, shrink=0.9)
bar.set_label("weight", fontsize=8)
bar.ax.tick_params(labelsize=8)
figure

# %%
print(f"{len(firsts)} combinations put {len(set(firsts))} different cells first")

# %% [markdown]
# Several combinations rank the same cell first, and nothing but that cell counts. For most proxies the search is still trying
# both signs.
#
# `RoBoT` learns weights from all queries at once. The bars show the posterior mean of each proxy's weight after the search
# of the whole space above, from `ProxyGP.weights()`; a weight of 1 means that a step of 1 in rank is worth one standard
# deviation of the signal's normal scores. The dots show the consensus, from which it set out.

# %%
surrogate = robot.strategy.context(robot.log).predictor
learned = pd.Series(surrogate.weights()).sort_values()
agreed = pd.Series(
    surrogate.slope * (consensus.signs / consensus.scale).numpy(), index=list(proxies.names)
)[learned.index]
figure, axes = chart(6, 4.2)
axes.barh(learned.index, learned, color=BLUE, alpha=0.7, label="learned")
axes.plot(agreed, agreed.index, "o", color=RED, label="consensus")
axes.axvline(0, color=GREY, linewidth=0.8)
axes.set_xlabel("weight of the proxy's rank")
axes.legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# All weights began alike. `flatness`, `synflow` and `zen`, the three best guides among the best tenth of the cells, have gained
# most. `plain` and `nwot` have turned negative, and `zico` counts for nothing any more. The search was shown none of these
# correlations, only twenty signals, most of them of good cells.
#
# ## What `trust` does
#
# A signal that is not the goal misses something, however often it is observed. `trust` says how much of what it misses the
# proxies are believed to know: what counts is the mean of the surrogate plus `trust` times the consensus. Does it change
# which of the cells queried above is recommended?

# %%
TRUST = np.round(np.arange(0, 1.25, 0.1), 1)
X, Y = robot.log.observed()
mean, _ = marginals(ProxyGP(space).fit(X, Y, seed=0).latent, X)
agreement = consensus(X)
chosen = {
    trust: space.archs(X)[int((mean + trust * agreement).argmax())] for trust in TRUST.tolist()
}
for trust in (0.0, 0.3, 0.6, 0.9, 1.2):
    print(f"trust {trust}: {signal(chosen[trust]):.2f} % signal, {goal(chosen[trust]):.2f} % goal")
print(f"different cells from trust 0 to 1.2: {len(set(chosen.values()))}")

# %% [markdown]
# It does, but one search cannot say whether for the better, and trust had a say in the queries already. So let the surrogate
# learn from as many random cells, many times over, and name the best cell of the first part. It is told the goal itself, or
# the signal from above, or a signal that is further from the goal: the accuracy of networks trained for noisy analog
# hardware, measured on it (`analog_accuracy`).

# %%
X, truth = parts[0].X, parts[0].values(GOAL).flatten()
agreement = consensus(X)
gp = ProxyGP(space)
gp.remember(X)
figure, axes = chart()
told = {"the goal": GOAL, "the signal": SIGNAL, "analog": "analog_accuracy"}
summary = {}
for (name, column), colour in zip(told.items(), (GREY, BLUE, RED), strict=True):
    Y = parts[0].values(column)
    misses = []
    for seed in range(10 * REPEATS):
        rows = torch.randperm(len(X), generator=generator(seed))[:QUERIES]
        mean, _ = marginals(gp.fit(X[rows], Y[rows], seed=0).latent, X)
        named = [int((mean + trust * agreement).argmax()) for trust in TRUST.tolist()]
        misses.append((truth.max() - truth[named]).tolist())
    mean_miss = np.mean(misses, 0)
    error = np.std(misses, 0, ddof=1) / np.sqrt(len(misses))
    axes.plot(TRUST, mean_miss, color=colour, label=f"{name} (n={len(misses)})")
    axes.fill_between(
        TRUST, mean_miss - error, mean_miss + error, color=colour, alpha=0.2, linewidth=0
    )
    summary[name] = pd.Series(mean_miss, TRUST)[[0.0, 0.3, 0.6, 0.9, 1.2]]
axes.set_ylim(bottom=0)
axes.set_xlabel("trust")
axes.set_ylabel("regret in accuracy (%)")
axes.legend(frameon=False, fontsize=8, title="told", title_fontsize=8)
figure

# %%
pd.DataFrame(summary).rename_axis("trust").round(2)

# %% [markdown]
# If the surrogate is told the goal, it needs no trust, and trust does harm. If it is told the signal from above, trust makes no
# difference that these draws could show. If it is told the analog accuracy, which knows less of the goal, trust lowers the
# regret by about a third. The default, 0.9, is meant for cheap signals such as a few epochs; if you tell what you want in the end, give
# `RoBoT(space, trust=0, seed=0)`, or `--trust 0` to `archbo robot`.
