"""The benchmarks that come with the installation, read from the packages that publish them."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from archbo.benchmarks.safe_pickle import load_pickle
from archbo.benchmarks.table import Benchmark
from archbo.errors import DataError, UsageError
from archbo.spaces import EdgeCellSpace, GnnMacroSpace

__all__ = ["NAS_BENCH_GRAPH_DATASETS", "analog_nas_bench", "nas_bench_graph"]

NAS_BENCH_GRAPH_DATASETS = (
    "arxiv",
    "citeseer",
    "computers",
    "cora",
    "cs",
    "photo",
    "physics",
    "proteins",
    "pubmed",
)


def analog_nas_bench(path: str | Path | None = None) -> Benchmark:
    """All 15,625 NAS-Bench-201 cells on CIFAR-10, digital and on simulated analog hardware.

    The table is that of the package ``analog-nasbench`` (AnalogNAS-Bench, arXiv 2506.18495). Columns in %:
    ``baseline_accuracy`` (test accuracy of the float network), ``ptq_``, ``qat_`` (quantised after and
    during training), ``noisy_`` and ``analog_accuracy`` (analog noise without and with aware training),
    and ``{baseline,analog}_drift_{seconds}`` with ``..._uncertainty``.

    Args:
        path: The file ``data.anb``; that of the installed package by default.

    Raises:
        DataError: The package is not installed, or its file is not what it should be.

    Example:
        >>> benchmark = analog_nas_bench()
        >>> len(benchmark), benchmark.evaluator().best
        (15625, 94.0664)
    """
    file = Path(path) if path else _installed("analog-nasbench", "analognasbench/data.anb")
    module = "analognasbench.data"
    content = load_pickle(
        file, records=frozenset({(module, "Architecture"), (module, "DriftMeasurement")})
    )
    records = []
    try:
        for record in content.values():
            values: dict[str, object] = {}
            for key, value in vars(record).items():
                if "_drift_" in key:  # itself a record
                    values[key], values[f"{key}_uncertainty"] = value.value, value.uncertainty
                elif key != "architecture":
                    values[key] = value
            records.append(values)
        digits = np.array(list(content), dtype=np.int64).reshape(-1, 6)
        metrics = pd.DataFrame(records).astype(np.float64)
        metrics["baseline_accuracy"]  # a table without the default objective is another table
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} does not hold AnalogNAS-Bench records: {error}") from error
    space = EdgeCellSpace.nas_bench_201()
    return Benchmark(
        name="nb201",
        space=space,
        X=space.rows([str(tuple(cell)) for cell in digits.tolist()]),
        metrics=metrics,
        default_objective="baseline_accuracy",
        source="pip package analog-nasbench (arXiv 2506.18495)",
    )


def nas_bench_graph(dataset: str, path: str | Path | None = None) -> Benchmark:
    """26,206 graph neural networks on one of nine graph datasets (2,021 on proteins).

    The table is that of the package ``nas-bench-graph`` (arXiv 2206.09166), means over three seeds:
    ``valid_perf`` and ``perf`` (validation and test performance, fractions), ``latency`` (seconds),
    ``para`` (parameters in millions).

    Args:
        dataset: One of ``NAS_BENCH_GRAPH_DATASETS``.
        path: The file ``<dataset>.bench``; that of the installed package by default.

    Raises:
        UsageError: There is no such dataset.
        DataError: The package is not installed, or its file is not what it should be.

    Example:
        >>> benchmark = nas_bench_graph("cora")
        >>> len(benchmark), list(benchmark.metrics)
        (26206, ['valid_perf', 'perf', 'latency', 'para'])
    """
    if dataset not in NAS_BENCH_GRAPH_DATASETS:
        raise UsageError(
            f"unknown dataset {dataset!r}; nas-bench-graph has {', '.join(NAS_BENCH_GRAPH_DATASETS)}"
        )
    file = (
        Path(path)
        if path
        else _installed("nas-bench-graph", f"nas_bench_graph/light/{dataset}.bench")
    )
    content = load_pickle(file)
    space = (
        GnnMacroSpace.nas_bench_graph_proteins()
        if dataset == "proteins"
        else GnnMacroSpace.nas_bench_graph()
    )
    try:
        keys = torch.tensor(list(content), dtype=torch.int64)
        metrics = pd.DataFrame(list(content.values())).astype(np.float64)
        X = space.from_table_key(keys)
        metrics["valid_perf"]
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{file} does not hold NAS-Bench-Graph records: {error}") from error
    return Benchmark(
        name=f"nas-bench-graph/{dataset}",
        space=space,
        X=X,
        metrics=metrics,
        default_objective="valid_perf",
        source="pip package nas-bench-graph (arXiv 2206.09166)",
    )


def _installed(package: str, file: str) -> Path:
    """A data file of an installed package, found without importing it."""
    try:
        return Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError as error:
        raise DataError(f"{package} is not installed; run: pip install {package}") from error
