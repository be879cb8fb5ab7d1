"""Strategies: search methods, each a pure function of the log."""
