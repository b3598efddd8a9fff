"""The executors: the same results on threads, processes and Dask."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from mangagan.core import dask_cluster, dask_workers
from mangagan.core.errors import UserError
from mangagan.core.machine import THREADS, MachineParams
from mangagan.core.parallel import map_ordered
from tests import dask_processes as dask
from tests.worker_functions import PROCESSES, die, die_once, square

PROJECT = Path(__file__).parents[1]
LOCAL = MachineParams(executor="dask", workers=2)
close_local_cluster, remote = dask.close_local_cluster, dask.remote


@pytest.fixture(params=["processes", "local", "remote"])
def machine(request: pytest.FixtureRequest) -> MachineParams:
    if request.param == "remote":
        return request.getfixturevalue("remote")
    return {"processes": MachineParams(executor="processes", workers=2), "local": LOCAL}[request.param]


def test_results_are_equal_and_in_order(machine: MachineParams) -> None:
    assert list(map_ordered(square, range(40), machine=machine)) == [number * number for number in range(40)]
    assert list(map_ordered(square, [], machine=machine)) == []


@pytest.fixture(scope="module")
def bytes_of_one_thread() -> bytes:
    code = (
        "from tests.dask_processes import compute_with_libraries; from mangagan.core.libraries import *\n"
        "limit_to_one_thread(); print(compute_with_libraries(1)[-1].hex())"
    )
    alone = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    return bytes.fromhex(alone.stdout)


def test_libraries_are_set_up_as_in_a_stage(machine: MachineParams, bytes_of_one_thread: bytes) -> None:
    found = list(map_ordered(dask.compute_with_libraries, [1], 1, machine=machine))
    assert found == [(1, 1, None, bytes_of_one_thread)]


def test_an_item_of_many_megabytes(machine: MachineParams, recwarn: pytest.WarningsRecorder) -> None:
    items = [bytes([number]) * 12_000_000 for number in range(3)]
    assert list(map_ordered(len, items, machine=machine)) == [12_000_000] * 3
    assert not recwarn.list


@pytest.mark.parametrize("executor", [THREADS, PROCESSES, LOCAL])
def test_a_user_error_keeps_its_text(executor: MachineParams) -> None:
    results = map_ordered(partial(dask.reject, "user"), range(9), 2, machine=executor)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(UserError) as caught:
        next(results)
    assert str(caught.value) == "page.png not found. Run: dvc repro ingest"


@pytest.mark.parametrize("executor", [PROCESSES, LOCAL])
def test_an_error_that_cannot_be_unpickled_keeps_its_text(executor: MachineParams) -> None:
    with pytest.raises(RuntimeError) as caught:
        list(map_ordered(partial(dask.reject, "other"), range(9), 2, machine=executor))
    assert str(caught.value) == "CustomError: page: 2"
    assert any("in reject" in note for note in caught.value.__notes__)


def test_items_of_a_killed_worker_are_computed_again(tmp_path: Path, machine: MachineParams) -> None:
    results = map_ordered(partial(die_once, tmp_path / "marker"), range(20), machine=machine)
    assert list(results) == list(range(20))
    assert (tmp_path / "marker").exists()


def test_an_item_that_always_kills_its_worker_is_an_error() -> None:
    with pytest.raises(UserError, match="die: 4 Dask workers ended unexpectedly") as caught:
        list(map_ordered(die, range(2), machine=LOCAL))
    assert "\n" not in str(caught.value)
    assert list(map_ordered(square, range(3), machine=LOCAL)) == [0, 1, 4], "the cluster is still usable"


def test_items_in_progress_are_bounded_and_cancelled(remote: MachineParams) -> None:
    taken = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_ordered(dask.compute_slowly, numbers(), machine=remote)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(taken) <= 3 + 2 * 2
    results.close()  # type: ignore[attr-defined]
    client = dask_cluster.get_cluster(remote).client
    deadline = time.monotonic() + 30
    while client.futures and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not client.futures


def test_one_connection_serves_all_calls(remote: MachineParams) -> None:
    assert dask_cluster.get_cluster(remote) is dask_cluster.get_cluster(remote)


def test_scheduler_and_workers_listen_on_the_given_address_only(tmp_path: Path) -> None:
    with dask.dask_scheduler(tmp_path, workers=0) as (address, scheduler):
        worker = dask.start_worker(address, tmp_path / "worker.log", count=2)
        try:
            listening = dask.list_listening(scheduler.pid), dask.list_listening(worker.pid)
        finally:
            dask.stop(worker)
    assert listening == (["127.0.0.1"] * 2, ["127.0.0.1"] * 6)


def test_the_local_cluster_listens_on_the_loopback_address_only() -> None:
    dask_cluster.get_cluster(LOCAL)
    assert set(dask.list_listening(os.getpid())) == {"127.0.0.1"}


def test_a_slow_transfer_is_not_interrupted(remote: MachineParams, monkeypatch: pytest.MonkeyPatch) -> None:
    client = dask_cluster.get_cluster(remote).client
    transfer, transfers = client._gather_remote, []

    async def transfer_slowly(*arguments: object) -> object:
        transfers.append(arguments)
        await asyncio.sleep(1)
        return await transfer(*arguments)

    monkeypatch.setattr(dask_workers, "POLL_S", 0.1)
    monkeypatch.setattr(client, "_gather_remote", transfer_slowly)
    assert list(map_ordered(square, [3], machine=remote)) == [9]
    assert len(transfers) == 1


def test_a_lost_result_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_workers, "POLL_S", 0.2)
    with dask.dask_scheduler(tmp_path, workers=0) as (address, _):
        worker = dask.start_worker(address, tmp_path / "worker.log")
        machine = MachineParams(executor="dask", scheduler=address)
        client = dask_cluster.get_cluster(machine).client
        transfer, killed = client._gather_remote, []

        async def lose_worker(*arguments: object) -> object:
            if not killed:
                killed.extend(dask.kill_children(worker.pid))  # the nanny starts another worker
            return await transfer(*arguments)

        monkeypatch.setattr(client, "_gather_remote", lose_worker)
        try:
            assert list(map_ordered(square, range(3), machine=machine)) == [0, 1, 4]
            assert killed
        finally:
            dask.stop(worker)


def test_a_weight_limit_runs_heavy_items_alone() -> None:
    results = map_ordered(square, range(5), weigh=lambda number: 10.0, max_weight=5, machine=LOCAL)
    assert list(results) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_worker_processes_end_with_the_command(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import signal\nfrom mangagan.commands.stages import exit_on_signal\nfrom tests.test_executors import *\n"
        "signal.signal(signal.SIGTERM, exit_on_signal)\n"
        "for number in map_ordered(dask.compute_slowly, range(10000), machine=LOCAL): print(number, flush=True)"
    )
    parent = dask.start_process(sys.executable, "-c", code, log=tmp_path / "log")
    try:
        dask.wait_for_text(tmp_path / "log", r"^0\n")
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) >= 2
        parent.send_signal(number)
        assert parent.wait(timeout=60) == (143 if number == signal.SIGTERM else -number)
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not alive
    finally:
        dask.stop(parent)
    if number == signal.SIGTERM:
        lines = (tmp_path / "log").read_text().splitlines()
        assert [line for line in lines if not line.isdigit()] == []


def test_threads_do_not_import_dask() -> None:
    code = (
        "import sys\nfrom mangagan.core.parallel import map_ordered\n"
        "assert list(map_ordered(abs, [-1])) == [1]\nassert not {'dask', 'distributed'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
