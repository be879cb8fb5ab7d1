"""How well the latency of a new device is predicted from a few measurements, where that of other devices is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from sklearn.linear_model import BayesianRidge
from torch import Tensor

from archbo.acquisition import FixedCandidates, Maximize, ivr
from archbo.benchmarks import Benchmark
from archbo.bo_loop import Bayesian, run
from archbo.comparison import training_sample
from archbo.comparison.metrics import spearman
from archbo.encodings import ZeroCostEncoding, default_encoding
from archbo.predictors import GP, ProxyGP
from archbo.proxies import ProxyTable
from archbo.randomness import generator
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import TABLE, load

__all__ = ["MEASUREMENT"]

SIZES = (10, 20)
"""The numbers of measurements on the new device."""
MOST = 1_500
"""The number of other architectures that are ranked, and of those to choose measurements from."""
FACTORS = 4
"""The most principal components of the known devices' latencies that the factor model has."""
MODELS = ("1080ti", "2080ti", "titanx", "titanxp", "titan_rtx", "silver")
"""What the names of devices of one model begin with: the batch sizes of a GPU, and two processors of one series."""
CHOSEN_BY = ("eyeriss", "raspi4", "pixel3", "samsung_s7", "2080ti_1", "titanx_1")
"""The devices that methods were chosen by."""
PUBLISHED: dict[str, tuple[str, str, str, str]] = {
    "ND": (
        "1080ti_1 1080ti_32 1080ti_256 silver_4114 silver_4210r samsung_a50 pixel3 essential_ph_1 samsung_s7",
        "fpga raspi4 eyeriss",
        ".930 / .960",
        "9 of 9, 3 of 6",
    ),
    "N1": ("eyeriss pixel3", "1080ti_1 titan_rtx_32 titan_rtx_1", ".944 / .974", "2 of 5, 3 of 5"),
    "N2": ("1080ti_1 1080ti_32 titanx_32 titanxp_32", "pixel3", ".808 / .866", "4 of 5, 1 of 5"),
    "NA": (
        "titan_rtx_1 titan_rtx_32 2080ti_1 titanx_1 1080ti_1 titanx_32 titanxp_32 1080ti_32 samsung_s7 silver_4114 "
        "gold_6240 silver_4210r samsung_a50",
        "eyeriss",
        ".832 / .902",
        "13 of 17, 1 of 3",
    ),
}  # fmt: skip
"""Tasks of NASFLAT (arXiv 2403.02446, device_task_list.py of abdelfattah-lab/nasflat_latency), as far as the table has them.

Known devices, new devices, published Spearman from 10 and 20 measurements, how many of the known and new are there. N3 and N4 are
left out: of five and ten known devices the table has one.
"""


def _table() -> Benchmark:
    return load(TABLE.with_name("nb201_help.parquet"))


def _model(device: str) -> str:
    """What model a device is."""
    found = [model for model in MODELS if device.rpartition("_")[0] == model]
    return found[0] if found else device


@dataclass(frozen=True)
class New:
    """A new device, and what is known of others."""

    known: ProxyTable
    device: str
    seed: int

    @property
    def latency(self) -> Tensor:
        """``n``, its latencies in ms."""
        return _table().values(f"lat_{self.device}").flatten()

    def at_random(self, n: int) -> Tensor:
        """``n`` rows of the table to measure."""
        return torch.from_numpy(training_sample(len(_table()), n, seed=self.seed)[0])

    def telling(self, n: int) -> Tensor:
        """``n`` rows of the table that tell the most of all others, but for the first two."""
        table = _table()
        some = self.at_random(MOST)
        strategy = Bayesian(
            table.space,
            (evaluate := table.evaluator(f"lat_{self.device}")).goal,
            ProxyGP(table.space, proxies=self.known),
            Maximize(ivr),
            candidates=FixedCandidates(table.space, table.X[some]),
            n_initial=2,
            refit_every=n,
            seed=self.seed,
        )
        X = run(strategy, evaluate, n).rows()
        return torch.tensor([int((row == table.X).all(-1).nonzero()) for row in X])


def _structure(new: New, rows: Tensor, others: Tensor) -> Tensor:
    return _fitted(new, GP(_table().space), rows, others)


def _joined(new: New, rows: Tensor, others: Tensor) -> Tensor:
    space = _table().space
    encoding = default_encoding(space) + ZeroCostEncoding(space, new.known)
    return _fitted(new, GP(space, encoding), rows, others)


def _proxies(new: New, rows: Tensor, others: Tensor) -> Tensor:
    return _fitted(new, ProxyGP(_table().space, proxies=new.known), rows, others)


def _learning(new: New, rows: Tensor, others: Tensor) -> Tensor:
    gp = ProxyGP(_table().space, proxies=new.known, learn_after=0)
    return _fitted(new, gp, rows, others)


def _fitted(new: New, gp: GP | ProxyGP, rows: Tensor, others: Tensor) -> Tensor:
    X = _table().X
    return gp.fit(X[rows], new.latency[rows], seed=0).predict(X[others])[0]


