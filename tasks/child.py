"""Run DVC as a child process that also stops its stage. Run this as a script with the arguments of `dvc`.

On SIGTERM, `dvc` itself ends and leaves its stage running. This process leads a process group. On SIGTERM it passes the
signal to the whole group, waits until the stage has written its checkpoint, and lets DVC release its locks. SIGTERM
comes from the task, and from Linux when the process of the flow ends, even by SIGKILL.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

GRACE_S = 15.0  # between SIGTERM and SIGKILL of the stage


def main() -> None:
    """Run DVC's command line in this process."""
    # Python puts the folder of a script first on the import path, where tasks/ would hide other modules.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from mangagan.process import die_with_parent

    signal.signal(signal.SIGTERM, handle_sigterm)
    die_with_parent(GRACE_S + 5.0)
    from dvc.cli import main as dvc

    sys.exit(dvc(sys.argv[1:]))


def handle_sigterm(number: int, frame: FrameType | None) -> None:
    """Pass SIGTERM to the stage. Exit at once if no stage is running."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not has_other_members():
        sys.exit(128 + number)
    os.killpg(0, signal.SIGTERM)
    # DVC waits for the stage in its own code, and reports the failure as usual.
    timer = threading.Timer(GRACE_S, os.killpg, (0, signal.SIGKILL))
    timer.daemon = True
    timer.start()


def has_other_members() -> bool:
    """Return True if the process group holds another living process."""
    from tasks.group import list_members

    return any(pid != os.getpid() for pid in list_members(os.getpgrp()))


if __name__ == "__main__":
    main()
