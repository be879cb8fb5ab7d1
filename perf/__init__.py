"""Side-by-side speed runs: ``python -m perf NAME``."""
