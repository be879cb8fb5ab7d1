"""Surrogate predictors and Bayesian optimization for neural architectures.

The public page: everything below can be imported from ``archbo`` itself, and is loaded on first use.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archbo.acquisition import (
        FixedCandidates,
        Maximize,
        MaximizeOutcomes,
        Observations,
        PrunedCandidates,
        ThompsonSampling,
    )
    from archbo.benchmarks import Benchmark, Constraint, Objectives, Outcomes, read_table
    from archbo.bo_loop import (
        NSGA2,
        GuidedEvolution,
        History,
        MultiFidelityOptimizer,
        MultiObjectiveOptimizer,
        Optimizer,
        ParetoHistory,
        RandomSearch,
        RegularizedEvolution,
        Searcher,
        run,
        run_fidelities,
        warm_start,
    )
    from archbo.catalog import benchmark, space
    from archbo.encodings import (
        CategoricalEncoding,
        Encoding,
        GraphFeatureEncoding,
        NodewiseEncoding,
        OneHotEncoding,
        OpCountEncoding,
        PathEncoding,
        WLEncoding,
        ZeroCostEncoding,
    )
    from archbo.errors import ArchboError
    from archbo.predictors import (
        BNNHMC,
        GBDT,
        GP,
        SGHMC,
        AutoGP,
        DeepEnsemble,
        DeepKernelGP,
        LinearisedLaplace,
        MultiTaskGP,
        Predictor,
        RandomForest,
        RelativisticGNN,
        SparseGP,
        Stack,
        ZeroCostMixer,
    )
    from archbo.proxies import ComputedProxies, ProxyTable
    from archbo.spaces import (
        Arch,
        CategoricalSpace,
        DartsSpace,
        EdgeCellSpace,
        GnnMacroSpace,
        NodeCellSpace,
        SearchSpace,
    )

__version__ = "0.1.0"

_HOMES = {
    "acquisition": (
        "FixedCandidates",
        "Maximize",
        "MaximizeOutcomes",
        "Observations",
        "PrunedCandidates",
        "ThompsonSampling",
    ),
    "benchmarks": (
        "Benchmark",
        "Constraint",
        "Objectives",
        "Outcomes",
        "read_table",
    ),
    "bo_loop": (
        "GuidedEvolution",
        "History",
        "MultiFidelityOptimizer",
        "MultiObjectiveOptimizer",
        "NSGA2",
        "Optimizer",
        "ParetoHistory",
        "RandomSearch",
        "RegularizedEvolution",
        "Searcher",
        "run",
        "run_fidelities",
        "warm_start",
    ),
    "catalog": (
        "benchmark",
        "space",
    ),
    "encodings": (
        "CategoricalEncoding",
        "Encoding",
        "GraphFeatureEncoding",
        "NodewiseEncoding",
        "OneHotEncoding",
        "OpCountEncoding",
        "PathEncoding",
        "WLEncoding",
        "ZeroCostEncoding",
    ),
    "errors": ("ArchboError",),
    "predictors": (
        "AutoGP",
        "BNNHMC",
        "DeepEnsemble",
        "DeepKernelGP",
        "GBDT",
        "GP",
        "LinearisedLaplace",
        "MultiTaskGP",
        "Predictor",
        "RandomForest",
        "RelativisticGNN",
        "SGHMC",
        "SparseGP",
        "Stack",
        "ZeroCostMixer",
    ),
    "proxies": (
        "ComputedProxies",
        "ProxyTable",
    ),
    "spaces": (
        "Arch",
        "CategoricalSpace",
        "DartsSpace",
        "EdgeCellSpace",
        "GnnMacroSpace",
        "NodeCellSpace",
        "SearchSpace",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BNNHMC",
    "GBDT",
    "GP",
    "NSGA2",
    "SGHMC",
    "Arch",
    "ArchboError",
    "AutoGP",
    "Benchmark",
    "CategoricalEncoding",
    "CategoricalSpace",
    "ComputedProxies",
    "Constraint",
    "DartsSpace",
    "DeepEnsemble",
    "DeepKernelGP",
    "EdgeCellSpace",
    "Encoding",
    "FixedCandidates",
    "GnnMacroSpace",
    "GraphFeatureEncoding",
    "GuidedEvolution",
    "History",
    "LinearisedLaplace",
    "Maximize",
    "MaximizeOutcomes",
    "MultiFidelityOptimizer",
    "MultiObjectiveOptimizer",
    "MultiTaskGP",
    "NodeCellSpace",
    "NodewiseEncoding",
    "Objectives",
    "Observations",
    "OneHotEncoding",
    "OpCountEncoding",
    "Optimizer",
    "Outcomes",
    "ParetoHistory",
    "PathEncoding",
    "Predictor",
    "ProxyTable",
    "PrunedCandidates",
    "RandomForest",
    "RandomSearch",
    "RegularizedEvolution",
    "RelativisticGNN",
    "SearchSpace",
    "Searcher",
    "SparseGP",
    "Stack",
    "ThompsonSampling",
    "WLEncoding",
    "ZeroCostEncoding",
    "ZeroCostMixer",
    "benchmark",
    "read_table",
    "run",
    "run_fidelities",
    "space",
    "warm_start",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'archbo' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archbo.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
