"""Map a function over items in parallel and keep the order of the items.

Workers are threads or processes. For processes, function, items and results are pickled.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from mangagan.core.errors import UserError

TRIM_BYTES = 100e6  # before an item that needs more memory, freed memory is returned to the system
MAX_DEATHS = 4  # of worker processes in one call
POLL_S = 0.5  # maximum delay with which a worker process notices that its parent has ended
Item = TypeVar("Item")
Result = TypeVar("Result")


def cpu_count() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def trim_memory() -> None:
    """Return freed memory to the system, where the C library is glibc: it keeps the blocks of large images."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def start_worker(parent: int) -> None:
    """Prepare a worker process: no reaction to Ctrl-C, an end with its parent, and one OpenCV thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from mangagan.core.libraries import configure_libraries, limit_opencv_to_one_thread

    configure_libraries()
    limit_opencv_to_one_thread()
    threading.Thread(target=exit_with_parent, args=(parent,), daemon=True, name="parent-watch").start()


def exit_with_parent(parent: int) -> None:
    """Wait until the parent process has ended, then end this process."""
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)


@dataclass(frozen=True)
class Task(Generic[Item, Result]):
    """An item in progress, or finished and not yet yielded.

    Attributes:
        item: The item.
        weight: Memory that it needs [bytes].
        future: Its result.
    """

    item: Item
    weight: float
    future: Future[Result]


class Workers(Generic[Item, Result]):
    """Workers and the tasks that were given to them, in order."""

    def __init__(self, function: Callable[[Item], Result], count: int, processes: bool) -> None:
        self.function, self.count, self.processes = function, count, processes
        self.tasks: deque[Task[Item, Result]] = deque()
        self.deaths = 0
        self.executor = self.start()

    def start(self) -> Executor:
        """Start the workers."""
        if not self.processes:
            return ThreadPoolExecutor(self.count)
        context = multiprocessing.get_context("spawn")  # a fork would copy the locks of other threads
        return ProcessPoolExecutor(self.count, context, start_worker, (os.getpid(),))

    def submit(self, item: Item, weight: float) -> None:
        """Give an item to the workers."""
        while True:
            try:
                self.tasks.append(Task(item, weight, self.executor.submit(self.function, item)))
                return
            except BrokenExecutor as error:
                self.restart(error)

    def take_first(self) -> Result:
        """Wait for the first task, remove it and return its result."""
        while True:
            try:
                result = self.tasks[0].future.result()
            except BrokenExecutor as error:
                self.restart(error)
            else:
                self.tasks.popleft()
                return result

    def restart(self, error: BrokenExecutor) -> None:
        """Replace the workers after one of them died, and give them the unfinished items again.

        Raises:
            UserError: Workers died `MAX_DEATHS` times.
        """
        self.deaths += 1
        if self.deaths >= MAX_DEATHS:
            raise UserError(
                f"worker processes ended unexpectedly {self.deaths} times. If there is no other message, the system"
                " killed them: free memory, then run the command again"
            ) from error
        self.executor.shutdown(wait=True)
        self.executor = self.start()
        tasks, self.tasks = self.tasks, deque()
        for task in tasks:
            if task.future.done() and not isinstance(task.future.exception(), BrokenExecutor):
                self.tasks.append(task)
            else:
                self.submit(task.item, task.weight)

    def close(self) -> None:
        """Cancel the tasks that have not begun, and wait for the others."""
        self.executor.shutdown(wait=True, cancel_futures=True)


def map_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None = None,
    weigh: Callable[[Item], float] | None = None,
    max_weight: float = 0,
    processes: bool = False,
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in the order of the items.

    At most 2 · `workers` items are in progress or finished and not yet yielded, so memory stays bounded. A worker
    process that dies is replaced, and its items are computed again.

    Args:
        function: Called by the workers. Decoding and detection release the interpreter lock, so threads suffice.
        items: Consumed in the calling thread.
        workers: Number of workers. None: one for each core.
        weigh: Return the memory that an item needs [bytes]. None: all items need the same.
        max_weight: Maximum total memory of the items in progress or not yet yielded [bytes]. A heavier item runs alone.
        processes: Use processes, for many short calls that hold the interpreter lock. They take about a second to
            start; items and results are pickled.

    Raises:
        UserError: Worker processes died `MAX_DEATHS` times.
    """
    workers = workers or cpu_count()
    pool = Workers(function, workers, processes)
    try:
        for item in items:
            weight = weigh(item) if weigh else 0.0
            while pool.tasks and (
                len(pool.tasks) >= 2 * workers or sum(task.weight for task in pool.tasks) + weight > max_weight > 0
            ):
                yield pool.take_first()
            if weight > TRIM_BYTES:
                trim_memory()
            pool.submit(item, weight)
        while pool.tasks:
            yield pool.take_first()
    finally:
        pool.close()
