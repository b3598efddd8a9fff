"""`mangagan watch`, on the live files that a training writes."""

import json
import os
import platform
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mangagan import live_status
from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.files import write_json
from tests.dvc_workspace import environment, wait_for

WATCH = [sys.executable, "-m", "mangagan", "watch"]
LINE = (
    "training: 12.35 of 100 kimg (12 %), 45.6 img/s, 2 h 10 min left, loss D 0.693 G 0.71 F 0.125, "
    "kernel distance 0.0123, usable 83 %"
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_status(root: Path, **changes: Any) -> None:
    """Write the status of a training in this process, which is alive; then apply the changes."""
    status = {
        "state": "training",
        "kimg": 12.345,
        "total_kimg": 100,
        "images_per_second": 45.61,
        "seconds_left": 7812.0,
        "loss_d": 0.69312,
        "loss_g": 0.71,
        "loss_f": 0.125,
        "kernel_distance": 0.01234,
        "usable_share": 0.8342,
        "pid": os.getpid(),
        "host": platform.node(),
        "run": ".mangagan/train/abc",
        "updated": time.time(),
        "message": "",
    }
    write_json(root / catalog.LIVE_STATUS, status | changes)


@contextmanager
def watching(root: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `mangagan watch` on a pipe; kill it if the test has not ended it."""
    command = [*WATCH, "--interval", "0.05", *arguments]
    with subprocess.Popen(
        command, cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: "subprocess.Popen[str]", text: str, seconds: float = 30.0) -> str:
    """Return the output up to the first line that contains the text. Lines are short, so a readable pipe has one."""
    assert process.stdout is not None
    deadline, read = time.monotonic() + seconds, b""
    while text.encode() not in read or not read.endswith(b"\n"):
        left = deadline - time.monotonic()
        ready = select.select([process.stdout], [], [], max(left, 0))[0]
        chunk = os.read(process.stdout.fileno(), 4096) if ready else b""
        assert chunk, f"{text!r} is not in the output: {read.decode()}"
        read += chunk
    return read.decode()


def test_once_prints_the_present_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(root)
    assert main(["watch", "--once"]) == 0
    assert capsys.readouterr() == (f"{LINE}\n", "")


def test_once_without_a_training_is_an_error(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--once"]) == 2
    line = "mangagan: no training yet: .mangagan/live/status.json not found. Run: dvc repro train\n"
    assert capsys.readouterr() == ("", line)


def test_values_that_are_not_available_are_left_out(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / catalog.LIVE).mkdir(parents=True)
    (root / catalog.LIVE_STATUS).write_text('{"state": "training", "kimg": 0, "total_kimg": 0, "loss_g": 1.5}')
    assert main(["watch", "--once"]) == 0
    assert capsys.readouterr().out == "training: 0 of 0 kimg, loss G 1.5\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"state": "trai', "is damaged (Unterminated string"),
        ("", "is damaged (Expecting value"),
        ("\xff", "is damaged ('utf-8' codec"),
        ("[" * 100_000, "is damaged (maximum recursion"),
        ("[]", "is damaged (it is not an object)"),
        ("{}", "is damaged (state is None"),
        ('{"state": [], "kimg": 1, "total_kimg": 2}', "is damaged (state is []"),
        ('{"state": "training", "total_kimg": 100}', "is damaged (kimg is missing)"),
        ('{"state": "training", "kimg": NaN, "total_kimg": 1}', "is damaged (kimg is missing)"),
        ('{"state": "training", "kimg": 1e999, "total_kimg": 1}', "is damaged (kimg is missing)"),
        ('{"state": "training", "kimg": "1", "total_kimg": 100}', "is damaged (kimg is not a number)"),
        ('{"state": "training", "kimg": 1, "total_kimg": 2, "pid": -1}', "is damaged (pid is -1)"),
        ('{"state": "training", "kimg": 1, "total_kimg": 2, "message": 5}', "is damaged (message is not a text)"),
        (f'{{"state": "training", "kimg": 1{"0" * 400}, "total_kimg": 2}}', "is damaged (int too large"),
    ],
)
@pytest.mark.parametrize("option", ["--once", "--interval=1"])
def test_a_damaged_status_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], content: str, reason: str, option: str
) -> None:
    (root / catalog.LIVE).mkdir(parents=True)
    (root / catalog.LIVE_STATUS).write_bytes(content.encode("latin-1"))
    assert main(["watch", option]) == 2
    output, error = capsys.readouterr()
    assert output == "" and error.count("\n") == 1
    assert error.startswith(f"mangagan: .mangagan/live/status.json {reason}")
    assert error.endswith("The next training replaces it: dvc repro train\n")


@pytest.mark.parametrize("place", [catalog.LIVE_STATUS, catalog.LIVE])
def test_a_status_that_cannot_be_read_is_one_line(root: Path, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.mkdir() if place == catalog.LIVE_STATUS else place.touch()  # a folder instead of the file, or the reverse
    assert main(["watch"]) == 2
    assert capsys.readouterr().err.startswith("mangagan: cannot read .mangagan/live/status.json: ")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_a_wrong_interval_is_an_error(root: Path, capsys: pytest.CaptureFixture[str], value: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["watch", f"--interval={value}"])
    assert caught.value.code == 2
    assert "argument --interval: " in capsys.readouterr().err


def test_it_waits_for_a_training_and_ends_with_it(root: Path) -> None:
    with watching(root) as process:
        missing = "no training yet: .mangagan/live/status.json not found."
        assert read_until(process, "Waiting") == f"{missing} Waiting. To start one: dvc repro train\n"
        (root / catalog.LIVE_TENSORBOARD).mkdir(parents=True)
        write_status(root)
        lines = read_until(process, "training: ").splitlines()
        assert lines == [
            "run:         .mangagan/train/abc",
            "curves:      .mangagan/live/curves.csv",
            "metrics:     .mangagan/live/metrics.csv",
            "samples:     .mangagan/live/samples.png",
            "timelapse:   .mangagan/live/timelapse.webp",
            "TensorBoard: tensorboard --logdir .mangagan/live/tensorboard",
            LINE,
        ]
        write_status(root, seconds_left=7800.0, loss_d=0.5)  # the same kimg: no line
        time.sleep(0.3)
        write_status(root, kimg=13, message="loss of D\nis low")
        assert read_until(process, "message").splitlines() == [
            LINE.replace("12.35", "13").replace("(12 %)", "(13 %)"),
            "message: loss of D is low",
        ]
        write_status(root, kimg=14, message="loss of D\nis low")  # the same message: no line
        assert read_until(process, "14 of").count("\n") == 1
        write_status(root, state="finished", kimg=100, message="", seconds_left=0, updated=1e9)
        output, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(1e9))
    assert output == (
        "finished: 100 of 100 kimg (100 %), 45.6 img/s, loss D 0.693 G 0.71 F 0.125, "
        f"kernel distance 0.0123, usable 83 %, {when}\n"
    )


def test_a_stopped_training_says_why_and_how_to_resume(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(root, state="stopped", message="SIGTERM", pid=1)  # the process has ended, as it should
    assert main(["watch"]) == 0
    output, error = capsys.readouterr()
    assert error == "" and "tensorboard" not in output.lower()
    *_, line, message, advice = output.splitlines()
    assert line.startswith("stopped: 12.35 of 100 kimg (12 %), ") and " left" not in line
    assert (message, advice) == ("message: SIGTERM", "To resume: dvc repro train")


def expect_dead(root: Path, capsys: pytest.CaptureFixture[str], pid: int, **changes: Any) -> None:
    write_status(root, pid=pid, **changes)
    for option in ("--once", "--interval=1"):
        assert main(["watch", option]) == 1
        output, error = capsys.readouterr()
        assert output.splitlines()[-1].startswith("training: 12.35 of 100 kimg")
        ended = f"mangagan: process {pid} of the training has ended without a final status"
        assert error == f"{ended}, at 12.35 of 100 kimg (12 %). To resume: dvc repro train\n"


def test_a_process_that_has_ended(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    expect_dead(root, capsys, process.pid)  # a zombie
    process.wait()
    expect_dead(root, capsys, process.pid)


def test_another_process_with_the_same_id(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expect_dead(root, capsys, os.getpid(), updated=time.time() - 86_400)  # Python, but it started later
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            expect_dead(root, capsys, process.pid, updated=time.time() + 10)  # not Python
        finally:
            process.kill()


def test_a_process_of_another_machine_is_not_checked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(root, host="elsewhere", pid=2**22 + 1, updated=time.time() - 601)
    assert main(["watch", "--once"]) == 0
    assert capsys.readouterr().out == f"{LINE}, no update for 10 min\n"


def test_a_training_that_ends_while_it_is_checked_is_not_dead(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process writes its final status after the status was read, and ends before the process is looked up."""

    def finish(pid: int) -> None:
        write_status(root, state="finished", kimg=100)
        raise live_status.psutil.NoSuchProcess(pid)

    write_status(root)
    monkeypatch.setattr(live_status.psutil, "Process", finish)
    assert main(["watch", "--interval=0.05"]) == 0
    output, error = capsys.readouterr()
    assert error == "" and output.splitlines()[-1].startswith("finished: 100 of 100 kimg")


def test_an_interrupt_ends_it(root: Path) -> None:
    with watching(root) as process:
        read_until(process, "Waiting")
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=30)
    assert (process.returncode, output, error) == (130, "", "mangagan: watch interrupted\n")


@pytest.mark.parametrize("columns", [200, 80])
def test_a_terminal_shows_one_line_that_is_rewritten(root: Path, columns: int) -> None:
    write_status(root)
    controller, terminal = pty.openpty()
    variables = environment(COLUMNS=str(columns))
    command = [*WATCH, "--interval", "0.05"]
    shown = b""

    def reads(text: str) -> bool:
        nonlocal shown
        while select.select([controller], [], [], 0)[0]:
            shown += os.read(controller, 4096)
        return text.encode() in shown

    with subprocess.Popen(
        command, cwd=root, env=variables, stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        try:
            assert wait_for(lambda: reads("12.35 of"))
            write_status(root, kimg=13, message="an alarm")
            assert wait_for(lambda: reads("13 of"))
            write_status(root, state="stopped", kimg=14)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert reads("To resume: dvc repro train")
    os.close(controller)
    os.close(terminal)
    text = shown.decode().replace("\r\n", "\n")
    drawn = [part.removesuffix("\x1b[K") for line in text.split("\n") for part in line.split("\r") if "kimg" in part]
    assert len(set(drawn)) == 3 and max(map(len, drawn)) < columns
    narrow = "12.35 of 100 kimg (12 %), 2 h 10 min left, kernel distance 0.0123, usable 83 %"
    assert drawn[0] == (LINE if columns == 200 else narrow)
    # The rewritten line takes one row, and the message does not leave a copy of it.
    rows = [row.split("\r")[-1].removesuffix("\x1b[K") for row in text.split("\n")]
    assert rows[4] == "timelapse:   .mangagan/live/timelapse.webp" and rows[5] == "message: an alarm"
    assert rows[6].startswith("stopped: 14 of 100 kimg") and rows[7:] == ["To resume: dvc repro train", ""]


def test_it_imports_nothing_heavy(root: Path) -> None:
    write_status(root)
    code = (
        "import sys; from mangagan.cli import main; main(['watch', '--once']); print(json.dumps(sorted(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], env=environment(), capture_output=True, text=True, check=True
    )
    assert not {"torch", "cv2", "prefect", "dvc", "pandas", "numpy", "pydantic"} & set(
        json.loads(ended.stdout.splitlines()[-1])
    )
