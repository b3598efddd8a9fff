"""The outcome of a stage, read from DVC's output. Only this module depends on the wording of DVC's messages (3.67)."""

import re
import signal
from collections import deque
from enum import Enum

TAIL_LINES = 20  # last lines of a failed stage to keep: the useful part of a Python traceback
TAIL_CHARACTERS = 2_000
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

UNCHANGED = re.compile(r"^(Stage )?'.*' didn't change, skipping$")
RESTORED = re.compile(r"^Stage '.*' is cached - skipping run, checking out outputs$")
RUNNING = re.compile(r"^Running stage '.*':$")
EXITED = re.compile(r"^ERROR: failed to reproduce .* exited with (-?\d+)$")
ALWAYS_CHANGED = "always changed"  # reason of a stage that DVC runs each time
BUSY_MESSAGE = "is busy, it is being blocked by:"
# Advice about git and `dvc push`, of no use in the log of a flow run.
ADVICE = re.compile(
    r"^(To track the changes with git, run:|To enable auto staging, run:|\s*git add .*"
    r"|\s*dvc config core\.autostage true|Use `dvc push` to send your updates to remote storage\.|)$"
)


class Outcome(Enum):
    """Outcome of a stage that did not fail. The value is the name of the Prefect state."""

    CACHED = "Cached"
    RESTORED = "Restored"
    COMPLETED = "Completed"


class Transcript:
    """DVC's output for one stage, read line by line.

    Attributes:
        outcome: Outcome as far as it is known; None before DVC has decided.
        is_running: True if the command of the stage has been started. The following lines come from the command.
        is_busy: True if another DVC process locks a file of the stage.
        exit_code: Exit code of the stage's command; None if it did not fail.
        tail: Last lines of the output.
    """

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.is_running = False
        self.is_busy = False
        self.exit_code: int | None = None
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)

    def feed(self, line: str) -> bool:
        """Read one line without its newline. Return True if the line belongs in the log."""
        line = ANSI.sub("", line).rstrip()
        if match := EXITED.match(line):
            self.exit_code = int(match[1])
            return False  # the message of the failed stage says the same
        if line and not line.startswith("> "):  # DVC prints the command like this
            self.tail.append(line)
        if not self.is_running:
            self.read_decision(line)
        return not ADVICE.match(line)

    def read_decision(self, line: str) -> None:
        """Read a line that DVC prints before it runs the command of the stage."""
        if RUNNING.match(line):
            self.is_running, self.outcome = True, Outcome.COMPLETED
            self.tail.clear()
        elif RESTORED.match(line):
            self.outcome = Outcome.RESTORED
        elif UNCHANGED.match(line):
            self.outcome = Outcome.CACHED
        elif BUSY_MESSAGE in line:
            self.is_busy = True

    def describe_failure(self, dvc_code: int) -> str:
        """Return one line: the exit code of the stage, or of DVC, and the last line of the output."""
        ended = f"DVC {describe_exit(dvc_code)}"
        if self.exit_code is not None:
            ended = f"stage {describe_exit(self.exit_code)}"
        return f"{ended}: {self.tail[-1].removeprefix('mangagan: ')}" if self.tail else ended

    def read_tail(self) -> str:
        """Return the last lines of the output, at most TAIL_CHARACTERS."""
        return "\n".join(self.tail)[-TAIL_CHARACTERS:]


def describe_exit(code: int) -> str:
    """Return an exit code as text. A code above 128 is a signal in the notation of shells."""
    number = -code if code < 0 else code - 128
    if number in {member.value for member in signal.Signals} and (code < 0 or code > 128):
        hint = " (out of memory?)" if number == signal.SIGKILL else ""
        return f"was killed by {signal.Signals(number).name}{hint}"
    return f"exited with {code}"
