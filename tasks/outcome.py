"""What became of a stage, read from DVC's own lines: the one place that knows their wording (DVC 3.67)."""

import re
import signal
from collections import deque
from enum import Enum

TAIL_LINES = 20  # a Python traceback's useful part, and what a state's message shows without scrolling for long
TAIL_CHARACTERS = 2_000
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

UNCHANGED = re.compile(r"^(Stage )?'.*' didn't change, skipping$")
RESTORED = re.compile(r"^Stage '.*' is cached - skipping run, checking out outputs$")
RUNNING = re.compile(r"^Running stage '.*':$")
EXITED = re.compile(r"^ERROR: failed to reproduce .* exited with (-?\d+)$")
BUSY = "is busy, it is being blocked by:"
# Advice for someone at a terminal.
ADVICE = re.compile(
    r"^(To track the changes with git, run:|To enable auto staging, run:|\s*git add .*"
    r"|\s*dvc config core\.autostage true|Use `dvc push` to send your updates to remote storage\.|)$"
)


class Outcome(Enum):
    """The value is the Prefect state's name."""

    CACHED = "Cached"
    RESTORED = "Restored"
    COMPLETED = "Completed"


class Transcript:
    """DVC's output for one stage, fed line by line."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.started = False  # whether the stage's own process runs; from then on its lines are not DVC's
        self.busy = False
        self.exit_code: int | None = None
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)

    def feed(self, line: str) -> bool:
        """Takes one line without its newline; returns whether it is worth showing."""
        line = ANSI.sub("", line).rstrip()
        match = EXITED.match(line)
        if match:
            self.exit_code = int(match[1])
        elif line and not line.startswith("> "):  # DVC shows the command so
            self.tail.append(line)
        if not self.started:
            self.read_decision(line)
        return not ADVICE.match(line)

    def read_decision(self, line: str) -> None:
        """Reads what DVC says before it starts the stage's command."""
        if RUNNING.match(line):
            self.started, self.outcome = True, Outcome.COMPLETED
            self.tail.clear()
        elif RESTORED.match(line):
            self.outcome = Outcome.RESTORED
        elif UNCHANGED.match(line):
            self.outcome = Outcome.CACHED
        elif BUSY in line:
            self.busy = True

    def failure(self, dvc_code: int) -> str:
        """How it failed: the exit code and the last line first, as that is what lists show, then the lines before."""
        lines = list(self.tail)
        code = self.exit_code if self.exit_code is not None else dvc_code
        head = f"{'stage' if self.exit_code is not None else 'DVC'} {ended(code)}"
        if not lines:
            return head
        before = "\n\n" + "\n".join(lines)[-TAIL_CHARACTERS:] if len(lines) > 1 else ""
        return f"{head}: {lines[-1]}{before}"


def ended(code: int) -> str:
    """An exit status in words; shells report a signal as 128 and its number."""
    number = -code if code < 0 else code - 128
    if number in {member.value for member in signal.Signals} and (code < 0 or code > 128):
        hint = " (out of memory?)" if number == signal.SIGKILL else ""
        return f"was killed by {signal.Signals(number).name}{hint}"
    return f"exited with {code}"
