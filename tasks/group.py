"""Process groups: list the members of a group, and end all of them."""

import os
import signal
import subprocess
import time

import psutil

POLL_S = 0.1


def list_members(group: int) -> list[int]:
    """Return the ids of the living processes in a group. Zombies do not count: in a container nobody may reap them."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return members


def terminate_group(leader: subprocess.Popen[bytes], grace: float) -> None:
    """End a process group with SIGTERM, and with SIGKILL after the grace period.

    SIGTERM goes to the leader, which passes it to the others, so that each process gets it once. If the leader has
    ended, the group gets it directly. An interrupt during the wait (a second Ctrl-C) sends SIGKILL at once.

    Args:
        leader: Leader of the group.
        grace: Time between SIGTERM and SIGKILL, to write a checkpoint [s].
    """
    group = leader.pid
    try:
        if leader.poll() is None:
            leader.terminate()
        else:
            signal_group(group, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while (leader.poll() is None or list_members(group)) and time.monotonic() < deadline:
            time.sleep(POLL_S)
    finally:
        signal_group(group, signal.SIGKILL)
        leader.wait()


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group. Do nothing if it has no members."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
