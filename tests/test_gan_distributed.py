"""Two processes against one on the same batch; a run of which one process is killed or stopped."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.gan import distributed
from mangagan.gan.config import Settings
from mangagan.gan.loop import train
from mangagan.gan.machine import explain_memory_errors
from mangagan.gan.measurements import Measurer
from mangagan.gan.run import train_resumable
from mangagan.networks.weights import read_card
from mangagan.stages.train import run
from tests.gan_runs import CLASSIC, CONFIG, TINY, faces, fresh, observe
from tests.train_workspace import PROJECT, contents, images_in_checkpoint, make_workspace, wait_for_checkpoint

STAGE = ["-m", "mangagan", "train"]
MODERN = replace(TINY, kimg=0.16, batch_size=8, augment_p=0.5, log_kimg=0.04)
DCGAN = replace(CLASSIC, kimg=0.16, batch_size=8, log_kimg=0.04)
SETTINGS = {
    "modern": MODERN,
    "classic": DCGAN,
    "odd shares": replace(DCGAN, batch_size=6, generator_steps=2, flip="random"),
    "differentiated twice through BatchNorm": replace(DCGAN, r1=1.0, r2=0.5, penalty_every=2),
    "in parts": replace(MODERN, kimg=0.32, batch_size=16, accumulate=2, norm_g="pixel"),
}
# The samples get worse, which only the first process measures: the run ends before its budget is used.
STOPPED = replace(MODERN, on_alarm="stop", measure_kimg=0.016)


def start(arguments: list[str], folder: Path) -> list["subprocess.Popen[str]"]:
    """Start two processes with the environment that torchrun sets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**environment(), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_PORT": str(port)}
    common |= {"MASTER_ADDR": "127.0.0.1"}
    environments = [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]
    return [
        subprocess.Popen([sys.executable, *arguments], cwd=folder, env=variables, stderr=subprocess.PIPE, text=True)
        for variables in environments
    ]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}


def ends(processes: list["subprocess.Popen[str]"]) -> tuple[list[int], list[str]]:
    """Return the exit statuses and the lines on stderr."""
    said = [process.communicate(timeout=60)[1] for process in processes]
    return [process.returncode for process in processes], said


# The same training


def figures(settings: Settings, folder: Path, measurer: Measurer | None = None) -> dict[str, Any]:
    """Train, and return what must not depend on the number of processes."""
    images = faces(20)
    state = fresh(settings, images)
    train(state, images, settings, observe(settings, images, folder, measurer).callbacks())
    rows = torch.tensor([list(asdict(row).values()) for row in state.rows])
    values: dict[str, Any] = {"images": state.images_seen, "rows": rows, "alarms": state.alarms}
    for name in ("generator", "discriminator", "feature_discriminator", "average"):
        if (network := getattr(state, name)) is not None:
            values |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    return values


def deteriorate() -> Measurer | None:
    """Return metrics that get worse in the first process, and None in the others."""
    if distributed.rank() > 0:
        return None
    return Measurer(lambda kimg, _: {"kernel_distance": kimg, "kernel_distance_sd": 0.0}, "test")


def line(function: Callable[[], object]) -> str:
    """Return the message of the UserError that the function raises."""
    with pytest.raises(UserError) as raised:
        function()
    return str(raised.value)


def run_out_of_memory() -> None:
    with explain_memory_errors(MODERN, 4, print):
        raise torch.OutOfMemoryError


def agreement() -> list[int]:
    """Return the signals that this process knows of after only the second process received one."""
    received = [signal.SIGTERM.value] * distributed.rank()
    return received if distributed.share_signal(received) else []


def work(folder: Path) -> None:
    """Train as one of two processes, write the figures to the folder, and end with an error."""
    torch.set_num_threads(1)
    with distributed.process_group():
        found: dict[str, Any] = {name: figures(settings, folder / f"run {name}") for name, settings in SETTINGS.items()}
        found["stopped"] = figures(STOPPED, folder / "stopped", deteriorate())
        found["lines"] = {
            "faces": line(lambda: distributed.check_same(f"faces {distributed.rank()}")),
            "gpus": line(distributed.select_gpu),
            "memory": line(run_out_of_memory),
            "groups": line(lambda: distributed.check_divisible(12, 4)),
        }
        found["signals"] = agreement()
        try:
            found["machine"] = train_resumable(faces(), replace(CONFIG, batch_size=8), folder / "first", print).machine
        except SystemExit as error:
            found["status"] = error.code
        torch.save(found, folder / f"{distributed.rank()}.pt")
        config = replace(CONFIG, batch_size=7, minibatch_stddev=False)
        train_resumable(faces(), config, folder / "second", print)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int], list[str]]:
    """Return the folder with the figures of two processes, their exit statuses and their lines."""
    folder = tmp_path_factory.mktemp("pair")
    code = "import sys; from pathlib import Path; from tests.test_gan_distributed import work; work(Path(sys.argv[1]))"
    return folder, *ends(start(["-c", code, str(folder)], folder))


