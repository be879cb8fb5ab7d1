"""Joint searches of an architecture and the recipe of its training, by real trainings of small networks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, pstdev

import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingLR

from archbo import Bayesian, Goal, MixedSpace, catalog
from archbo.bo_loop import run
from archbo.networks import EdgeCellSkeleton, network
from archbo.randomness import generator
from archbo.spaces import Arch, ProductSpace, Real
from perf.processes import each
from perf.samplers import sampled
from perf.section import Grid, Section
from perf.settings import Measurement, Settings

__all__ = ["MEASUREMENT", "loss", "report", "space"]

AT = (10, 20, 40)
"""The numbers of trainings after which the lowest loss is told."""
RECIPE = MixedSpace(
    "recipe",
    {
        "rate": Real(1e-3, 1, log=True),
        "momentum": Real(0, 0.99),
        "decay": Real(1e-6, 1e-1, log=True),
    },
)
"""Stochastic gradient descent: learning rate, which falls along a cosine, momentum and weight decay."""
SKELETON = EdgeCellSkeleton(channels=4, cells=1, image_channels=1)
EPOCHS, BATCH = 5, 32
TRAINING, VALIDATION = slice(0, 500), slice(500, None)
GUESSING = math.log(10)
"""The loss of guessing among ten classes, which counts where a training ends higher or at no number."""
OWN = "archbo"
METHODS = (OWN, "`GPSampler`", "`TPESampler`", "`RandomSampler`")


@cache
def space() -> ProductSpace:
    """A cell of NAS-Bench-201 and a recipe."""
    return ProductSpace("both", {"cell": catalog.space("nb201"), "recipe": RECIPE})


@cache
def digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's images ``1797 x 1 x 8 x 8`` and classes, in an order that is always the same."""
    data = load_digits()
    order = torch.randperm(len(data.target), generator=generator(0))
    images = torch.tensor(data.images, dtype=torch.float).unsqueeze(1) / 8 - 1
    return images[order], torch.tensor(data.target)[order]


def loss(arch: Arch) -> float:
    """The cross-entropy, in nats, on images that were not trained on; the weights' seed is always the same."""
    images, classes = digits()
    model = network(space().parts["cell"], space().part_of(arch, "cell"), SKELETON, seed=0)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=arch["recipe.rate"],
        momentum=arch["recipe.momentum"],
        weight_decay=arch["recipe.decay"],
    )
    source, x, y = generator(0), images[TRAINING], classes[TRAINING]
    schedule = CosineAnnealingLR(optimizer, EPOCHS * math.ceil(len(x) / BATCH))
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x), generator=source).split(BATCH):
            optimizer.zero_grad()
            cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        found = float(cross_entropy(model(images[VALIDATION]), classes[VALIDATION]))
    return min(found, GUESSING) if math.isfinite(found) else GUESSING


@dataclass(frozen=True)
class Task:
    """A search by a method."""

    method: str
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{self.method}, seed {self.seed}"


def search(task: Task) -> list[float]:
    """The losses in the order of the search."""
    if task.method != OWN:
        gains = sampled(
            task.method, space(), lambda arch: -loss(arch), task.n_queries, seed=task.seed
        )
        return [-gain for gain in gains]
    log = run(Bayesian(space(), Goal.parse("-loss"), seed=task.seed), loss, task.n_queries)
    return [trial.values[0] for trial in log.trials]


def measure(settings: Settings) -> Section:
    """Several searches by each method."""
    names = settings.wanted(METHODS)
    tasks = [Task(name, settings.size, seed) for name in names for seed in settings.seeds]
    losses: dict[str, list[list[float]]] = {name: [] for name in names}
    for task, found in zip(tasks, each(search, tasks, workers=settings.workers), strict=True):
        losses[task.method].append(found)
    return report(losses, settings.size)


def report(losses: Mapping[str, Sequence[Sequence[float]]], n_queries: int) -> Section:
    """The section on the losses in the order of some searches by each method."""
    at, rows = [n for n in AT if n <= n_queries] or [n_queries], []
    for name, several in losses.items():
        lowest = [[min(found[:n]) for found in several] for n in at]
        cells = [f"{fmean(values):.3f} ± {pstdev(values):.3f}" for values in lowest]
        rows.append([name, *cells, f"{max(lowest[-1]):.3f}"])
    header = ["lowest loss after", *(f"{n} trainings" for n in at), "worst"]
    return Section(
        "An architecture and its recipe",
        [Grid(header, rows)],
        [
            "Real trainings: a cell of NAS-Bench-201 in a network of 4 channels and one cell per stage learns 500 of scikit-learn's "
            f"digits for {EPOCHS} epochs, and the learning rate (.001 to 1), the momentum (0 to .99) and the weight decay (1e-6 to "
            ".1) are searched together with it; rate and decay on a logarithmic scale. The rate falls along a cosine. The cross-entropy on the other 1,297 images, "
            "in nats, at most that of guessing; mean and standard deviation over repeats, and the worst of them in the end. Weights "
            "and batches have always the same seed, so that all searches are of one function; with other seeds losses near the lowest "
            "differ by .02, one standard deviation. Optuna's samplers see six categorical "
            "and three real parameters. Nothing is published of it.",
        ],
    )


MEASUREMENT = Measurement(measure, repeats=10, size=max(AT), unit="trainings")
