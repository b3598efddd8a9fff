"""Functions that tests let workers compute."""

import os
import signal
from pathlib import Path

from mangagan.core.machine import MachineParams

PROCESSES = MachineParams(executor="processes")


def square(number: int) -> int:
    """Return the square of a number."""
    return number * number


def die_once(marker: Path, number: int) -> int:
    """Return the number; kill the worker process the first time that it computes number 5."""
    if number == 5 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(number: int) -> int:
    """Kill the worker process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number
