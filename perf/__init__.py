"""Speed and quality, measured side by side: ``python -m perf NAME``."""
