"""Runs one stage through DVC and says what happened to it."""

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

from tasks import child, graph, group
from tasks.environment import for_dvc
from tasks.outcome import Outcome, Transcript

GRACE_S = child.GRACE_S + 2.0  # the child counts its own grace first
BUSY_POLL_S = 2.0
BUSY_REMINDER_S = 600.0
MAX_LINE = 4_000  # characters of one line in the log; the rest of it becomes further lines
READ_SIZE = 65_536

Log = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What became of a stage.

    Attributes:
        outcome: None when it failed.
        reason: why DVC reproduced it; "nothing changed" otherwise.
        seconds: wall time, with the time spent in DVC.
        failure: how it failed, its own last lines included; empty when it did not.
    """

    stage: str
    outcome: Outcome | None
    reason: str
    seconds: float = field(repr=False)
    failure: str = field(default="", repr=False)  # Prefect logs the repr beside the message, which has this already

    @property
    def message(self) -> str:
        """The Prefect state's message."""
        return self.failure or self.reason


def reproduce(stage: str, log: Log) -> Result:
    """Brings one stage of the DVC repository at the working directory up to date, and nothing upstream of it.

    Args:
        stage: its name, as `dvc repro` takes it.
        log: gets each line of DVC and of the stage, as it comes.

    Raises:
        UserError: there is no such stage or no repository.
    """
    started = time.monotonic()
    while True:
        reason = wait_until_free(stage, log)
        if reason is None:
            return Result(stage, Outcome.CACHED, "nothing changed", time.monotonic() - started)
        log(f"{stage}: {reason}")
        transcript, code = run_dvc(["--wait-for-lock", "repro", "--single-item", stage], log)
        if not (code and transcript.busy):  # else another DVC process came in between: wait for it too
            break
    seconds = time.monotonic() - started
    if code:
        return Result(stage, None, reason, seconds, transcript.failure(code))
    return Result(stage, transcript.outcome or Outcome.COMPLETED, reason, seconds)


def wait_until_free(stage: str, log: Log) -> str | None:
    """Why the stage is stale, None if it is not, asked when no other DVC process works on its files."""
    reminded = -BUSY_REMINDER_S
    while True:
        try:
            return graph.stale(stage)
        except graph.Busy as busy:
            if time.monotonic() - reminded >= BUSY_REMINDER_S:
                reminded = time.monotonic()
                log(f"waiting for another DVC process: {' '.join(str(busy).split())}")
            time.sleep(BUSY_POLL_S)


def run_dvc(arguments: list[str], log: Log) -> tuple[Transcript, int]:
    """Runs DVC as the leader of a process group, which never outlives this call."""
    transcript = Transcript()
    command = [sys.executable, str(Path(child.__file__).resolve()), *arguments]
    with subprocess.Popen(
        command,
        env=for_dvc(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            for line in lines(process):
                if transcript.feed(line):
                    log(line)
            code = process.wait()
        finally:
            # After a good end this finds nothing, unless the stage left a process behind.
            group.end(process, GRACE_S)
    return transcript, code


def lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The lines of a process until it ends, even if something it started keeps its output open."""
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
            # A bar that is redrawn with carriage returns is a line each time.
            *whole, pending = re.split(r"\r\n|\n|\r", pending + decoder.decode(chunk, final=not chunk))
            for line in whole:
                yield from cut(line)
            if not chunk:
                break
            if len(pending) > MAX_LINE:
                yield from cut(pending)
                pending = ""
    if pending:
        yield from cut(pending)


def cut(line: str) -> Iterator[str]:
    """A line in pieces of bounded length."""
    for start in range(0, max(len(line), 1), MAX_LINE):
        yield line[start : start + MAX_LINE]
