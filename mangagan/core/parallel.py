"""Map a function over items in parallel and keep the order of the items.

Workers are threads, processes, or processes of a Dask cluster. For processes, function, items and results are pickled.
"""

import contextlib
import ctypes
import importlib
from collections.abc import Callable, Iterable, Iterator

from mangagan.core.machine import THREADS, MachineParams
from mangagan.core.workers import Item, Result, Workers, cpu_count

__all__ = ["cpu_count", "map_ordered"]

TRIM_BYTES = 100e6  # before an item that needs more memory, freed memory is returned to the system

# The workers of each executor. Imported by name: distributed takes half a second, and the kind of workers changes no
# result, so that their code must not be part of the keys of cached results (core/code.py).
WORKERS = {
    "threads": "mangagan.core.thread_workers.ThreadWorkers",
    "processes": "mangagan.core.process_workers.ProcessWorkers",
    "dask": "mangagan.core.dask_workers.DaskWorkers",
}


def trim_memory() -> None:
    """Return freed memory to the system, where the C library is glibc: it keeps the blocks of large images."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def start_workers(
    function: Callable[[Item], Result], workers: int | None, machine: MachineParams
) -> Workers[Item, Result]:
    """Start the workers of the executor in the settings."""
    module, _, name = WORKERS[machine.executor].rpartition(".")
    return getattr(importlib.import_module(module), name)(function, workers or 0, machine)


def map_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None = None,
    weigh: Callable[[Item], float] | None = None,
    max_weight: float = 0,
    machine: MachineParams = THREADS,
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in the order of the items.

    At most 2 · `workers` items are in progress or not yet yielded, so memory stays bounded. If a worker process dies,
    its items are computed again.

    Args:
        function: Called by the workers. For processes and Dask: a function of a module or its `functools.partial`.
            It should build heavy objects under `functools.cache`, so that each worker builds them once.
        items: Consumed in the calling thread.
        workers: Number of workers. None: `machine.workers`.
        weigh: Return the memory that an item needs [bytes]. None: all items need the same.
        max_weight: Maximum total memory of the items in progress or not yet yielded [bytes]. A heavier item runs alone.
        machine: Executor, number of workers and address of the Dask scheduler. Default: threads, one for each core.

    Raises:
        UserError: Worker processes died several times, or the Dask cluster cannot be used.
    """
    pool = start_workers(function, workers, machine)
    try:
        for item in items:
            weight = weigh(item) if weigh else 0.0
            while pool.tasks and (
                len(pool.tasks) >= 2 * pool.count or sum(task.weight for task in pool.tasks) + weight > max_weight > 0
            ):
                yield pool.take_first()
            if weight > TRIM_BYTES:
                trim_memory()
            pool.submit(item, weight)
        while pool.tasks:
            yield pool.take_first()
    finally:
        pool.close()
