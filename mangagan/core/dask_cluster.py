"""The connection to a Dask cluster: that of the user, or worker processes of this machine."""

import asyncio
import atexit
import logging
import re
import signal
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mangagan.core.errors import UserError
from mangagan.core.machine import MachineParams
from mangagan.core.remote_calls import prepare_worker
from mangagan.core.worker_version import describe_differences, read_versions
from mangagan.core.workers import cpu_count

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

CONNECT_S = 10  # maximum wait for the scheduler [s]
FIRST_WORKER_S = 10  # maximum wait for its first worker [s]
IMPORT_ERROR = re.compile(r"\b(ImportError|ModuleNotFoundError)\b")  # Dask can wrap it in another exception
WORKSPACE_FILE = Path("params.yaml")  # by which a worker recognizes the workspace
QUIET = (
    "distributed",
    "distributed.client",
    "distributed.gc",
    "tornado",
    "asyncio",
)  # their log lines repeat the errors that this module reports


@dataclass
class Cluster:
    """A connected cluster.

    Attributes:
        client: The connection.
        local: The worker processes of this machine. None if the user started the scheduler.
        checked: Addresses of the workers that have the code of this process and read its workspace.
    """

    client: "Client"
    local: "LocalCluster | None"
    checked: set[str]

    def count_threads(self) -> int:
        """Return the number of items that the workers compute at the same time.

        Raises:
            UserError: The scheduler does not answer.
        """
        return sum(self.list_workers().values())

    def list_workers(self) -> dict[str, int]:
        """Return the number of threads of each worker, by address.

        Raises:
            UserError: The scheduler does not answer.
        """
        with report_lost_scheduler():
            return self.client.nthreads()

    def run(self, function: Callable[[], Any], workers: Collection[str]) -> dict[str, Any]:
        """Return the result of a function on each worker, or its exception. Workers that end meanwhile are left out.

        Raises:
            UserError: The scheduler does not answer.
        """
        from distributed.comm import CommClosedError

        with report_lost_scheduler():
            results = self.client.run(function, workers=list(workers), on_error="return")
            connected = self.client.nthreads()
        return {
            address: result
            for address, result in results.items()
            if address in connected and not isinstance(result, CommClosedError)
        }

    def close(self) -> None:
        """Close the connection, and end the worker processes of this machine."""
        with suppress(Exception):  # the scheduler may have ended
            self.client.close(timeout=1)
        if self.local is not None:
            with suppress(Exception):
                self.local.close(timeout=5)


_clusters: dict[tuple[str, int], Cluster] = {}  # by address, and number of workers of this machine
_lock = threading.Lock()


def get_cluster(machine: MachineParams) -> Cluster:
    """Return the cluster of the settings. The first call of a process connects, or starts the worker processes.

    Raises:
        UserError: Dask is not installed, the scheduler does not answer or has no workers, or a worker differs from
            this machine.
    """
    key = (machine.scheduler, 0 if machine.scheduler else machine.workers or cpu_count())
    with _lock:
        cluster = _clusters.get(key)
        if cluster is not None and cluster.client.status != "running":
            _clusters.pop(key).close()
            cluster = None
        if cluster is None:
            import_distributed()
            cluster = connect(machine.scheduler) if machine.scheduler else start_local(key[1])
            _clusters[key] = cluster
    if cluster.local is None:
        check_workers(cluster, machine)
    return cluster


@atexit.register
def close_clusters() -> None:
    """Close all clusters of this process."""
    while _clusters:
        _clusters.popitem()[1].close()


def import_distributed() -> None:
    """Import Dask without its log lines and its warning about large items.

    Raises:
        UserError: Dask is not installed.
    """
    try:
        import dask
        import distributed  # noqa: F401  # its import configures the loggers
    except ImportError:
        raise UserError(
            "params.yaml: machine.executor is dask, which needs the package distributed. "
            "Run: pip install 'mangagan[dask]'"
        ) from None
    dask.config.set(
        {
            "distributed.admin.large-graph-warning-threshold": "1TB",
            # Dask sets these variables in this process too. prepare_worker limits the threads of the workers.
            "distributed.nanny.pre-spawn-environ": {"DASK_LOGGING__DISTRIBUTED": "critical"},
        }
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def start_local(workers: int) -> Cluster:
    """Start worker processes on this machine. Other users of the machine cannot connect to them."""
    from distributed import Client, LocalCluster

    local = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # of the status server that Dask always starts; None: all addresses
        scheduler_kwargs={"dashboard": False},
        security=True,  # a temporary key: a port of 127.0.0.1 is open to all users of the machine
        memory_limit=0,  # map_ordered bounds the memory; Dask would stop the workers
        silence_logs=logging.CRITICAL + 1,
        preload=[__name__],
    )
    return Cluster(Client(local, set_as_default=False), local, set())


