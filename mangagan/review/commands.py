"""Calls of the command line of DVC. This package does not import dvc."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from mangagan.core.errors import UserError

TIMEOUT = 120.0  # [s]; `dvc status` hashes every file that has changed


def run_dvc(root: Path, *arguments: str, timeout: float = TIMEOUT) -> "subprocess.CompletedProcess[str]":
    """Run a DVC command in the workspace `root` and return its result.

    Args:
        root: The workspace.
        arguments: Arguments of `dvc`.
        timeout: Time after which the command and its children are killed [s].

    Raises:
        UserError: The command takes longer than the timeout.
    """
    command = [sys.executable, "-m", "dvc", *arguments]
    variables = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    process = subprocess.Popen(
        command,
        cwd=root,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise UserError(f"`dvc {' '.join(arguments)}` took longer than {timeout:.0f} s. Run it in a terminal") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
