"""Predictors: surrogates that are BoTorch models."""

from archbo.predictors.base import Predictor, marginals
from archbo.predictors.bnn_hmc import BNNHMC
from archbo.predictors.deep_ensemble import DeepEnsemble
from archbo.predictors.deep_kernel import DeepKernelGP
from archbo.predictors.draws import draw
from archbo.predictors.ensemble import GaussianEnsemble, calibrate
from archbo.predictors.forest import RandomForest
from archbo.predictors.gbdt import GBDT
from archbo.predictors.gp import GP
from archbo.predictors.laplace import LinearisedLaplace
from archbo.predictors.multi_task_gp import MultiTaskGP
from archbo.predictors.proxy_gp import ProxyGP
from archbo.predictors.relativistic_gnn import RelativisticGNN
from archbo.predictors.sghmc import SGHMC
from archbo.predictors.sparse_gp import AutoGP, SparseGP
from archbo.predictors.stacking import Stack
from archbo.predictors.zero_cost_mixer import ZeroCostMixer

__all__ = [
    "BNNHMC",
    "GBDT",
    "GP",
    "SGHMC",
    "AutoGP",
    "DeepEnsemble",
    "DeepKernelGP",
    "GaussianEnsemble",
    "LinearisedLaplace",
    "MultiTaskGP",
    "Predictor",
    "ProxyGP",
    "RandomForest",
    "RelativisticGNN",
    "SparseGP",
    "Stack",
    "ZeroCostMixer",
    "calibrate",
    "marginals",
]
