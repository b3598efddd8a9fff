"""Workspaces of an installed package: `mangagan init` and `mangagan upgrade`."""
