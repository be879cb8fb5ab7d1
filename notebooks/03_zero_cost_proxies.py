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
# # Zero-cost proxies
#
# A network that has not been trained tells something about the trained one: one forward and one backward pass over a
# single batch stand in for hours on a GPU. What do such measures look at, how much do they know, and what do they add to a
# surrogate that has a few trained networks to learn from? Nothing here needs data or a GPU: images and labels are random.

# %%
# %matplotlib inline
import os
import warnings

# A library asks for a widget that nothing here needs. Warnings of the surrogates are shown without the path of the code.
warnings.filterwarnings("ignore", message="IProgress not found")
warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"

import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from torch import nn

import archbo
from archbo import catalog
from archbo.comparison import evaluate, plot_comparison, plot_correlations, training_sample
from archbo.proxies import MEASURES, compute, random_images, shipped
from archbo.randomness import global_seed

# The matrices here are small: one thread is faster than several.
torch.set_num_threads(1)
SIZES = [int(size) for size in os.environ.get("ARCHBO_NOTEBOOK_SIZES", "25,100,300").split(",")]
REPEATS = int(os.environ.get("ARCHBO_NOTEBOOK_REPEATS", "2"))


def heat_map(values, rows, columns, *, label, **options):
    """A picture of a table, without its numbers."""
    figure = Figure(
        figsize=(0.45 * len(columns) + 3.2, 0.4 * len(rows) + 1.2), layout="constrained"
    )
    axes = figure.add_subplot()
    image = axes.imshow(values, aspect="auto", **options)
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, shrink=0.9)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return figure


# %% [markdown]
# ## What each measure looks at
#
# `w` are the weights, `g` is the gradient of the loss with respect to them; the last column has arXiv numbers.
#
# | measure | what it asks | formula in words | paper |
# |---|---|---|---|
# | `grad_norm` | How steep is the loss? | norm of `g`, added up over layers | 2101.08134 |
# | `snip` | How much does the loss depend on the weights? | sum of &#124;`w g`&#124; | 1810.02340 |
# | `plain` | The same, where signs may cancel | sum of `w g` | 2210.03230 |
# | `grasp` | Would pruning weaken the gradient? | minus the sum of `w H g`, `H` the loss's Hessian | 2002.07376 |
# | `fisher` | What would removing a channel cost? | squares of activation times its gradient, mean over the batch | 1801.05787 |
# | `synflow` | How much flows through, whatever the data? | log of `snip` for the summed output, all weights positive, an input of ones | 2006.05467 |
# | `l2_norm` | How large are the weights? | norm of `w`, added up over layers | 2210.03230 |
# | `zico` | Do gradients of two batches agree? | log of the sum of mean &#124;`g`&#124; over its deviation, by layer | 2301.11300 |
# | `jacov` | Does the network treat images differently? | spectrum of the correlations between images' input gradients | 2006.04647v1 |
# | `epe_nas` | The same within each class | logs of these correlations, class by class | 2102.08099 |
# | `nwot` | Do different ReLUs fire for different images? | log determinant of how often two images agree | 2006.04647 |
# | `zen` | How much does the output move with the input? | log of the change under noise, with what batch norms divide out put back | 2102.01063 |
# | `flatness` | Is the loss flat around the weights? | inverse of its slopes under growing noise on the weights | 2305.08611 |
# | `ntk` | Are all images learned at the same speed? | largest by smallest eigenvalue of the tangent kernel; lower is better | 2102.11535 |
# | `lga` | Are images of one class learned together? | correlation of the tangent kernel with "same class" | 2203.14577 |
# | `params`, `flops` | How large is it? | weights; multiply-adds for one image | |
#
# All but `ntk` and `lga` come with archbo for every cell of NAS-Bench-201, computed from small networks on random images
# (`archbo proxies compute` makes such tables for other spaces). Here they are for a handful of cells, with the accuracy on
# CIFAR-10 in percent:

# %%
benchmark = archbo.benchmark("nb201")
space, table = benchmark.space, benchmark.evaluator()
accuracy = benchmark.values(benchmark.default_objective).flatten()
proxies = shipped(space)