def _factors(new: New, rows: Tensor, others: Tensor) -> Tensor:
    """Ridge regression of the logarithm on principal components of the known devices' logarithms."""
    logs = new.known.reference[0].log()
    logs = (logs - logs.mean(0)) / logs.std(0)
    _, _, axes = torch.linalg.svd(logs, full_matrices=False)
    factors = (logs @ axes[:FACTORS].T).numpy()
    ridge = BayesianRidge().fit(factors[rows], new.latency[rows].log().numpy())
    return torch.from_numpy(ridge.predict(factors[others]))


Predict = Callable[[New, Tensor, Tensor], Tensor]
METHODS: dict[str, tuple[Predict, bool]] = {
    "`gp`, structure only": (_structure, False),
    "factors of the known devices": (_factors, False),
    "`gp` on `default+zero-cost`": (_joined, False),
    "`proxy-gp`": (_proxies, False),
    "`proxy-gp`, `learn_after=0`": (_learning, False),
    "the same, architectures by `ivr`": (_learning, True),
}
"""How others are predicted, and whether the architectures to measure are chosen; otherwise they are drawn."""


@dataclass(frozen=True)
class Task:
    """A device from the others, or from some of them."""

    device: str
    known: tuple[str, ...]
    methods: tuple[str, ...]
    seed: int

    def __str__(self) -> str:
        return f"{self.device} from {len(self.known)} devices, seed {self.seed}"


def correlations(task: Task) -> dict[tuple[str, int], float]:
    """Spearman's correlation by method and number of measurements."""
    known = ProxyTable.from_benchmark(_table(), [f"lat_{device}" for device in task.known])
    new = New(known, task.device, task.seed)
    shuffled = torch.randperm(len(_table()), generator=generator(task.seed))
    found = {}
    for size in SIZES:
        rows = {False: new.at_random(size)}
        for method in task.methods:
            predict, chosen = METHODS[method]
            if chosen not in rows:
                rows[chosen] = new.telling(size)
            others = shuffled[~torch.isin(shuffled, rows[chosen])][:MOST]
            mean = predict(new, rows[chosen], others)
            found[method, size] = spearman(mean.numpy(), new.latency[others].numpy())
    return found


def measure(settings: Settings) -> Section:
    """Every device from those of other models, then the published tasks."""
    methods = tuple(settings.wanted(METHODS))
    devices = [str(name).removeprefix("lat_") for name in _table().metrics]
    others = {
        device: tuple(other for other in devices if _model(other) != _model(device))
        for device in devices
    }
    pairs = [
        *others.items(),
        *((new, tuple(known.split())) for known, news, *_ in PUBLISHED.values() for new in news.split()),
    ]  # fmt: skip
    tasks = [Task(*pair, methods, seed) for pair in dict.fromkeys(pairs) for seed in settings.seeds]
    found = dict(zip(tasks, each(correlations, tasks, workers=settings.workers), strict=True))

    def mean(method: str, size: int, pairs: Sequence[tuple[str, tuple[str, ...]]]) -> str:
        values = [
            found[Task(*pair, methods, seed)][method, size]
            for pair in pairs
            for seed in settings.seeds
        ]
        return f"{fmean(values):.3f}"

    judged = [(device, known) for device, known in others.items() if device not in CHOSEN_BY]
    groups = {"all 22": list(others.items()), "the 16 that judge": judged}
    groups |= {device: [(device, others[device])] for device in CHOSEN_BY}
    rows = [
        [
            method,
            *(" / ".join(mean(method, n, group) for n in SIZES) for group in groups.values()),
        ]
        for method in methods
    ]
    published = []
    for name, (known, news, values, there) in PUBLISHED.items():
        group = [(new, tuple(known.split())) for new in news.split()]
        cells = (" / ".join(mean(method, n, group) for n in SIZES) for method in methods)
        published.append([f"{name}: {there}", values, *cells])
    return Section(
        "Latency of a new device",
        [
            Grid(["", *groups], rows, "Each device from all devices of other models:"),
            Grid(
                ["task: known and new devices in the table", "NASFLAT", *methods],
                published,
                "Tasks as published, with the devices that the table has:",
            ),
        ],
        [
            "NAS-Bench-201, latencies of HELP (arXiv 2106.08630): Spearman's correlation, from 10 / from 20 measured architectures, "
            f"on {MOST:,} others. The latencies of the known devices are proxies: known for all architectures. `ivr` chooses from "
            f"{MOST:,} random architectures what tells the most of all others. "
            "The way to choose them was found on the six devices named, and the others judge it; the predictors were looked at on "
            "all devices, with seed 0.",
            "Of the published tasks N3 and N4 are left out: of five and ten known devices the table has one.",
            "NASFLAT (arXiv 2403.02446, its authors' logs) knows hundreds of architectures of each known device and predicts the "
            "new device from embeddings; in the mean of six tasks it reaches .90 from 10 and .94 from 20, HELP .66 from 10.",
        ],
    )


MEASUREMENT = Measurement(measure, repeats=2)
