"""Comparison of two recorded runs of the pipeline."""
