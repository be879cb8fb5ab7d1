"""Gaussian processes: exact, sparse, over several tasks, on proxies, and on learned features."""
