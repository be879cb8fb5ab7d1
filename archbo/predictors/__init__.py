"""Predictors: surrogates that are BoTorch models."""

from archbo.predictors.base import Predictor, marginals
from archbo.predictors.bayesian_networks.bnn_hmc import BNNHMC
from archbo.predictors.bayesian_networks.deep_ensemble import DeepEnsemble
from archbo.predictors.bayesian_networks.laplace import LinearisedLaplace
from archbo.predictors.bayesian_networks.sghmc import SGHMC
from archbo.predictors.calibration import calibrate
from archbo.predictors.gaussian_model import GaussianEnsemble, GaussianModel, draw
from archbo.predictors.gaussian_processes import kernels
from archbo.predictors.gaussian_processes.deep_kernel import DeepKernelGP
from archbo.predictors.gaussian_processes.gp import GP, GaussianProcess
from archbo.predictors.gaussian_processes.multi_task_gp import MultiTaskGP
from archbo.predictors.gaussian_processes.proxy_gp import ProxyGP
from archbo.predictors.gaussian_processes.sparse_gp import AutoGP, SparseGP
from archbo.predictors.ranking import losses
from archbo.predictors.ranking.relativistic_gnn import RelativisticGNN
from archbo.predictors.ranking.zero_cost_mixer import ZeroCostMixer
from archbo.predictors.stacking import Stack
from archbo.predictors.success import Success
from archbo.predictors.trees.forest import RandomForest
from archbo.predictors.trees.gbdt import GBDT

__all__ = [
    "BNNHMC",
    "GBDT",
    "GP",
    "SGHMC",
    "AutoGP",
    "DeepEnsemble",
    "DeepKernelGP",
    "GaussianEnsemble",
    "GaussianModel",
    "GaussianProcess",
    "LinearisedLaplace",
    "MultiTaskGP",
    "Predictor",
    "ProxyGP",
    "RandomForest",
    "RelativisticGNN",
    "SparseGP",
    "Stack",
    "Success",
    "ZeroCostMixer",
    "calibrate",
    "draw",
    "kernels",
    "losses",
    "marginals",
]
