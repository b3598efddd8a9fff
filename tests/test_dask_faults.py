"""Faults of a Dask cluster: one clear line for each. The processes are those of docs/scaling.md."""

import re
import shutil
import socket
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from distributed.comm import CommClosedError

from mangagan.core import dask_cluster, dask_workers
from mangagan.core.errors import UserError
from mangagan.core.machine import MachineParams
from mangagan.core.parallel import map_ordered
from mangagan.core.worker_version import read_versions
from mangagan.ingestion.titles import READERS
from mangagan.stages import normalize
from tests import dask_processes as dask
from tests.worker_functions import square

close_local_cluster, remote = dask.close_local_cluster, dask.remote


def fail(machine: MachineParams) -> str:
    """Compute on a cluster that cannot be used; return the message."""
    with pytest.raises(UserError) as caught:
        list(map_ordered(square, range(3), machine=machine))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_scheduler_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_S", 1)  # nothing answers, so that a busy machine changes nothing
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        message = fail(MachineParams(executor="dask", scheduler=address))
    assert message.startswith(f"params.yaml: machine.scheduler: no Dask scheduler answers at {address} (")
    assert "Start it (dask scheduler --host <private address> --dashboard-address 127.0.0.1:0)" in message


def test_another_server_at_the_address(monkeypatch: pytest.MonkeyPatch, remote: MachineParams) -> None:
    with (
        monkeypatch.context() as patch,
        socket.create_server(("127.0.0.1", 0)) as server,  # accepts a connection and never answers
    ):
        patch.setattr(dask_cluster, "CONNECT_S", 1)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert "no Dask scheduler answers" in fail(MachineParams(executor="dask", scheduler=address))
    assert "ValueError: unknown address scheme 'http'" in fail(
        MachineParams(executor="dask", scheduler="http://127.0.0.1:8787")
    )
    worker = next(iter(dask_cluster.get_cluster(remote).client.nthreads()))
    assert "there is a Worker" in fail(MachineParams(executor="dask", scheduler=worker))


def test_dask_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = fail(MachineParams(executor="dask", workers=1))
    assert message == (
        "params.yaml: machine.executor is dask, which needs the package distributed. Run: pip install 'mangagan[dask]'"
    )


def test_workers_lost_and_scheduler_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "FIRST_WORKER_S", 1)
    monkeypatch.setattr(dask_workers, "POLL_S", 0.2)
    monkeypatch.setattr(dask_workers, "NO_WORKERS_S", 1)
    with dask.dask_scheduler(tmp_path, workers=0) as (address, scheduler):
        machine = MachineParams(executor="dask", scheduler=address)
        assert fail(machine) == (
            f"the Dask scheduler at {address} has no workers. Start them on each machine: dask worker {address} "
            "--host <address of that machine> --nthreads 1 --dashboard-address 127.0.0.1:0"
        )
        monkeypatch.setattr(dask_cluster, "FIRST_WORKER_S", 10)
        worker = dask.start_worker(address, tmp_path / "worker.log")
        results = map_ordered(dask.compute_slowly, range(1000), machine=machine)
        assert next(results) == 0
        dask.stop(worker)
        with pytest.raises(UserError, match=r"^the Dask scheduler has no workers any more"):
            list(results)
        worker = dask.start_worker(address, tmp_path / "worker.log")
        results = map_ordered(dask.compute_slowly, range(1000), machine=machine)
        assert next(results) == 0
        dask.stop(scheduler)
        dask.stop(worker)
        with pytest.raises(UserError, match=r"^the connection to the Dask scheduler was lost"):
            list(results)


def test_a_worker_with_other_code(tmp_path: Path, remote: MachineParams) -> None:
    other = tmp_path / "other"
    shutil.copytree(dask.PROJECT / "mangagan", other / "mangagan", ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "mangagan" / "core" / "images.py").open("a") as file:
        file.write("# changed\n")
    results = map_ordered(dask.compute_slowly, range(1000), machine=remote)
    assert next(results) == 0
    worker = dask.start_worker(remote.scheduler, tmp_path / "other.log", path=other, directory=other)
    try:
        with pytest.raises(UserError, match=r"^a Dask worker on .* has other versions: .* code of mangagan "):
            list(results)
        assert "has other versions: code of mangagan" in fail(remote)
    finally:
        dask.stop(worker)


def test_a_worker_without_the_project(tmp_path: Path, remote: MachineParams) -> None:
    code = "import sys; sys.modules['mangagan'] = None; from distributed.cli.dask_worker import main; main()"
    options = ("--nthreads", "1", "--no-nanny", *dask.LOCAL_ONLY)
    log = tmp_path / "bare.log"
    worker = dask.start_process(sys.executable, "-c", code, remote.scheduler, *options, log=log, directory=tmp_path)
    try:
        dask.wait_for_text(log, "Registered to")
        assert re.search("cannot import mangagan .*ModuleNotFoundError", fail(remote))
    finally:
        dask.stop(worker)


def test_a_cluster_that_fails_during_the_check(remote: MachineParams, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = dask_cluster.get_cluster(remote)
    checked = set(cluster.checked)
    for failed, message in [
        (CommClosedError("closed"), None),  # the worker ended
        (OSError("no route"), r"the Dask worker tcp://\S+ does not return its versions \(OSError: no route\)"),
        (ModuleNotFoundError("No module"), "cannot import mangagan .*ModuleNotFoundError"),
    ]:
        cluster.checked.clear()
        with monkeypatch.context() as patch:
            patch.setattr(cluster.client, "run", lambda *_, failed=failed, **__: dict.fromkeys(checked, failed))
            if message is None:
                assert list(map_ordered(square, [2], machine=remote)) == [4]
            else:
                assert re.search(message, fail(remote))
        assert not cluster.checked
    for name in ("nthreads", "run"):
        with monkeypatch.context() as patch:
            patch.setattr(cluster.client, name, partial(dask.fail_with, OSError("closed")))
            assert fail(remote).startswith("the connection to the Dask scheduler was lost")


def test_a_cluster_without_connection_is_closed_and_replaced() -> None:
    machine = MachineParams(executor="dask", workers=1)
    first = dask_cluster.get_cluster(machine)
    processes = psutil.Process().children(recursive=True)
    first.client.close()
    second = dask_cluster.get_cluster(machine)
    try:
        assert first.local is not None and first.local.status.name == "closed"
        assert len([process for process in processes if not process.is_running()]) >= 1
        assert list(map_ordered(square, [2], machine=machine)) == [4]
    finally:
        second.close()


def test_all_libraries_of_cache_keys_are_compared() -> None:
    assert {*READERS, *normalize.LIBRARIES, "onnxruntime"} <= set(read_versions())


def test_a_worker_that_does_not_see_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remote: MachineParams
) -> None:
    (tmp_path / "params.yaml").write_text("machine: {}\n")
    monkeypatch.chdir(tmp_path)
    dask_cluster.get_cluster(remote).checked.clear()
    assert list(map_ordered(square, [2], machine=remote)) == [4]
    (tmp_path / "params.yaml").unlink()
    (tmp_path / "params.yaml").symlink_to("/proc/self/cmdline")  # another content in each process
    dask_cluster.get_cluster(replace(remote, files="sent")).checked.clear()
    assert f"does not read the files of {tmp_path}" in fail(remote)
    assert list(map_ordered(square, [2], machine=replace(remote, files="sent"))) == [4]
