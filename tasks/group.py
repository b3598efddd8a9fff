"""Process groups: who lives in one, and how to end all of it."""

import os
import signal
import subprocess
import time

POLL_S = 0.1


def members(group: int) -> list[int]:
    """The ids of the group's living processes; zombies, which nobody may ever reap in a container, do not count."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return found


def end(leader: subprocess.Popen[bytes], grace: float) -> None:
    """Ends the group that `leader` leads: SIGTERM, `grace` seconds to write a checkpoint, SIGKILL.

    The leader passes SIGTERM on, so that each process gets it once; a group without its leader gets it directly. An
    interrupt during the wait (a second Ctrl-C) cuts it short.
    """
    group = leader.pid
    try:
        if leader.poll() is None:
            leader.terminate()
        else:
            signal_group(group, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while (leader.poll() is None or members(group)) and time.monotonic() < deadline:
            time.sleep(POLL_S)
    finally:
        signal_group(group, signal.SIGKILL)
        leader.wait()


def signal_group(group: int, number: signal.Signals) -> None:
    """Sends a signal to a group that may be gone."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
