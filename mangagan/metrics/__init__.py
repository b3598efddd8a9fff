"""Metrics of generated images: one file for each metric or family, a registry, and the verdict."""
