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
# Zero-cost proxies rank every architecture of a space before any is trained. RoBoT (arXiv 2403.07591) spends a few
# cheap evaluations on how much to believe which of them. `archbo.bo_loop` has it as published, `PublishedRoBoT`,
# and what archbo makes of it, `RoBoT`. What do twenty evaluations buy, and what has been learned after them?

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
from archbo.comparison import plot_regret
from archbo.predictors import ProxyGP, marginals
from archbo.predictors.gaussian_processes.proxy_gp import Consensus
from archbo.proxies import shipped

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
# The goal is the accuracy of NAS-Bench-201's cells on CIFAR-10, in percent. In practice a search sees something
# cheaper, such as the accuracy after a few epochs, which RoBoT was made for. The table that comes with archbo has no
# such column. As the signal stands in the accuracy of networks quantised during training (`qat_accuracy`): another
# training of the same cell, with its own luck, though not a cheaper one.

# %%
benchmark = archbo.benchmark("nb201")
space = benchmark.space
goal, signal = benchmark.objective(), benchmark.objective("qat_accuracy")

frame = pd.DataFrame({"goal": goal.Y.flatten(), "signal": signal.Y.flatten()})
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
highest = space.archs(benchmark.X)[int(signal.Y.argmax())]
print(f"best goal of all cells: {goal.best:.2f} %")
print(
    f"goal where the signal is highest: {goal(highest):.2f} %, rank {goal.rank(goal(highest))} of {len(benchmark):,}"
)

# %% [markdown]
# ## What the proxies agree on
#
# archbo ranks the cells by each proxy, from -1 to 1, the way its authors mean it, and takes the mean: the consensus.
# It needs no training and no choice of a proxy.

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
print(f"the consensus's first: {goal(first):.2f} %, rank {goal.rank(goal(first))}")

# %% [markdown]
# Over all cells the consensus is level with the best proxy, which nobody could have named beforehand, although two of
# its voices speak against it. Among the best cells it is no guide: what is left there is for the queries.
#
# ## Twenty queries
#
# `RoBoT` begins with the consensus's first. Then a Gaussian process takes over that has the consensus as its prior mean
# and learns from every query what to make of each proxy and of the cell's structure. Nothing is left to chance.

# %%
robot = RoBoT(space, seed=0)
steps = []
for query in range(1, QUERIES + 1):
    (arch,) = robot.ask()
    robot.tell([arch], [signal(arch)])
    highest, value = robot.history.best
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
below.axhline(goal.best, color=GREY, linestyle=":", label="best of all cells")
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
print(f"{goal(named):.2f} %, rank {goal.rank(goal(named))} of {len(benchmark):,}")

# %% [markdown]
# A winner is named by the posterior and not by its value, which might be that of a lucky training; with this signal
# both agree. A higher signal is not always a better cell, as query 5 shows. And that the search ends at the best
# cell of all is luck as well, of which there is no telling from one search.
#
# ## Beside it: RoBoT as published, and chance
#
# One search says little, and another seed would give the same search again. So each repeat is in a part of the space,
# 4,000 cells drawn at random, where all methods look. Regret: the goal of the part's best cell minus that of
# the cell that a method would name after so many queries.

# %%
PART = 4000


def part_of_space(seed):
    """Numbers of cells drawn at random."""
    return torch.randperm(len(benchmark), generator=torch.Generator().manual_seed(seed))[:PART]


def regrets(searcher, best):
    """The regret after each query."""
    found = []
    for _ in range(QUERIES):
        archs = searcher.ask()
        searcher.tell(archs, [signal(arch) for arch in archs])
        found.append(max(best - goal(searcher.recommend()), 0.0))
    return found


METHODS = {
    "RoBoT": RoBoT,
    "PublishedRoBoT": PublishedRoBoT,
    "random search": archbo.RandomSearch,
}
parts = [part_of_space(seed) for seed in range(REPEATS)]
bests = [float(goal.Y[part].max()) for part in parts]
searches = {
    name: [
        method(space, candidates=archbo.FixedCandidates(space, benchmark.X[part]), seed=seed)
        for seed, part in enumerate(parts)
    ]
    for name, method in METHODS.items()
}
curves = {
    name: [regrets(search, best) for search, best in zip(repeats, bests, strict=True)]
    for name, repeats in searches.items()
}
plot_regret(curves, unit="accuracy (%)", title="The goal, searched by the signal")

