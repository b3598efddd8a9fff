"""Measurements of speed and of how much is found: `python -m benchmarks.NAME` prints one JSON line on stdout."""
