"""Workers that are processes of a Dask cluster, on this machine or on several."""

import asyncio
import platform
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from mangagan.core.dask_cluster import describe, get_cluster, lost_scheduler
from mangagan.core.errors import UserError
from mangagan.core.machine import MachineParams
from mangagan.core.remote_calls import decode_outcome, encode_call, encode_error, run_call
from mangagan.core.worker_version import describe_differences, read_versions
from mangagan.core.workers import Item, Result, Workers

POLL_S = 5  # interval of the check for workers [s]
NO_WORKERS_S = 60  # maximum time without workers [s]; a worker that died is replaced in a few seconds


class DaskWorkers(Workers[Item, Result]):
    """Workers of a cluster. The scheduler gives the items of a worker that died to other workers."""

    def __init__(self, function: Callable[[Item], Result], count: int, machine: MachineParams) -> None:
        super().__init__(function, count, machine)
        self.cluster = get_cluster(machine)
        self.outcomes: dict[str, bytes] = {}  # of finished tasks, by the key of the future
        self.versions = read_versions() if machine.scheduler else None
        self.name = name_function(function)
        if machine.scheduler and not (count or machine.workers):
            self.count = max(1, self.cluster.count_threads())

    def start_task(self, item: Item) -> Any:
        """Give an item to the scheduler."""
        call = encode_call(self.function, item)
        try:
            key = f"{self.name}-{uuid.uuid4()}"
            return self.cluster.client.submit(run_checked, call, self.versions, key=key)
        except Exception as error:  # of the connection: the function does not run here
            raise lost_scheduler() from error

    def take_first(self) -> Result:
        """Wait for the first task, remove it and return its result.

        Raises:
            UserError: The item killed several workers, or the scheduler or all workers were lost.
        """
        future = self.tasks[0].future
        if future.key not in self.outcomes:
            self.outcomes.update(self.fetch(future))
        self.tasks.popleft()
        return decode_outcome(self.outcomes.pop(future.key))

    def fetch(self, first: Any) -> dict[str, bytes]:
        """Wait for a task. Return the outcomes of `run_call` of all finished tasks, which hold the function's errors.

        One transfer for all finished tasks takes a small part of the time of one for each.
        """
        from distributed import KilledWorker

        deadline = time.monotonic() + NO_WORKERS_S
        while True:
            try:
                self.wait(first)
                finished = [task.future for task in self.tasks if task.future.status == "finished"]
                return self.transfer([future for future in finished if future.key not in self.outcomes])
            except TimeoutError:
                if self.cluster.count_threads():
                    deadline = time.monotonic() + NO_WORKERS_S
                elif time.monotonic() > deadline:
                    raise UserError(
                        "the Dask scheduler has no workers any more. Start them again, then run the command again"
                    ) from None
            except KilledWorker as error:
                raise UserError(
                    f"{self.name}: {error.allowed_failures + 1} Dask workers ended unexpectedly, one after the other, "
                    "while they computed one item. If the workers print no other message, the system killed them: "
                    "free memory or start fewer workers, then run the command again"
                ) from None
            except Exception as error:
                if self.cluster.client.status != "running" or first.cancelled():
                    raise lost_scheduler() from error
                raise UserError(f"{self.name}: Dask could not compute an item: {describe(error)}") from error

    def wait(self, future: Any) -> None:
        """Wait at most `POLL_S` seconds for a task. Raise its error, or TimeoutError."""
        from distributed import wait

        with self.cluster.client.as_current():
            wait([future], timeout=POLL_S)
        if future.status != "finished":
            future.result(timeout=POLL_S)

    def transfer(self, finished: list[Any]) -> dict[str, bytes]:
        """Return the outcomes of finished tasks by key. Raise TimeoutError if one was lost with its worker."""
        client = self.cluster.client
        outcomes = client.sync(gather, client, finished, asynchronous=False)
        return {future.key: outcome for future, outcome in zip(finished, outcomes, strict=True)}

    def close(self) -> None:
        """Cancel the tasks. A worker finishes the item that it computes, and its result is dropped."""
        while self.tasks:
            self.tasks.pop().future.release()


async def gather(client: Any, finished: list[Any]) -> Any:
    """Return the results of finished tasks, also over a slow link. Raise TimeoutError if one was lost with its worker.

    Without this check, the client would wait until a worker has computed the lost one again.
    """
    transfer = asyncio.ensure_future(client.gather(finished, asynchronous=True))
    try:
        while not (await asyncio.wait([transfer], timeout=POLL_S))[0]:
            if any(future.status != "finished" for future in finished):
                raise TimeoutError
        return transfer.result()
    finally:
        transfer.cancel()


def run_checked(call: bytes, versions: dict[str, str] | None) -> bytes:
    """Run a pickled call in a Dask worker, unless it joined the cluster later with other versions than the caller."""
    if versions is not None and versions != read_versions():
        difference = f"the command has {describe_differences(versions)}"
        return encode_error(UserError(f"a Dask worker on {platform.node()} has other versions: {difference}"))
    return run_call(call)


def name_function(function: Callable[..., Any]) -> str:
    """Return the name of a function, for messages and for the dashboard of Dask."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))