def cell(*ops):
    """A cell of these operations, edge by edge."""
    return space.arch("|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*ops))


best = table.argbest()
conv, skip = "nor_conv_3x3", "skip_connect"
cells = {
    "the best": best,
    "all 3x3": cell(*[conv] * 6),
    "all 1x1": cell(*["nor_conv_1x1"] * 6),
    "one 3x3, skips": cell(conv, *[skip] * 5),
    "all skip": cell(*[skip] * 6),
    "all pool": cell(*["avg_pool_3x3"] * 6),
}
chosen = space.rows(list(cells.values()))
scores = pd.DataFrame(proxies.scores(chosen).numpy(), index=cells, columns=proxies.names)
scores.insert(0, "accuracy", accuracy[benchmark.rows_of(list(cells.values()))])
scores.T.map("{:.3g}".format)

# %% [markdown]
# Units and magnitudes differ, and only the order counts. So archbo ranks each score among those of all cells, and the
# encoding `zero-cost` shows these ranks to a surrogate.

# %%
ranks = proxies.ranks(chosen).numpy()
heat_map(ranks, list(cells), proxies.names, label="rank", cmap="RdBu_r", vmin=-1, vmax=1)

# %% [markdown]
# `compute` scores any torch module, so it also scores the network that you are about to train.


# %%
def cnn(width, depth):
    """A plain convolutional network."""
    layers, fed = [], 3
    for _ in range(depth):
        layers += [nn.Conv2d(fed, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        fed = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


images, labels = random_images(64, resolution=16)
found = {}
for width, depth in [(8, 4), (32, 4), (8, 12)]:
    with global_seed(0):  # torch draws weights from its global generator
        network = cnn(width, depth)
    found[f"{depth} layers of {width}"] = compute(network, images, labels, list(MEASURES))
pd.DataFrame(found).map("{:.3g}".format)

# %% [markdown]
# ## How they correlate
#
# Several cells of NAS-Bench-201 are the same network if some of their operations cannot be reached. Shown are the 9,445
# cells without such operations, so that each network is there once. The numbers are Spearman's rank correlations; 1 is the
# same order.

# %%
own = (space.canonical(benchmark.X) == benchmark.X).all(-1)
numbers = pd.DataFrame(proxies.ranks(benchmark.X[own]).numpy(), columns=proxies.names)
numbers.insert(0, "accuracy", accuracy[own].numpy())
order = numbers.corr("spearman").accuracy.sort_values(ascending=False).index
correlations = numbers[order].corr("spearman")
plot_correlations({f"nb201, n={len(numbers):,}": correlations.to_numpy()}, list(order))

# %% [markdown]
# `grad_norm`, `snip` and `fisher` are nearly the same measure here, and so are `params` and `flops`, and `nwot` and
# `l2_norm`. `flatness` runs against most others: to its authors a flat loss is good, but here it is mostly small networks
# whose loss is flat. No measure is much better than counting parameters. The picture changes once bad cells are left out:

# %%
parts = {"all cells": 0.0, "better half": 0.5, "best tenth": 0.9}
figure = Figure(figsize=(6, 4.2), layout="constrained")
axes = figure.add_subplot()
for (name, level), colour in zip(parts.items(), ("#8a8f98", "#1b6ca8", "#d1495b"), strict=True):
    part = numbers[numbers.accuracy >= numbers.accuracy.quantile(level)]
    with_accuracy = part[order].corr("spearman").accuracy[1:]
    axes.plot(
        with_accuracy, with_accuracy.index, "o", color=colour, label=f"{name}, n={len(part):,}"
    )
axes.axvline(0, color="#8a8f98", linewidth=0.8)
axes.invert_yaxis()
axes.set_xlim(-1, 1)
axes.set_xlabel("Spearman's rank correlation with accuracy")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# Among the better half of the cells most measures lose a third of their correlation, or more. In the best tenth
# `zen` and `synflow` still point the right way, most are near zero, and `snip`, `grad_norm` and `fisher` point the wrong
# way. Proxies tell bad cells from good ones at no cost; to find the best of the good ones takes training.
#
# ## What they add to a surrogate
#
# Compared are a Gaussian process on archbo's default features (paths through the cell), on the ranks of the proxies alone,
# and on both; and the mixer, which sees how much of each proxy comes from each position of the cell, after ParZC
# (arXiv 2402.02105). Each learns from a random sample of trained cells and predicts all others.

# %%
SURROGATES = [
    ("gp", "default"),
    ("gp", "zero-cost"),
    ("gp", "default+zero-cost"),
    ("mixer", "default"),
]


def surrogate(name, encoding):
    """A surrogate of the catalog, on its own features unless others are named."""
    features = None if encoding == "default" else catalog.encoding(encoding, space)
    return catalog.predictor(name, space, features)


evaluations = [
    evaluate(name, encoding, surrogate(name, encoding), table, size, seed=seed)
    for name, encoding in SURROGATES
    for size in SIZES
    for seed in range(REPEATS)
]
plot_comparison(evaluations, unit="accuracy (%)", title="NAS-Bench-201, CIFAR-10")

# %% [markdown]
# Kendall's tau says how much more often two random cells are ranked in the right order than in the wrong one.

# %%
frame = pd.DataFrame([vars(evaluation) for evaluation in evaluations])
frame.pivot_table("kendall", ["predictor", "encoding"], "train_size", sort=False).round(3)

# %% [markdown]
# With 25 trained cells the ranks of the proxies alone are at least as good as the paths through the cell; with more cells
# they fall behind. Both together are better than either at every size. The mixer sees both as well; it needs more than 25
# cells to do as well.
#
# ## What the mixer learns about the positions of a cell
#
# A cell has six edges, which lead from the input by way of two nodes to the output. A measure that is a sum over layers has
# a part on each of them. `attributions` says how much each part moves a prediction: the slope, times the distance of the
# part from its mean over the training cells. The mixers here see these parts and nothing else, neither operations nor whole
# scores, so that the picture shows all that they know of a cell: mean absolute values over 400 cells that they have not
# seen, on the scale of warped accuracies.

# %%
attributions = []
for seed in range(REPEATS):
    train, test = map(torch.from_numpy, training_sample(len(benchmark), max(SIZES), seed=seed))
    mixer = archbo.ZeroCostMixer(space, alone=True)
    mixer.fit(benchmark.X[train], accuracy[train], seed=seed)
    attributions.append(mixer.attributions(benchmark.X[test[:400]]))
attributions = torch.cat(attributions)
NODES = ["input", "1", "2", "output"]
ends = [(int(column[3]), int(column[5])) for column in space.columns]  # op_0_1 is from 0 to 1
heat_map(
    attributions.abs().mean(0).numpy(),
    [f"{NODES[start]} to {NODES[end]}" for start, end in ends],
    proxies.node_names,
    label="mean |attribution|",
    cmap="Blues",
    vmin=0,
)

# %% [markdown]
# The same, drawn in the cell: the width of an edge is the mean absolute sum over its measures.

# %%
influence = attributions.sum(-1).abs().mean(0)
figure = Figure(figsize=(7, 3.4), layout="constrained")
axes = figure.add_subplot()
bends = {(0, 2): -0.45, (1, 3): 0.45, (0, 3): -0.6}
for (start, end), value in zip(ends, influence.tolist(), strict=True):
    bend = bends.get((start, end), 0.0)
    axes.add_patch(
        FancyArrowPatch(
            (start, 0),
            (end, 0),
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-",
            linewidth=24 * value / float(influence.max()),
            color="#1b6ca8",
            alpha=0.6,
        )
    )
    height = -bend * (end - start) / 2
    axes.text((start + end) / 2, height, f"{value:.2f}", ha="center", va="center", fontsize=9)
for node, name in enumerate(NODES):
    axes.text(node, 0, name, ha="center", va="center", bbox={"boxstyle": "circle", "fc": "white"})
axes.set_xlim(-0.4, 3.4)
axes.set_ylim(-0.8, 1.2)
axes.axis("off")
figure

# %% [markdown]
# The edge that leads straight from the input to the output moves predictions most, followed by the first and the last edge
# of the long way. The edge between the two inner nodes moves them least: its `synflow` counts for much, but its other parts
# offset it. On the straight edge the mixers look at the measures of the gradient, on the long way mostly at `synflow`, and
# hardly anywhere at `plain`. Another sample moves weight between measures that say the same, so trust the edges more than single squares.
