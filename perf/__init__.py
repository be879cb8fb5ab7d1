"""Side-by-side runs of speed and quality: ``python -m perf NAME``."""
