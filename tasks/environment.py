"""Environment variables of a run: nobody is told about it, and the stages see the interpreter that runs it."""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

DEFAULTS = {
    "DO_NOT_TRACK": "1",  # Prefect's client
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    # The temporary server takes 12 to 22 s to start on two cores; Prefect's own limit is 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


def set_defaults(environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets what the user has not set. Prefect reads its settings on import: call this before."""
    for name, value in DEFAULTS.items():
        environment.setdefault(name, value)


def for_dvc() -> dict[str, str]:
    """The environment of a DVC child: `python` and `mangagan` in a stage's command are those of this interpreter."""
    environment = dict(os.environ)
    set_defaults(environment)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    environment["PYTHONUNBUFFERED"] = "1"  # a stage's lines are to be seen when they are written
    return environment