@pytest.fixture(scope="module")
def pair(ended: tuple[Path, list[int], list[str]]) -> list[dict[str, Any]]:
    """Return the figures of two processes."""
    return [torch.load(ended[0] / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("name", SETTINGS)
def test_two_processes_train_what_one_trains_on_the_same_batch(
    tmp_path: Path, pair: list[dict[str, Any]], name: str
) -> None:
    alone, first, second = figures(SETTINGS[name], tmp_path), pair[0][name], pair[1][name]
    assert first["images"] == alone["images"] >= 160
    assert len(first["rows"]) >= 3
    for key, value in first.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, second[key]) or key.startswith("average"), f"{key} differs between processes"
            torch.testing.assert_close(value, alone[key], rtol=1e-4, atol=2e-6, msg=f"{key} differs from one process's")


def test_an_alarm_of_the_first_process_ends_all_at_once(tmp_path: Path, pair: list[dict[str, Any]]) -> None:
    alone = figures(STOPPED, tmp_path, deteriorate())
    assert alone["images"] < 160
    assert "samples get worse" in alone["alarms"]["worse"]
    for process in pair:
        assert {key: process["stopped"][key] for key in ("images", "alarms")} == {
            key: alone[key] for key in ("images", "alarms")
        }


def test_what_cannot_be_trained_together_is_one_line_in_all_processes(pair: list[dict[str, Any]]) -> None:
    lines = pair[0]["lines"]
    assert lines == pair[1]["lines"]
    assert "the machines do not have the same faces" in lines["faces"]
    assert "2 processes on a machine with 0 GPUs" in lines["gpus"] or torch.cuda.is_available()
    assert "4 images at once in each of 2 processes. Increase train.accumulate (now 1)" in lines["memory"]
    assert "cannot share a batch of 12 in groups of 4 images" in lines["groups"]
    assert "a multiple of 8" in lines["groups"]


def test_an_error_of_both_processes_is_printed_once(ended: tuple[Path, list[int], list[str]]) -> None:
    _, statuses, said = ended
    assert sorted(statuses) == [1, 2], "1: a traceback instead of the line of the command line"
    assert "".join(said).count("UserError: 2 processes cannot share a batch of 7. Set train.batch_size") == 1
    assert "" in said


def test_a_signal_to_one_process_reaches_all(pair: list[dict[str, Any]]) -> None:
    assert [process["signals"] for process in pair] == [[signal.SIGTERM], [signal.SIGTERM]]


def test_only_the_first_process_delivers(pair: list[dict[str, Any]]) -> None:
    assert pair[0]["machine"] == {"device": "cpu", "threads": 1, "processes": 2}
    assert pair[1]["status"] == 0
    assert "machine" not in pair[1]


def test_an_incomplete_environment_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UserError, match=r"WORLD_SIZE is set.*RANK.*torchrun"), distributed.process_group():
        pass


# The stage


def test_a_killed_process_ends_the_other_and_the_run_resumes_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, Any] = {"threads": 2, "memory_mb": 0}
    killed = start(STAGE, make_workspace(tmp_path, kimg=2000, **options))
    wait_for_checkpoint(tmp_path, killed[0])
    killed[1].kill()
    statuses, said = ends(killed)
    assert statuses == [2, -signal.SIGKILL]
    assert said[0].splitlines()[-1] == (
        "mangagan: another process of this training was killed or failed. Start the training again to resume from the "
        "last checkpoint"
    )
    assert contents(tmp_path) == {}

    before = images_in_checkpoint(tmp_path)
    stopped = torchrun(tmp_path)
    resumed = read_until(stopped, "img/s")
    stopped.terminate()
    rest = stopped.communicate(timeout=60)[1]
    assert stopped.returncode != 0
    assert resumed.count(f"resuming at {before / 1000:.1f} kimg") == 1
    assert rest.count("checkpoint saved. Run again to resume") == 1
    after = images_in_checkpoint(tmp_path)
    assert after > before

    run(make_workspace(tmp_path, kimg=after / 1000 + 0.08, **options))
    assert f"resuming at {after / 1000:.1f} kimg" in capsys.readouterr().err, "one process continues the run of two"
    assert read_card(tmp_path / catalog.MODEL_CARD)["images_seen"] == after + 80


def test_a_signal_during_the_exchange_counts_from_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the process that received it stops one step before the others, which wait for it."""
    received: list[int] = []

    def exchange(number: int) -> int:
        received.append(signal.SIGTERM.value)
        return number

    monkeypatch.setattr(distributed, "maximum", exchange)
    assert [distributed.share_signal(received) for _ in range(2)] == [False, True]


def torchrun(folder: Path) -> "subprocess.Popen[str]":
    """Start the stage in two processes with torchrun."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *STAGE]
    return subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True)


def read_until(process: "subprocess.Popen[str]", word: str) -> str:
    """Return the lines of the process up to the first one with the word."""
    assert process.stderr is not None
    said = ""
    for text in process.stderr:
        said += text
        if word in text:
            break
    return said


@pytest.mark.parametrize(
    ("cores", "processes", "requested", "threads"),
    [(1, 1, 0, 1), (2, 1, 0, 1), (8, 1, 0, 4), (8, 2, 0, 2), (8, 4, 0, 1), (2, 4, 0, 1), (2, 1, 2, 2), (8, 2, 8, 4)],
)
def test_threads_of_a_process(
    monkeypatch: pytest.MonkeyPatch, cores: int, processes: int, requested: int, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(distributed, "local_rank_and_size", lambda: (0, processes))
    assert distributed.count_threads(requested) == threads