# %%
pd.DataFrame(
    {name: [runs[-1] for runs in repeats] for name, repeats in curves.items()},
    index=[f"part {seed}" for seed in range(REPEATS)],
).round(2)

# %% [markdown]
# RoBoT begins ahead, for the others begin with a random combination and a random cell. By the middle the lines cross,
# and in the end RoBoT is ahead in each part. The published method is about as good as chance here: of fifteen
# proxies it has to find the signs, too. Three parts are few; `archbo robot` searches with more seeds.
#
# ## Weights that were tried, and weights that were learned
#
# `PublishedRoBoT` tries whole combinations: one weight per proxy, between -1 and 1, and of each combination's
# ranking the first cell is evaluated. Its combinations in the first part, the best at the top:

# %%
published = searches["PublishedRoBoT"][0]
combined = proxies.ranks(published.pool).double() @ published.weights.T
firsts = space.archs(published.pool[combined.argmax(0)])
values = pd.Series([signal(arch) for arch in firsts]).sort_values(ascending=False)
figure, axes = chart(7, 5)
image = axes.imshow(published.weights[values.index], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
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
# Several combinations have the same first cell, and of a combination nothing but this cell counts. `synflow` is
# positive in nearly all of them; of most others the search is still trying both signs.
#
# `RoBoT` learns weights from all queries at once. Bars: the posterior mean of each proxy's weight after the search of
# the whole space above, by `ProxyGP.weights()`; a weight of 1 says that a step of 1 in rank is worth one standard
# deviation of the signal's normal scores. Dots: the consensus, from which it set out.

# %%
surrogate = robot.predictor
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
# All began alike. `flatness` and `plain`, which run against the goal over all cells, have turned; so have `fisher`,
# `grad_norm` and `snip`, which run against it among the best, and two others. `zen`, the best guide among those,
# has gained most. The search was shown none of these correlations, only twenty signals.
#
# ## What `trust` does
#
# A signal that is not the goal misses something, however often it is observed. `trust` says how much of what it
# misses is the proxies': what counts is the surrogate's mean, plus `trust` times the consensus. Of the cells that
# were just queried, does it change which is recommended?

# %%
TRUST = np.round(np.arange(0, 1.25, 0.1), 1)
mean, _ = marginals(ProxyGP(space).fit(robot.X, robot.Y, seed=0).latent, robot.X)
agreement = consensus(robot.X)
chosen = {
    trust: space.archs(robot.X)[int((mean + trust * agreement).argmax())]
    for trust in TRUST.tolist()
}
for trust in (0.0, 0.3, 0.6, 0.9, 1.2):
    print(f"trust {trust}: {signal(chosen[trust]):.2f} % signal, {goal(chosen[trust]):.2f} % goal")
print(f"different cells from trust 0 to 1.2: {len(set(chosen.values()))}")

# %% [markdown]
# Not here, where queries were chosen by it already. What it is worth takes more than one search: let the surrogate
# learn from as many cells at random, many times over, and name the best cell of the first part. It is told the goal
# itself, or the signal from above, or one that is further away: the accuracy of networks trained for noisy analog
# hardware, and on it (`analog_accuracy`).

# %%
X, truth = benchmark.X[parts[0]], goal.Y[parts[0]].flatten()
agreement = consensus(X)
gp = ProxyGP(space)
gp.remember(X)
figure, axes = chart()
told = {"the goal": goal, "the signal": signal, "analog": benchmark.objective("analog_accuracy")}
summary = {}
for (name, objective), colour in zip(told.items(), (GREY, BLUE, RED), strict=True):
    Y = objective.Y[parts[0]]
    misses = []
    for seed in range(10 * REPEATS):
        rows = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))[:QUERIES]
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
# Told the goal, the surrogate needs no trust, and pays for it. Told the signal from above, it makes no difference that
# these draws could tell. Told the analog accuracy, which knows less of the goal, trust takes about a third off the
# regret. The default, 0.9, is for cheap signals such as a few epochs; if what you tell is what you want, give
# `RoBoT(space, trust=0, seed=0)`, or `--trust 0` to `archbo robot`.
