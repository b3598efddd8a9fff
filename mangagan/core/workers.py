"""The interface of workers, and the tasks that they were given.

Implementations: thread_workers.py, process_workers.py, dask_workers.py.
"""

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mangagan.core.machine import MachineParams

Item = TypeVar("Item")
Result = TypeVar("Result")


def cpu_count() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Task(Generic[Item]):
    """An item in progress, or finished and not yet yielded.

    Attributes:
        item: The item.
        weight: Memory that it needs [bytes].
        future: Its result, or the pickled result of a worker process. Dask has futures of its own class.
    """

    item: Item
    weight: float
    future: Any


class Workers(ABC, Generic[Item, Result]):
    """Workers and the tasks that were given to them, in order.

    Attributes:
        function: Computes the result of an item.
        count: Number of workers.
        machine: Settings.
        tasks: Items in progress, or finished and not yet yielded.
    """

    def __init__(self, function: Callable[[Item], Result], count: int, machine: MachineParams) -> None:
        """Start the workers, or connect to them.

        Args:
            function: Computes the result of an item.
            count: Number of workers. 0: `machine.workers`.
            machine: Settings.
        """
        self.function, self.machine = function, machine
        self.count = count or machine.workers or cpu_count()
        self.tasks: deque[Task[Item]] = deque()

    @abstractmethod
    def start_task(self, item: Item) -> Any:
        """Give an item to a worker."""

    @abstractmethod
    def take_first(self) -> Result:
        """Wait for the first task, remove it and return its result."""

    @abstractmethod
    def close(self) -> None:
        """Cancel the tasks that have not begun, and release the workers."""

    def submit(self, item: Item, weight: float) -> None:
        """Add a task."""
        self.tasks.append(Task(item, weight, self.start_task(item)))
