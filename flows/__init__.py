"""Prefect flows: the DAG of dvc.yaml as one flow, and its schedules."""
