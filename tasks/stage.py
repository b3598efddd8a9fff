"""Run one stage with DVC, and report its outcome."""

import codecs
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks import child, graph
from tasks.environment import dvc_environment
from tasks.group import terminate_group
from tasks.outcome import Outcome, Transcript

GRACE_S = child.GRACE_S + 2.0  # longer than the grace period of the child for its stage
BUSY_POLL_S = 2.0
BUSY_REMINDER_S = 600.0  # between two messages that another DVC process is busy
MAX_LINE_LENGTH = 4_000  # characters; longer lines are split
READ_SIZE = 65_536  # [bytes]

Log = Callable[[str], None]


@dataclass(frozen=True)
class StageResult:
    """Outcome of a stage.

    Attributes:
        stage: Name of the stage.
        outcome: None if the stage failed.
        reason: Why DVC ran the stage, or "nothing changed".
        seconds: Wall time, including DVC [s].
        failure: One line that says how the stage failed; empty if it did not.
        output: Last lines of a failed stage.
    """

    stage: str
    outcome: Outcome | None
    reason: str
    seconds: float
    failure: str = ""
    output: str = field(default="", repr=False)

    @property
    def message(self) -> str:
        """The message of the Prefect state."""
        return self.failure or self.reason


def reproduce(stage: str, log: Log) -> StageResult:
    """Bring one stage of the DVC repository in the working directory up to date, without the stages before it.

    Args:
        stage: Name of the stage, as in `dvc repro`.
        log: Function that gets each line of DVC and of the stage.

    Raises:
        UserError: The stage is unknown, or there is no repository.
    """
    started = time.monotonic()
    while True:
        reason = find_reason_when_free(stage, log)
        if reason is None:
            return StageResult(stage, Outcome.CACHED, "nothing changed", time.monotonic() - started)
        log(f"{stage}: {reason}")
        transcript, code = run_dvc(["--wait-for-lock", "repro", "--single-item", stage], log)
        if not (code and transcript.is_busy):  # else another DVC process started after the check: wait for it as well
            break
    seconds = time.monotonic() - started
    if code:
        failure = transcript.describe_failure(code)
        return StageResult(stage, None, reason, seconds, failure, transcript.read_tail())
    return StageResult(stage, transcript.outcome or Outcome.COMPLETED, reason, seconds)


def find_reason_when_free(stage: str, log: Log) -> str | None:
    """Wait until no other DVC process works on the files of a stage, then return why the stage is out of date."""
    reminded = -BUSY_REMINDER_S
    while True:
        try:
            return graph.find_reason(stage)
        except graph.BusyError as error:
            if time.monotonic() - reminded >= BUSY_REMINDER_S:
                reminded = time.monotonic()
                log(f"waiting for another DVC process: {' '.join(str(error).split())}")
            time.sleep(BUSY_POLL_S)


def run_dvc(arguments: list[str], log: Log) -> tuple[Transcript, int]:
    """Run DVC as the leader of a process group, and end the group.

    Returns:
        The transcript, and the exit code of DVC.
    """
    transcript = Transcript()
    command = [sys.executable, str(Path(child.__file__).resolve()), *arguments]
    with subprocess.Popen(
        command,
        env=dvc_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            for line in read_lines(process):
                if transcript.feed(line):
                    log(line)
            code = process.wait()
        finally:
            # After a normal exit the group has members only if the stage left a background process.
            terminate_group(process, GRACE_S)
    return transcript, code


def read_lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield the lines of a process until it ends, even if one of its children keeps the pipe open."""
    assert process.stdout is not None
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    pending = ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=0.5):
                if process.poll() is not None:
                    break
                continue
            chunk = os.read(process.stdout.fileno(), READ_SIZE)
            # A progress bar that is redrawn with carriage returns gives one line each time.
            *lines, pending = re.split(r"\r\n|\n|\r", pending + decoder.decode(chunk, final=not chunk))
            for line in lines:
                yield from split_line(line)
            if not chunk:
                break
            if len(pending) > MAX_LINE_LENGTH:
                yield from split_line(pending)
                pending = ""
    if pending:
        yield from split_line(pending)


def split_line(line: str) -> Iterator[str]:
    """Yield a line in parts of at most MAX_LINE_LENGTH characters."""
    for start in range(0, max(len(line), 1), MAX_LINE_LENGTH):
        yield line[start : start + MAX_LINE_LENGTH]
