"""Detection of an ancestor that has ended. tests/test_tasks.py ends whole trees of processes under DVC."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mangagan.process import STARTERS, find_starter, is_unbroken
from tests.dvc_workspace import environment, wait_for

# Writes the id of its parent, waits for the parent's end, then behaves as a stage does.
LATE_STAGE = """\
import os, pathlib, signal, sys, time
from mangagan.process import die_with_parent
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path("terminated").touch(), sys.exit(1)))
parent = int(sys.argv[1])
while os.getppid() == parent:
    time.sleep(0.01)
pathlib.Path("parent").write_text(str(os.getppid()))
die_with_parent()
time.sleep(20)
"""


def test_the_starter_is_the_first_ancestor_that_is_no_launcher() -> None:
    code = "from mangagan.process import find_starter; print(*[process.pid for process in find_starter()])"
    command = ["sh", "-c", f"sh -c '{sys.executable} -c \"{code}\"; true'; true"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as shell:
        pids = [int(pid) for pid in shell.communicate()[0].split()]
    assert len(pids) == 3
    assert pids[1:] == [shell.pid, os.getpid()]
    assert find_starter()[0].pid == os.getppid()


def test_the_end_of_any_ancestor_breaks_the_lineage() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 30; true"]) as shell:
        assert wait_for(lambda: psutil.Process(shell.pid).children())
        (child,) = psutil.Process(shell.pid).children()
        lineage = [child, psutil.Process(shell.pid), psutil.Process()]
        assert is_unbroken(lineage)
        shell.kill()
        shell.wait()
        assert not is_unbroken(lineage)
        child.kill()


def test_another_process_with_the_id_of_the_parent_is_not_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "30"]) as process:
        parent = psutil.Process()
        assert is_unbroken([psutil.Process(process.pid), parent])
        monkeypatch.setattr(parent, "_ident", (parent.pid, 0.0))  # created at another time
        assert not is_unbroken([psutil.Process(process.pid), parent])
        process.kill()


def test_a_starter_that_ended_before_the_watch_began_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "stage.py").write_text(LATE_STAGE)
    code = "import os, subprocess, sys; subprocess.Popen([sys.executable, 'stage.py', str(os.getpid())])"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), check=True)
    assert wait_for((tmp_path / "parent").exists)
    time.sleep(0.1)
    if (tmp_path / "parent").read_text() != "1" or psutil.Process(1).name().startswith(STARTERS):
        pytest.skip("orphans do not become children of init on this machine")
    assert wait_for((tmp_path / "terminated").exists, 10)
