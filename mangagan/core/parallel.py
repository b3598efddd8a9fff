"""Map a function over items in parallel and keep the order of the items.

Functions are module-level functions (or partials of them) and items are plain data, so that threads can be replaced by
processes or by a cluster.
"""

import contextlib
import ctypes
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

TRIM_BYTES = 100e6  # before an item that needs more memory, freed memory is returned to the system
Item = TypeVar("Item")
Result = TypeVar("Result")


def cpu_count() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def trim_memory() -> None:
    """Return freed memory to the system, where the C library is glibc: it keeps the blocks of large images."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def map_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None = None,
    weigh: Callable[[Item], float] | None = None,
    max_weight: float = 0,
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in the order of the items.

    Work runs on threads: decoding and detection release the interpreter lock. At most 2 · `workers` items are in
    progress or finished and not yet yielded, so memory stays bounded.

    Args:
        function: Called on the worker threads.
        items: Consumed in the calling thread.
        workers: Number of threads. None: one for each core.
        weigh: Return the memory that an item needs [bytes]. None: all items need the same.
        max_weight: Maximum total memory of the items in progress or not yet yielded [bytes]. A heavier item runs alone.
    """
    workers = workers or cpu_count()
    with ThreadPoolExecutor(workers) as executor:
        pending: deque[tuple[float, Future[Result]]] = deque()
        try:
            for item in items:
                weight = weigh(item) if weigh else 0.0
                while pending and (
                    len(pending) >= 2 * workers or sum(other for other, _ in pending) + weight > max_weight > 0
                ):
                    yield pending.popleft()[1].result()
                if weight > TRIM_BYTES:
                    trim_memory()
                pending.append((weight, executor.submit(function, item)))
            while pending:
                yield pending.popleft()[1].result()
        finally:
            for _, future in pending:
                future.cancel()
