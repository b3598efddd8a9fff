"""Termination of a process whose parent has ended.

An orphaned stage would write to the same outs as the next run. DVC starts a stage through a shell, releases its
repository lock while the stage runs, and does not stop the stage when it is killed itself. Therefore a stage watches
its ancestors: Linux sends it SIGTERM when its parent ends. A thread does the same on other systems, and for ancestors
behind a shell.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from itertools import pairwise

import psutil

# Processes that only start another one; torchrun renames itself to pt_elastic.
LAUNCHERS = frozenset({"sh", "dash", "bash", "zsh", "fish", "ksh", "ash", "busybox", "torchrun", "pt_elastic"})
STARTERS = ("python", "dvc", "mangagan", "prefect")  # first letters of the names of processes that start a stage
POLL_S = 0.5  # maximum delay with which the thread notices that an ancestor has ended
GRACE_S = 20.0  # between SIGTERM and SIGKILL: time to write a checkpoint
PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


def die_with_parent(grace: float = GRACE_S) -> None:
    """Make this process receive SIGTERM when the process that started it ends, and SIGKILL later.

    Launchers such as shells and torchrun do not count as the starter; their parents are watched as well. Call this in
    the main thread before the work begins. If the starter has ended already, this process gets SIGTERM at once.

    Args:
        grace: Time between SIGTERM and SIGKILL [s].
    """
    parent_pid = os.getppid()
    lineage = [psutil.Process(), *find_starter()]
    kernel_sends_signal = request_parent_death_signal()
    # The kernel does not report a parent that ended before the request.
    if os.getppid() != parent_pid or is_adopted(lineage):
        os.kill(os.getpid(), signal.SIGTERM)
    arguments = (parent_pid, lineage, kernel_sends_signal, grace)
    threading.Thread(target=watch, args=arguments, daemon=True, name="parent-watch").start()


def is_dvc_stage() -> bool:
    """Return True if DVC runs this process as a stage. A command typed by hand may outlive its shell."""
    return "DVC_STAGE" in os.environ


def request_parent_death_signal() -> bool:
    """Request SIGTERM from Linux for the end of the parent. Return False on other systems."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) == 0


def find_starter() -> list[psutil.Process]:
    """Return the ancestors of this process, from its parent to the first that is not a launcher."""
    ancestors: list[psutil.Process] = []
    try:
        for process in psutil.Process().parents():
            ancestors.append(process)
            if process.name() not in LAUNCHERS:
                break
    except psutil.Error:  # an ancestor has just ended, or may not be read: the thread watches those found so far
        pass
    return ancestors


def is_adopted(lineage: list[psutil.Process]) -> bool:
    """Return True if the starter ended and init took its place. In a container the starter itself may be process 1."""
    oldest = lineage[-1]
    try:
        return oldest.pid == 1 and not oldest.name().startswith(STARTERS)
    except psutil.Error:
        return False


def watch(parent_pid: int, lineage: list[psutil.Process], kernel_sends_signal: bool, grace: float) -> None:
    """Wait until an ancestor ends, then end this process."""
    while os.getppid() == parent_pid and is_unbroken(lineage):
        time.sleep(POLL_S)
    parent_ended = os.getppid() != parent_pid
    if not (kernel_sends_signal and parent_ended):  # a second SIGTERM would interrupt the handler of the first
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os.kill(os.getpid(), signal.SIGKILL)


def is_unbroken(lineage: list[psutil.Process]) -> bool:
    """Return True if each process is still the child of the next. psutil recognizes reused ids by the creation time."""
    try:
        return all(child.ppid() == parent.pid and parent.is_running() for child, parent in pairwise(lineage))
    except psutil.NoSuchProcess:
        return False