def dask_setup(worker: Any) -> None:
    """Prepare a worker process of this machine; Dask calls this. The workers end with their parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_worker()


def connect(address: str) -> Cluster:
    """Connect to the scheduler of the user.

    Raises:
        UserError: It does not answer, or has no workers.
    """
    from distributed import Client

    try:
        # A client that cannot connect waits for some servers forever, and blocks the end of the process.
        asyncio.run(asyncio.wait_for(ask_scheduler(address), CONNECT_S + 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions: check_workers compares those that matter
            client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except Exception as error:  # its class depends on what answers at the address
        raise UserError(
            f"params.yaml: machine.scheduler: no Dask scheduler answers at {address} ({describe(error)}). Start it "
            "(dask scheduler --host <private address> --dashboard-address 127.0.0.1:0), correct the address, or set "
            "machine.executor to threads"
        ) from None
    cluster = Cluster(client, None, set())
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER_S)
    except TimeoutError:
        cluster.close()
        raise UserError(
            f"the Dask scheduler at {address} has no workers. Start them on each machine: dask worker {address} "
            "--host <address of that machine> --nthreads 1 --dashboard-address 127.0.0.1:0"
        ) from None
    except (OSError, RuntimeError) as error:
        cluster.close()
        raise lost_scheduler() from error
    return cluster


async def ask_scheduler(address: str) -> None:
    """Check that a Dask scheduler answers at an address.

    Raises:
        Exception: Nothing answers (OSError), or something else (other classes).
    """
    from distributed.core import rpc
    from distributed.security import Security

    server = rpc(address, timeout=CONNECT_S, connection_args=Security().get_connection_args("client"))
    async with server:
        kind = (await server.identity())["type"]
    if kind != "Scheduler":
        raise ValueError(f"there is a {kind}")


def check_workers(cluster: Cluster, machine: MachineParams) -> None:
    """Check that each worker has the code of this process, and reads its workspace if the files are shared.

    Raises:
        UserError: A worker differs.
    """
    workers = [address for address in cluster.list_workers() if address not in cluster.checked]
    if not workers:
        return
    versions = cluster.run(read_versions, workers)
    for address, found in versions.items():
        if isinstance(found, BaseException) and IMPORT_ERROR.search(describe(found)):
            raise UserError(
                f"the Dask worker {address} cannot import mangagan ({describe(found)}). Start `dask worker` there in "
                "the environment of this project"
            )
        if isinstance(found, BaseException):
            raise UserError(
                f"the Dask worker {address} does not return its versions ({describe(found)}). Restart it, then run the "
                "command again"
            )
        if differences := describe_differences(found):
            raise UserError(
                f"the Dask worker {address} has other versions: {differences}. Install the same code and "
                "requirements.lock there, then restart `dask worker`"
            )
    if machine.files == "shared" and WORKSPACE_FILE.is_file():
        check_workspace(cluster, versions)
    cluster.checked.update(versions)


def check_workspace(cluster: Cluster, workers: Collection[str]) -> None:
    """Check that the workers read the file params.yaml of this workspace.

    Raises:
        UserError: A worker does not find it, or another one.
    """
    path = WORKSPACE_FILE.absolute()
    content = path.read_bytes()
    for address, found in cluster.run(path.read_bytes, workers).items():
        if found != content:
            raise UserError(
                f"the Dask worker {address} does not read the files of {path.parent}. Mount this folder there at the "
                "same path, or set machine.files to sent"
            )


@contextmanager
def report_lost_scheduler() -> Iterator[None]:
    """Raise UserError if the scheduler does not answer."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise lost_scheduler() from error


def lost_scheduler() -> UserError:
    """Return the error for a connection that broke."""
    return UserError("the connection to the Dask scheduler was lost. Check that it runs, then run the command again")


def describe(error: BaseException) -> str:
    """Return an error as one line of at most 200 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(": ")
