"""Prefect tasks: run one DVC stage, say what happened to it, show its results."""
