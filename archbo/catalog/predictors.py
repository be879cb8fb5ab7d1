"""Predictors by name."""

from functools import partial

from archbo.catalog.entry import PARTS, PROXIES, Entry, Registry
from archbo.encodings import OneHotEncoding, PathEncoding, WLEncoding
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
    ProxyGP,
    RandomForest,
    RelativisticGNN,
    SparseGP,
    Stack,
    ZeroCostMixer,
    kernels,
)
from archbo.predictors.gaussian_processes.gp import relative

__all__ = ["PREDICTORS"]

PREDICTORS: Registry[Predictor] = Registry(
    "predictor",
    "archbo.predictors",
    [
        Entry("auto", AutoGP, "gp up to 3,000 observations, sparse-gp beyond"),
        Entry("gp", GP, "Gaussian process, a Matern kernel with a weight for each kind of feature"),
        Entry(
            "gp-matern-ard",
            relative(partial(kernels.matern, sharing="feature")),
            "Gaussian process with a weight for each feature",
        ),
        Entry(
            "gp-rbf", relative(kernels.rbf), "Gaussian process with a squared exponential kernel"
        ),
        Entry(
            "gp-hamming",
            relative(partial(kernels.matern, sharing="feature"), OneHotEncoding),
            "Gaussian process on one-hot rows",
        ),
        Entry(
            "gp-tanimoto",
            relative(kernels.tanimoto, partial(PathEncoding, counts=True, semantic=True)),
            "Gaussian process with the Tanimoto kernel of semantic path counts",
            "GAUCHE, arXiv 2212.04450",
        ),
        Entry(
            "gp-wl",
            relative(kernels.subtree, WLEncoding),
            "Gaussian process with the Weisfeiler-Lehman kernel",
            "NAS-BOWL, arXiv 2006.07556",
        ),
        Entry(
            "gp-sum", relative(kernels.sum_of_parts), "Gaussian process, a sum of kernels by kind"
        ),
        Entry(
            "gp-product", relative(kernels.product_of_parts), "Gaussian process, a product of them"
        ),
        Entry(
            "ibnn",
            relative(kernels.infinite_width_bnn),
            "Bayesian network of infinite width",
            "arXiv 2305.20028",
        ),
        Entry("dkl", DeepKernelGP, "deep kernel learning", "arXiv 1511.02222"),
        Entry("sparse-gp", SparseGP, "Gaussian process with inducing points", "arXiv 1309.6835"),
        Entry(
            "multi-task-gp",
            MultiTaskGP,
            "Gaussian process over several tasks or fidelities",
            "Bonilla et al. 2007",
        ),
        Entry(
            "bnn-hmc",
            BNNHMC,
            "Bayesian neural network by Hamiltonian Monte Carlo",
            "arXiv 2305.20028",
        ),
        Entry("sghmc", SGHMC, "the same by stochastic gradients", "arXiv 1402.4102"),
        Entry(
            "laplace",
            LinearisedLaplace,
            "the same by a linearised Laplace approximation",
            "arXiv 2106.14806",
        ),
        Entry("deep-ensemble", DeepEnsemble, "an ensemble of networks", "arXiv 1612.01474"),
        Entry(
            "proxy-gp",
            ProxyGP,
            "Gaussian process around the consensus of zero-cost proxies",
            "after RoBoT, arXiv 2403.07591",
            PROXIES,
        ),
        Entry("gbdt", GBDT, "bagged boosted trees with calibrated intervals", "arXiv 1603.02754"),
        Entry("gbdt-rank", partial(GBDT, objective="rank"), "the same, trained on pairs"),
        Entry(
            "gnn",
            RelativisticGNN,
            "ensemble of graph networks, trained on pairs",
            "RATs-NAS, arXiv 2208.09155",
        ),
        Entry(
            "mixer",
            ZeroCostMixer,
            "Bayesian mixer of the parts that decisions have in proxies, trained with DiffKendall",
            "ParZC, arXiv 2402.02105",
            PARTS,
        ),
        Entry("stack", Stack, "several surrogates weighed by their held-out predictions"),
        Entry(
            "stack-gnn",
            partial(Stack, parts=(GBDT, RelativisticGNN)),
            "a stack of trees and graph networks",
        ),
        Entry(
            "rank-average", partial(Stack, combine="rank"), "the mean of several surrogates' ranks"
        ),
        Entry("random-forest", RandomForest, "random forest", "Breiman 2001"),
        Entry("xgboost", GBDT.plain, "one run of boosted trees, as it comes", "arXiv 1603.02754"),
    ],
)
