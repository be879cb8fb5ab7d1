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
# # A first search
#
# **The question.** How do I search, and does a search find the best cell sooner than chance would?
#
# From a benchmark that is installed with archbo to a drawn cell and a regret curve, in five minutes.
# Install with `pip install -c constraints.txt .`, or `make install`, in a checkout.

# %%
# %matplotlib inline
import os
import warnings

# A library asks for a widget that nothing here needs.
warnings.filterwarnings("ignore", message="IProgress not found")

import torch

import archbo
from archbo.comparison import draw_arch, plot_predictions, plot_search, run_search
from archbo.randomness import generator

# The matrices here are small: one thread is faster than several.
torch.set_num_threads(1)
QUERIES = int(os.environ.get("ARCHBO_NOTEBOOK_QUERIES", "80"))
REPEATS = int(os.environ.get("ARCHBO_NOTEBOOK_REPEATS", "3"))

# %% [markdown]
# ## A benchmark is a table, an architecture is a row
#
# `nb201` holds all 15,625 cells of NAS-Bench-201 with their accuracy on CIFAR-10, measured for AnalogNAS-Bench. Its
# evaluator is a function of an architecture that looks the accuracy up.

# %%
benchmark = archbo.benchmark("nb201")
space = benchmark.space
evaluate = benchmark.evaluator()
metric = benchmark.default_objective

arch = space.arch("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|")
accuracy = evaluate(arch)[metric]
print(arch.row)
print(f"{accuracy:.2f} % on CIFAR-10, rank {evaluate.rank(accuracy)} of {len(benchmark):,}")

# %% [markdown]
# The row gives the operation on each edge. In the drawing, operations from which no path leads to the output are left out.

# %%
draw_arch(arch)

# %% [markdown]
# ## A surrogate is a BoTorch model
#
# A Gaussian process learns from 100 random cells, and predicts the accuracy of others with an error bar. Mean and standard
# deviation are in the unit of the benchmark.

# %%
Y = benchmark.values(metric)
order = torch.randperm(len(benchmark), generator=generator(0))
train, test = order[:100], order[100:300]
gp = archbo.GP(space).fit(benchmark.X[train], Y[train], seed=0)
mean, std = gp.predict(benchmark.X[test])
truth = Y[test].flatten()
low, high = gp.quantile(benchmark.X[test], (0.05, 0.95)).T
covered = ((low <= truth) & (truth <= high)).double().mean()
print(f"{covered:.0%} of the true values are within the predicted 90 % intervals")

# %%
plot_predictions(mean.tolist(), std.tolist(), truth.tolist(), unit="accuracy (%)")

# %% [markdown]
# ## A search asks and tells
#
# The optimizer asks for an architecture; you train it wherever you like and tell its value. Here the table answers. The log
# keeps all that was asked and told.

# %%
candidates = archbo.FixedCandidates(space, benchmark.X)
optimizer = archbo.Optimizer(space, evaluate.goal, candidates=candidates, seed=0)
for _ in range(3):
    (arch,) = optimizer.ask()
    optimizer.tell([arch], [evaluate(arch)])
optimizer.log.frame()[["arch", metric, "state"]]

# %% [markdown]
# `archbo.run` does the same in a loop, with any strategy and any function of an architecture. `run_search` does it on a
# benchmark, and records after each evaluation where the search stood. Random search runs beside it.

# %%
strategies = {"archbo": archbo.Bayesian, "random search": archbo.RandomSearch}
runs = {
    name: [
        run_search(
            name,
            strategy(space, evaluate.goal, candidates=candidates, seed=seed),
            evaluate,
            QUERIES,
        )
        for seed in range(REPEATS)
    ]
    for name, strategy in strategies.items()
}

# %%
plot_search(runs, title="NAS-Bench-201, CIFAR-10")

# %% [markdown]
# ## The cell it found

# %%
best, value = max((run.log.best for run in runs["archbo"]), key=lambda pair: pair[1])
print(best)
print(f"{value:.2f} %, rank {evaluate.rank(value)} of {len(benchmark):,}")

# %%
draw_arch(best)

# %% [markdown]
# ## Your own training code
#
# Any product of choices is a space, and any function of an architecture can be searched.

# %%
mine = archbo.CategoricalSpace(
    "mine", {"width": [8, 16, 32, 64], "depth": [2, 4, 6], "activation": ["relu", "gelu", "silu"]}
)


def train_and_score(arch: archbo.Arch) -> float:
    """Stands for hours of training."""
    return 70 + arch["width"] ** 0.5 + arch["depth"] + 2 * (arch["activation"] == "silu")


log = archbo.run(archbo.Bayesian(mine, seed=0), train_and_score, 15)
print(*log.best)

# %% [markdown]
# ## The answer
#
# To search takes a space, a goal, and a function that says what an architecture is worth; `archbo.run` does the rest.
# **On NAS-Bench-201 archbo has evaluated the best of 15,625 cells, at 94.07 %, after 18 evaluations in the median of
# three searches, and after 20 in each of them.** Random search is still about one percent below it after 80
# evaluations. The surrogate behind it learned from as few cells: the one above, with 100, covers 94 % of the true
# values with its 90 % intervals.
#
# **What this does not show.** Three searches of one table are few, and on other tables the distance to random search is
# smaller or larger ([performance](../docs/performance.md)). Which surrogate to take is [the next
# notebook's](02_which_surrogate.ipynb) question. And a table answers at once: what it takes to search with trainings of
# hours, which fail and are killed, is in [the seventh](07_your_own_training.ipynb).
