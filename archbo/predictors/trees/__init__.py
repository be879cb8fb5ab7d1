"""Ensembles of trees: boosted ones and forests."""
