"""Environment variables of a run: telemetry is disabled, and DVC's stages run with this Python interpreter."""

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
    """Set the variables that the user has not set. Call this before Prefect is imported: it reads them on import."""
    for name, value in DEFAULTS.items():
        environment.setdefault(name, value)


def dvc_environment() -> dict[str, str]:
    """Return the environment of a DVC process. `python` in the command of a stage is this interpreter."""
    environment = dict(os.environ)
    set_defaults(environment)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    environment["PYTHONUNBUFFERED"] = "1"  # show the lines of a stage at once
    return environment
