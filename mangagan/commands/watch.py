"""`mangagan watch`: progress of the training that runs now, or ran last."""

import argparse
import shutil
import sys
import time
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.live_status import (
    LiveStatus,
    describe_progress,
    format_duration,
    format_values,
    has_process_ended,
    read_status,
)

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers

DEFAULT_INTERVAL_S = 2.0
MAX_INTERVAL_S = 3600.0
STALE_S = 180.0  # a status is older only during a long measurement
NO_TRAINING = f"no training yet: {catalog.LIVE_STATUS} not found."
RESUME = "To resume: dvc repro train"
# Values of `format_values` in the line. A narrow terminal shows it without those in HIDDEN_IF_NARROW.
FORMATS = {
    "progress": "{}",
    "speed": "{}",
    "time left": "{} left",
    "losses": "loss {}",
    "kernel distance": "kernel distance {}",
    "usable share": "usable {}",
    "age": "no update for {}",
    "end": "{}",
}
HIDDEN_IF_NARROW = ("losses", "speed")
CLEAR_TO_END = "\x1b[K"  # clears the rest of a line of a terminal


def add_commands(subparsers: "Subparsers") -> None:
    """Add `watch`."""
    parser = add_command(
        subparsers,
        "watch",
        watch,
        "show the progress of the running training",
        "mangagan watch",
        "Shows one line: progress, speed, time left, losses of the discriminator (D), the generator (G) and the\n"
        "discriminators on features (F), kernel distance, and share of usable faces. The command ends when the\n"
        f"training ends, and waits if there is none yet. Ctrl-C does not end the training. It reads\n"
        f"{catalog.LIVE_STATUS}.\n\n"
        "Exit status: 0: finished or stopped; 1: the process ended without a final status (killed, for example);\n"
        "2: the status file is damaged, or with --once does not exist.",
    )
    parser.add_argument("--once", action="store_true", help="print the present line and end; 2 if there is no training")
    parser.add_argument(
        "--interval",
        type=parse_interval,
        default=DEFAULT_INTERVAL_S,
        metavar="S",
        help=f"time between two updates [s] (default: {DEFAULT_INTERVAL_S:g})",
    )


def parse_interval(text: str) -> float:
    """Parse a time between two updates [s]."""
    value = float(text)
    if not 0 < value <= MAX_INTERVAL_S:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {MAX_INTERVAL_S:g}")
    return value


def watch(arguments: argparse.Namespace) -> int:
    """Show the status until the training ends; with --once, show it once.

    Raises:
        UserError: The status file is damaged; with --once, also if it does not exist.
    """
    display = Display()
    try:
        if arguments.once:
            if (status := read_status()) is None:
                raise UserError(f"{NO_TRAINING} Run: dvc repro train")
            display.show(status)
            return report_end(display, status) or 0
        return follow(display, arguments.interval)
    finally:
        display.close()


def follow(display: "Display", interval: float) -> int:
    """Show the status at an interval [s] until the training ends. Return the exit status."""
    is_waiting = is_following = False
    while True:
        status = read_status()
        if status is None:
            if not is_waiting:
                display.print(f"{NO_TRAINING} Waiting. To start one: dvc repro train")
            is_waiting = True
        else:
            if not is_following:
                print_files(display, status)
            is_following, is_waiting = True, False
            display.show(status)
            if (code := report_end(display, status)) is not None:
                return code
        time.sleep(interval)


def print_files(display: "Display", status: LiveStatus) -> None:
    """Print the files of the training that a user can open."""
    files = {
        "run": status.run,
        "curves": str(catalog.LIVE_CURVES),
        "metrics": str(catalog.LIVE_METRICS),
        "samples": str(catalog.LIVE_SAMPLES),
        "timelapse": str(catalog.LIVE_TIMELAPSE),
        "TensorBoard": f"tensorboard --logdir {catalog.LIVE_TENSORBOARD}" if catalog.LIVE_TENSORBOARD.is_dir() else "",
    }
    for name, value in files.items():
        if value:
            display.print(f"{name + ':':13}{value}")


def report_end(display: "Display", status: LiveStatus) -> int | None:
    """Print how the training ended. Return the exit status; None if it has not ended."""
    if status.state == "stopped":
        display.print(RESUME)
    if not status.is_training:
        return 0
    # The process may have written its final status and ended after the status was read: then the file has changed.
    if has_process_ended(status) and read_status() == status:
        display.close()
        reached = describe_progress(status)
        print(
            f"mangagan: process {status.pid} of the training has ended without a final status, at {reached}. {RESUME}",
            file=sys.stderr,
        )
        return 1
    return None


def render_line(status: LiveStatus, now: float, columns: int | None = None) -> str:
    """Return the line of a status.

    Args:
        status: The status.
        now: Current time [s since 1970].
        columns: Width of the terminal. Default: unlimited.
    """
    values = format_values(status)
    if status.updated is not None and not status.is_training:
        values["end"] = time.strftime("%Y-%m-%d %H:%M", time.localtime(status.updated))
    elif status.updated is not None and now - status.updated > STALE_S:
        values["age"] = format_duration(now - status.updated)
    shown = {name: FORMATS[name].format(value) for name, value in values.items()}
    prefix = f"{status.state}: "
    for name in HIDDEN_IF_NARROW:
        if columns is not None and len(prefix + ", ".join(shown.values())) > columns:
            shown.pop(name, None)
    line = prefix + ", ".join(shown.values())
    if columns is not None and len(line) > columns and status.is_training:
        line = line.removeprefix(prefix)
    return line[:columns]


class Display:
    """Standard output: a terminal, where the line of the status is rewritten in place, or a pipe.

    Attributes:
        is_terminal: True if the line is rewritten in place.
        is_open: True if the cursor is at the end of such a line.
        last: State and progress that were printed last on a pipe.
        message: Message that was printed last.
    """

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self.is_open = False
        self.last: tuple[str, float] | None = None
        self.message = ""

    def show(self, status: LiveStatus) -> None:
        """Show the line of a status, and its message if it is new. A pipe gets the line if the progress has changed."""
        is_new_message = bool(status.message) and status.message != self.message
        self.message = status.message
        if self.is_terminal:
            if is_new_message:  # above the line
                print(f"\rmessage: {status.message}{CLEAR_TO_END}", flush=True)
            columns = shutil.get_terminal_size().columns - 1  # a full line would wrap
            print(f"\r{render_line(status, time.time(), columns)}{CLEAR_TO_END}", end="", flush=True)
            self.is_open = True
            return
        if (status.state, status.kimg) != self.last:
            print(render_line(status, time.time()), flush=True)
        self.last = status.state, status.kimg
        if is_new_message:
            print(f"message: {status.message}", flush=True)

    def print(self, text: str) -> None:
        """Print a line that stays."""
        self.close()
        print(text, flush=True)

    def close(self) -> None:
        """End a line that is rewritten in place."""
        if self.is_open:
            print(flush=True)
        self.is_open = False
