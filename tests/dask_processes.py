"""A Dask scheduler and workers, started by the commands of docs/scaling.md, and functions for them to compute."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from mangagan.core.dask_cluster import close_clusters
from mangagan.core.errors import UserError
from mangagan.core.machine import MachineParams

PROJECT = Path(__file__).parents[1]
DASK = str(Path(sys.executable).with_name("dask"))
LOCAL_ONLY = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--no-dashboard")
STARTED_S = 60  # maximum wait for a process


class CustomError(Exception):
    """An exception that cannot be unpickled: it has two arguments and one message."""

    def __init__(self, page: str, number: int) -> None:
        super().__init__(f"{page}: {number}")


def compute_slowly(number: int) -> int:
    """Return the number after a moment."""
    time.sleep(0.1)
    return number


def reject(kind: str, number: int) -> int:
    """Return the number; raise an error for number 2."""
    if number == 2 and kind == "user":
        raise UserError("page.png not found. Run: dvc repro ingest")
    if number == 2:
        raise CustomError("page", number)
    return number


def fail_with(error: Exception, *_: object, **__: object) -> NoReturn:
    """Raise an error."""
    raise error


def compute_with_libraries(seed: int) -> tuple[int, int, int | None, bytes]:
    """Return the threads of OpenCV and of torch, the pixel limit of Pillow, and the bytes of two convolutions."""
    import cv2
    import numpy as np
    import torch
    from PIL import Image

    image = np.random.default_rng(seed).random((200, 150), dtype=np.float32)
    kernel = torch.from_numpy(image[:9, :9].copy())[None, None]
    summed = torch.nn.functional.conv2d(torch.from_numpy(image)[None, None], kernel)
    filtered = cv2.GaussianBlur(image, (0, 0), 3)
    found = summed.numpy().tobytes() + filtered.tobytes()
    return cv2.getNumThreads(), torch.get_num_threads(), Image.MAX_IMAGE_PIXELS, found


def start_process(*command: str, log: Path, path: Path = PROJECT, directory: Path = PROJECT) -> subprocess.Popen[bytes]:
    """Start a process in a process group of its own, with its output in a file."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASK_")}
    environment["PYTHONPATH"] = str(path)
    with log.open("wb") as file:
        return subprocess.Popen(
            command, cwd=directory, env=environment, stdout=file, stderr=file, start_new_session=True
        )


def wait_for_text(log: Path, pattern: str) -> str:
    """Return the first match of a pattern in the output of a process."""
    deadline = time.monotonic() + STARTED_S
    while time.monotonic() < deadline:
        if found := re.search(pattern, log.read_text()):
            return found[0]
        time.sleep(0.1)
    raise TimeoutError(log.read_text())


def start_worker(
    address: str, log: Path, path: Path = PROJECT, directory: Path = PROJECT, count: int = 1
) -> subprocess.Popen[bytes]:
    """Start workers with one thread each, and wait until they are registered."""
    options = ("--nworkers", str(count), "--nthreads", "1", *LOCAL_ONLY)
    worker = start_process(DASK, "worker", address, *options, log=log, path=path, directory=directory)
    wait_for_text(log, f"(?s)(Registered to.*){{{count}}}")
    return worker


def list_listening(pid: int) -> list[str]:
    """Return the IP address of each port on which a process and its children accept connections."""
    process = psutil.Process(pid)
    connections = [each for one in (process, *process.children(recursive=True)) for each in one.net_connections("inet")]
    return [each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN]


def kill_children(pid: int) -> list[psutil.Process]:
    """Kill the worker processes of `dask worker`; return them."""
    children = [child for child in psutil.Process(pid).children() if "spawn_main" in " ".join(child.cmdline())]
    for child in children:
        child.kill()
    return children


@contextmanager
def dask_scheduler(folder: Path, workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a scheduler and its workers; yield the address and the process of the scheduler."""
    processes = []
    try:
        options = ("--port", "0", *LOCAL_ONLY)
        processes.append(start_process(DASK, "scheduler", *options, log=folder / "scheduler.log"))
        address = wait_for_text(folder / "scheduler.log", r"tcp://127\.0\.0\.1:\d+")
        processes += [start_worker(address, folder / f"worker{number}.log") for number in range(workers)]
        yield address, processes[0]
    finally:
        for process in reversed(processes):
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module", autouse=True)
def close_local_cluster() -> Iterator[None]:
    yield
    close_clusters()


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachineParams]:
    """A scheduler and two workers, as a user starts them."""
    with dask_scheduler(tmp_path_factory.mktemp("dask"), workers=2) as (address, _):
        yield MachineParams(executor="dask", scheduler=address)
