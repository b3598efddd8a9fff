"""Facts about the machine and the process of a measurement."""

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "opencv-python-headless", "torch")


def describe_machine() -> dict[str, object]:
    """Return the processor, the number of usable cores, and the versions of Python and the main packages."""
    return {
        "cpu": get_cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: get_package_version(package) for package in PACKAGES},
    }


def get_package_version(package: str) -> str | None:
    """Return the version of an installed package, or None if it is not installed under this name."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def get_cpu_model() -> str:
    """Return the model name of the processor."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def get_peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far [MB, 10^6 bytes]."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would include the memory of the parent process at the time of the fork
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) * 1024 / 1e6, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
