"""How the work is distributed on this machine or on several: the section `machine` of params.yaml."""

import importlib
from dataclasses import dataclass
from pathlib import Path

EXECUTORS = ("threads", "processes", "dask")
FILES = ("shared", "sent")


@dataclass(frozen=True)
class MachineParams:
    """Settings that change the speed, and no result. They are not part of any key.

    Attributes:
        executor: What runs the work on pages and faces: `threads`, `processes` or `dask`.
        workers: Number of workers. 0: one for each core. With a Dask scheduler: all workers that it has.
        scheduler: Address of a Dask scheduler. Empty: start workers on this machine. Only used by `dask`.
        files: `shared`: Dask workers read the files of the workspace at the same absolute path. `sent`: the content of
            the files is sent with each task. Only used by `dask`.
        cache_gb: Maximum size of the cache of results for each item [10^9 bytes]. 0: no cache.
    """

    executor: str = "threads"
    workers: int = 0
    scheduler: str = ""
    files: str = "shared"
    cache_gb: float = 10.0

    def __post_init__(self) -> None:
        """Raise ValueError if a value is out of range."""
        if self.executor not in EXECUTORS:
            raise ValueError(f"executor must be {', '.join(EXECUTORS[:-1])} or {EXECUTORS[-1]}, not {self.executor}")
        if self.workers < 0:
            raise ValueError("workers must be at least 0; 0: one for each core")
        if self.scheduler and "://" not in self.scheduler:
            raise ValueError("scheduler must be an address such as tcp://192.168.1.10:8786")
        if self.files not in FILES:
            raise ValueError(f"files must be {' or '.join(FILES)}, not {self.files}")
        if self.cache_gb < 0:
            raise ValueError("cache_gb must be at least 0; 0: no cache")

    @property
    def reads_files(self) -> bool:
        """Return True if the workers read the files of the workspace themselves."""
        return self.executor == "dask" and self.files == "shared"


THREADS = MachineParams()


def load_machine(root: Path = Path()) -> MachineParams:
    """Read the section `machine` of params.yaml. A workspace without this section gets the defaults.

    Args:
        root: The workspace. Default: the working directory.

    Raises:
        UserError: The section is invalid, or params.yaml is missing.
    """
    # Imported by name, so that params.py is not part of the keys of results that map_ordered computed.
    return importlib.import_module("mangagan.core.params").load("machine", MachineParams, root)
