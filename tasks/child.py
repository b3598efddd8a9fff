"""DVC as a child that takes its stage along: run as a script, with the arguments of `dvc`.

`dvc` itself leaves its stage running when it gets SIGTERM. This process leads its own group: on SIGTERM it passes the
signal to the whole group, waits for the stage to write its checkpoint, and lets DVC release its locks. It gets SIGTERM
from the task, and from Linux when the process of the flow is gone, even by SIGKILL.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

GRACE_S = 15.0  # between SIGTERM and SIGKILL for the stage


def main() -> None:
    """Runs DVC's command line in this process."""
    # A script's own folder comes first in the import path, where tasks/ would hide other modules; its parent is meant.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from mangagan.process import die_with_parent

    signal.signal(signal.SIGTERM, on_sigterm)
    die_with_parent(GRACE_S + 5.0)
    from dvc.cli import main as dvc

    sys.exit(dvc(sys.argv[1:]))


def on_sigterm(number: int, frame: FrameType | None) -> None:
    """Passes SIGTERM on to the stage, if one runs, and ends DVC when it has ended."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not others_in_group():
        sys.exit(128 + number)
    os.killpg(0, signal.SIGTERM)
    # DVC waits for the stage in its own code and then fails in its usual, orderly way.
    timer = threading.Timer(GRACE_S, os.killpg, (0, signal.SIGKILL))
    timer.daemon = True
    timer.start()


def others_in_group() -> bool:
    """Whether the group holds a living process besides this one."""
    from tasks.group import members

    return any(pid != os.getpid() for pid in members(os.getpgrp()))


if __name__ == "__main__":
    main()
