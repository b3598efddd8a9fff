"""A stage must not outlive the DVC process that started it: an orphan would write to outs beside the next run.

DVC starts a stage through a shell, releases its repository lock while the stage runs, and takes no stage along when it
is killed. So the stage looks after itself: Linux sends it SIGTERM when its parent goes, and a thread does the same on
other systems and where a shell stands between the stage and DVC.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

SHELLS = frozenset({"sh", "dash", "bash", "zsh", "fish", "ksh", "ash", "busybox", "torchrun", "pt_elastic"})
POLL_S = 0.5  # how late a lost parent is noticed where the kernel does not tell
GRACE_S = 20.0  # between SIGTERM and SIGKILL: time to write a checkpoint
PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


def die_with_parent(grace: float = GRACE_S) -> None:
    """Sends this process SIGTERM when the process that started it is gone, and SIGKILL `grace` seconds later.

    A parent that is a shell, or torchrun (which calls itself pt_elastic), does not count as the starter: its parent is
    watched as well. Call it from the main thread
    before the work begins; a parent that is already gone ends this process at once.

    Args:
        grace: seconds left to a SIGTERM handler.
    """
    ancestors = lineage()
    told_by_kernel = ask_kernel()
    # The kernel does not report a parent that died before it was asked: look again now that it was.
    if os.getppid() != ancestors[0] or adopted():
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Thread(target=watch, args=(ancestors, told_by_kernel, grace), daemon=True, name="parent-watch").start()


def run_under_dvc() -> bool:
    """Whether this process is a stage that DVC runs; a command typed by hand may well be meant to outlive its shell."""
    return "DVC_STAGE" in os.environ


def ask_kernel() -> bool:
    """Asks Linux for SIGTERM on the parent's death; False where there is no such request."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) == 0


def lineage() -> list[int]:
    """The parent of this process, its parent if that one is a shell, and so on up to the first that is none."""
    ancestors = [os.getppid()]
    while (found := status(ancestors[-1])) and found[0] in SHELLS and found[1] > 1:
        ancestors.append(found[1])
    return ancestors


def adopted() -> bool:
    """Whether init is the parent: the starter died before it was asked for. In a container DVC itself may be init."""
    found = status(1)
    return os.getppid() == 1 and found is not None and not found[0].startswith(("python", "dvc", "mangagan"))


def status(pid: int) -> tuple[str, int] | None:
    """A process's command name and its parent's id, or None where /proc does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # "pid (name) state ppid …": the name may itself hold spaces and brackets.
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name, int(rest.split()[1])


def watch(ancestors: list[int], told_by_kernel: bool, grace: float) -> None:
    """Polls the line of ancestors until it breaks, then ends this process."""
    while unbroken(ancestors):
        time.sleep(POLL_S)
    parent_left = os.getppid() != ancestors[0]
    if not (told_by_kernel and parent_left):  # a second SIGTERM would cut a handler's work short
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os.kill(os.getpid(), signal.SIGKILL)


def unbroken(ancestors: list[int]) -> bool:
    """Whether each ancestor is still the child of the next."""
    if os.getppid() != ancestors[0]:
        return False
    for child, parent in pairwise(ancestors):
        found = status(child)
        if found is None or found[1] != parent:
            return False
    return True
