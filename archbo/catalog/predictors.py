"""Predictors by name."""

from functools import partial

from archbo import predictors
from archbo.catalog.entry import PARTS, PROXIES, Entry, Registry
from archbo.encodings import OneHotEncoding, PathEncoding, WLEncoding
from archbo.predictors import GBDT, Predictor, RelativisticGNN, Stack, kernels
from archbo.predictors.gaussian_processes.gp import relative

__all__ = ["PREDICTORS"]

BY_FEATURE = partial(kernels.matern, sharing="feature")
"""The Matern kernel with a weight for each feature."""
SEMANTIC_COUNTS = partial(PathEncoding, counts=True, semantic=True)
"""How often each path occurs after identities are contracted."""

PREDICTORS: Registry[Predictor] = Registry(
    "predictor",
    "archbo.predictors",
    [
        Entry("auto", predictors.AutoGP),
        Entry("gp", predictors.GP),
        Entry("gp-matern-ard", relative(BY_FEATURE), "`gp` with a weight for each feature"),
        Entry("gp-rbf", relative(kernels.rbf), "`gp` with a squared exponential kernel"),
        Entry(
            "gp-hamming", relative(BY_FEATURE, OneHotEncoding), "`gp-matern-ard` on one-hot rows"
        ),
        Entry(
            "gp-tanimoto",
            relative(kernels.tanimoto, SEMANTIC_COUNTS),
            "`gp` with the Tanimoto kernel of semantic path counts",
            "GAUCHE, arXiv 2212.04450",
        ),
        Entry(
            "gp-wl",
            relative(kernels.subtree, WLEncoding),
            "`gp` with the Weisfeiler-Lehman kernel",
            "NAS-BOWL, arXiv 2006.07556",
        ),
        Entry(
            "gp-sum",
            relative(kernels.sum_of_parts),
            "`gp` with a sum of kernels by kind of feature",
        ),
        Entry("gp-product", relative(kernels.product_of_parts), "`gp` with a product of them"),
        Entry(
            "ibnn",
            relative(kernels.infinite_width_bnn),
            "A Bayesian neural network of infinite width",
            "arXiv 2305.20028",
        ),
        Entry("dkl", predictors.DeepKernelGP),
        Entry("sparse-gp", predictors.SparseGP, paper="arXiv 1309.6835"),
        Entry("multi-task-gp", predictors.MultiTaskGP, paper="Bonilla et al. 2007"),
        Entry(
            "bnn-hmc",
            predictors.BNNHMC,
            "A Bayesian neural network by Hamiltonian Monte Carlo",
            "arXiv 2305.20028",
        ),
        Entry("sghmc", predictors.SGHMC, "`bnn-hmc` by stochastic gradients", "arXiv 1402.4102"),
        Entry(
            "laplace",
            predictors.LinearisedLaplace,
            "A Bayesian neural network by a linearised Laplace approximation",
            "arXiv 2106.14806",
        ),
        Entry("deep-ensemble", predictors.DeepEnsemble, paper="arXiv 1612.01474"),
        Entry(
            "proxy-gp",
            predictors.ProxyGP,
            "A Gaussian process around the consensus of zero-cost proxies",
            "after RoBoT, arXiv 2403.07591",
            PROXIES,
        ),
        Entry(
            "gbdt",
            GBDT,
            "Bagged gradient-boosted trees with calibrated intervals",
            "arXiv 1603.02754",
        ),
        Entry("gbdt-rank", partial(GBDT, objective="rank"), "`gbdt`, trained on pairs"),
        Entry("gnn", RelativisticGNN, paper="RATs-NAS, arXiv 2208.09155"),
        Entry("mixer", predictors.ZeroCostMixer, needs=PARTS),
        Entry("stack", Stack),
        Entry(
            "stack-gnn",
            partial(Stack, parts=(GBDT, RelativisticGNN)),
            "`stack` of trees and graph networks",
        ),
        Entry(
            "rank-average", partial(Stack, combine="rank"), "The mean of several predictors' ranks"
        ),
        Entry("random-forest", predictors.RandomForest, paper="Breiman 2001"),
        Entry("xgboost", GBDT.plain, paper="arXiv 1603.02754"),
    ],
)
