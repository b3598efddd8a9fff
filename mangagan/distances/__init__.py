"""Distances between sets of images or features; used by the training monitor and by the metrics."""
