"""Workers that are processes of this machine."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor

from mangagan.core.errors import UserError
from mangagan.core.machine import MachineParams
from mangagan.core.remote_calls import decode_outcome, encode_call, prepare_worker, run_call
from mangagan.core.workers import Item, Result, Workers

MAX_DEATHS = 4  # of processes in one call of map_ordered
POLL_S = 0.5  # maximum delay with which a worker process notices that its parent has ended


def start_worker(parent: int) -> None:
    """Prepare a worker process: no reaction to Ctrl-C, an end with its parent, libraries as in a stage."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_worker()
    threading.Thread(target=exit_with_parent, args=(parent,), daemon=True, name="parent-watch").start()


def exit_with_parent(parent: int) -> None:
    """Wait until the parent process has ended, then end this process."""
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)


class ProcessWorkers(Workers[Item, Result]):
    """Processes. A process that dies is replaced, and its items are computed again."""

    def __init__(self, function: Callable[[Item], Result], count: int, machine: MachineParams) -> None:
        super().__init__(function, count, machine)
        self.deaths = 0
        self.executor = self.start()

    def start(self) -> ProcessPoolExecutor:
        """Start the processes."""
        context = multiprocessing.get_context("spawn")  # a fork would copy the locks of other threads
        return ProcessPoolExecutor(self.count, context, start_worker, (os.getpid(),))

    def start_task(self, item: Item) -> Future[bytes]:
        """Give an item to a process."""
        call = encode_call(self.function, item)
        while True:
            try:
                return self.executor.submit(run_call, call)
            except BrokenExecutor as error:
                self.restart(error)

    def take_first(self) -> Result:
        """Wait for the first task, remove it and return its result."""
        while True:
            try:
                outcome = self.tasks[0].future.result()
            except BrokenExecutor as error:
                self.restart(error)
            else:
                self.tasks.popleft()
                return decode_outcome(outcome)

    def restart(self, error: BrokenExecutor) -> None:
        """Replace the processes after one of them died, and give them the unfinished items again.

        Raises:
            UserError: Processes died `MAX_DEATHS` times.
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
