"""Prefect tasks: run one DVC stage, report its outcome, show its results."""
