"""Shares of the true hypervolume of Accel-NASBench's networks with the throughput of six devices."""

from perf.pareto import BATCH, METHODS, Case, compare, row_name
from perf.section import Section
from perf.settings import Measurement, Settings

__all__ = ["MEASUREMENT"]

DEVICES = ("a100", "3090", "tpuv2", "tpuv3", "zcu102", "vck190")


def measure(settings: Settings) -> Section:
    """Several searches of each method for accuracy and the throughput of each device."""
    table = settings.table.with_name("accel_nasbench_open.parquet")
    cases = {
        row_name(device, method): Case(
            method,
            f"val_top1,throughput_{device}",
            table,
            "accel-nasbench",
            "all_devices",
            sparse=True,
        )
        for device in DEVICES
        for method in METHODS
    }
    return Section(
        "Accuracy and throughput of a device",
        [compare(cases, settings)],
        [
            "Accel-NASBench (arXiv 2404.08005), one half of its 5,125 networks: top-1 accuracy on ImageNet after a short "
            "training, and images per second of the device, both measured. The table holds few of 10^8 networks: what evolution makes "
            "becomes the nearest one that it has. The share of the hypervolume of all 2,535 networks "
            "that ran on all devices, above the table's worst values, that was found; medians. The searches are not told these "
            f"values. {BATCH} networks are asked for at a time. `gp` is Bayesian search by qLogNEHVI, `guided-evolution` that of "
            "NATv2 (arXiv 2307.00960) and LINAS (arXiv 2202.12954). Nothing is published of searches of these measurements.",
        ],
    )


MEASUREMENT = Measurement(measure, repeats=10, size=100, unit="queries")
