"""Perceptrons with a posterior: sampled, linearised, or an ensemble of many starts."""
