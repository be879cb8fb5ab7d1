"""Predictors: surrogates that are BoTorch models."""

from archbo.predictors.base import Predictor, marginals
from archbo.predictors.ensemble import GaussianEnsemble, calibrate
from archbo.predictors.gp import GP

__all__ = ["GP", "GaussianEnsemble", "Predictor", "calibrate", "marginals"]
