"""Work on threads and in worker processes: the same results in the same order, also if a worker is killed."""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from mangagan.core.errors import UserError
from mangagan.core.parallel import map_ordered
from mangagan.core.process_workers import MAX_DEATHS
from tests.worker_functions import PROCESSES, die, die_once, square


def fail_at(bad: int, number: int) -> int:
    """Return the number; raise ValueError for one number."""
    if number == bad:
        raise ValueError(f"bad {number}")
    return number


def sleep_long(number: int) -> int:
    """Sleep for a minute."""
    time.sleep(60)
    return number


def test_processes_give_the_results_of_threads() -> None:
    assert list(map_ordered(square, range(50), 2, machine=PROCESSES)) == list(map_ordered(square, range(50), 2))


def test_an_error_of_the_function_reaches_the_caller() -> None:
    results = map_ordered(partial(fail_at, 3), range(10), 2, machine=PROCESSES)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="bad 3"):
        next(results)


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    assert list(map_ordered(partial(die_once, tmp_path / "marker"), range(20), 2, machine=PROCESSES)) == list(range(20))
    assert (tmp_path / "marker").exists()


def test_workers_that_always_die_end_with_a_message() -> None:
    with pytest.raises(UserError, match=f"ended unexpectedly {MAX_DEATHS} times"):
        list(map_ordered(die, range(3), 2, machine=PROCESSES))


def test_workers_end_with_their_parent() -> None:
    code = "from tests.test_parallel import *; list(map_ordered(sleep_long, range(2), 2, machine=PROCESSES))"
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        workers = wait_for_workers(parent.pid, 2)
        time.sleep(2)
        assert all(worker.is_running() for worker in workers)
    finally:
        parent.kill()
        parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive


def wait_for_workers(parent: int, count: int) -> list[psutil.Process]:
    """Return the worker processes of a process as soon as it has `count` of them."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = psutil.Process(parent).children()
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        if len(workers) == count:
            return workers
        time.sleep(0.2)
    raise TimeoutError
