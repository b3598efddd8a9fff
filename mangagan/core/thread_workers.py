"""Workers that are threads of this process."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from mangagan.core.machine import MachineParams
from mangagan.core.workers import Item, Result, Workers


class ThreadWorkers(Workers[Item, Result]):
    """Threads. Nothing is pickled."""

    def __init__(self, function: Callable[[Item], Result], count: int, machine: MachineParams) -> None:
        super().__init__(function, count, machine)
        self.executor = ThreadPoolExecutor(self.count)

    def start_task(self, item: Item) -> Future[Result]:
        """Give an item to a thread."""
        return self.executor.submit(self.function, item)

    def take_first(self) -> Result:
        """Wait for the first task, remove it and return its result."""
        return self.tasks.popleft().future.result()

    def close(self) -> None:
        """Cancel the tasks that have not begun, and wait for the others."""
        self.executor.shutdown(wait=True, cancel_futures=True)
