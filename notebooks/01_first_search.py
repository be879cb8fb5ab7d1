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
# From a benchmark that comes with the installation to a drawn cell and a regret curve, in five minutes.
# Install with `pip install archbo`, or `make install` in a checkout.

# %%
# %matplotlib inline
import os
import warnings

# A library asks for a widget that nothing here needs.
warnings.filterwarnings("ignore", message="IProgress not found")

import torch

import archbo
from archbo.comparison import draw_arch, plot_predictions, plot_regret

# The matrices here are small: one thread is faster than several.
torch.set_num_threads(1)
QUERIES = int(os.environ.get("ARCHBO_NOTEBOOK_QUERIES", "80"))
REPEATS = int(os.environ.get("ARCHBO_NOTEBOOK_REPEATS", "3"))

# %% [markdown]
# ## A benchmark is a table, an architecture is a row
#
# `nb201` holds all 15,625 cells of NAS-Bench-201 with their accuracy on CIFAR-10, measured for
# AnalogNAS-Bench. Its objective is a plain function of an architecture.

# %%
benchmark = archbo.benchmark("nb201")
space = benchmark.space
accuracy = benchmark.objective()

arch = space.arch("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|")
print(arch.row)
print(
    f"{accuracy(arch):.2f} % on CIFAR-10, rank {accuracy.rank(accuracy(arch))} of {len(benchmark):,}"
)

# %% [markdown]
# The row says which operation is on which edge. Drawn, operations that never reach the output are left out.

# %%
draw_arch(arch)

# %% [markdown]
# ## A surrogate is a BoTorch model
#
# A Gaussian process learns from 100 random cells, and predicts others with an error bar. Its mean and
# standard deviation are in the benchmark's own unit.

# %%
order = torch.randperm(len(benchmark), generator=torch.Generator().manual_seed(0))
train, test = order[:100], order[100:300]
gp = archbo.GP(space).fit(benchmark.X[train], accuracy.Y[train], seed=0)
mean, std = gp.predict(benchmark.X[test])
truth = accuracy.Y[test].flatten()
covered = ((mean - truth).abs() <= 1.645 * std).double().mean()
print(f"{covered:.0%} of the true values are within the predicted 90 % intervals")

# %%
plot_predictions(mean.tolist(), std.tolist(), truth.tolist(), unit="accuracy (%)")

# %% [markdown]
# ## A search asks and tells
#
# The optimizer asks for an architecture, you train it wherever you like, and tell its value. Here the table
# answers.

# %%
candidates = archbo.FixedCandidates(space, benchmark.X)
optimizer = archbo.Optimizer(space, candidates=candidates, seed=0)
for _ in range(3):
    (arch,) = optimizer.ask()
    optimizer.tell([arch], [accuracy(arch)])
optimizer.history.to_frame()

# %% [markdown]
# `run` does the same in a loop. Random search runs beside it.

# %%
searches = {"archbo": archbo.Optimizer, "random search": archbo.RandomSearch}
histories = {
    name: [
        archbo.run(method(space, candidates=candidates, seed=seed), accuracy, QUERIES)
        for seed in range(REPEATS)
    ]
    for name, method in searches.items()
}

# %%
plot_regret(
    {
        name: [(accuracy.best - history.running_best).tolist() for history in runs]
        for name, runs in histories.items()
    },
    unit="accuracy (%)",
    title="NAS-Bench-201, CIFAR-10",
)

# %% [markdown]
# ## The cell it found

# %%
best, value = max((history.best for history in histories["archbo"]), key=lambda pair: pair[1])
print(best)
print(f"{value:.2f} %, rank {accuracy.rank(value)} of {len(benchmark):,}")

# %%
draw_arch(best)

# %% [markdown]
# ## Your own training code
#
# Any product of choices is a space, and any function of an architecture an objective.

# %%
mine = archbo.CategoricalSpace(
    "mine", {"width": [8, 16, 32, 64], "depth": [2, 4, 6], "activation": ["relu", "gelu", "silu"]}
)


def train_and_score(arch: archbo.Arch) -> float:
    """Stands for hours of training."""
    width, depth, activation = arch.row
    return 60 + 9 * width - (width - 2) ** 2 + 4 * depth + 2 * (activation == 2)


history = archbo.run(archbo.Optimizer(mine, n_initial=5, seed=0), train_and_score, 15)
print(*history.best)
