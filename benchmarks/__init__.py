"""Benchmarks of speed, detection, training and metrics: `python -m benchmarks.NAME` prints one JSON line on stdout."""
