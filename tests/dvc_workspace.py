"""A small real DVC repository: a chain of three stages, listed in the wrong order, and slow stages of their own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[1]

# `runs.log` is not an out: it records which stages were started.
DVC_YAML = """\
stages:
  third:
    cmd: python stage.py third second.txt
    deps: [second.txt]
    outs: [third.txt]
  second:
    cmd: python stage.py second first.txt
    deps: [first.txt]
    params: [second.word]
    outs: [second.txt]
  first:
    cmd: python stage.py first source.txt
    deps: [source.txt]
    params: [first]
    outs: [first.txt]
    metrics: [{metrics/first.json: {cache: false}}]
  slow:
    cmd: python slow.py
    deps: [slow.py]
    outs: [slow.txt]
  slow_in_shell:
    cmd: python slow.py slow_in_shell.txt; true
    deps: [slow.py]
    outs: [slow_in_shell.txt]
"""
PARAMS_YAML = """\
first: {number: 1, name: a}
second: {word: hello}
"""
STAGE_PY = """\
import json, pathlib, sys
import yaml
name, source = sys.argv[1:]
with open("runs.log", "a") as log:
    log.write(name + "\\n")
text = pathlib.Path(source).read_text() + name + str(yaml.safe_load(open("params.yaml")).get(name))
if "poison" in text:
    print("reading", source)
    print("Stage 'first' is cached - skipping run, checking out outputs")
    sys.exit("no good: poison in " + source)
pathlib.Path(name + ".txt").write_text(text)
if name == "first":
    pathlib.Path("metrics").mkdir(exist_ok=True)
    pathlib.Path("metrics/first.json").write_text(json.dumps({"length": len(text), "share": {"a": 0.123456789}}))
"""
# Runs for a minute. On SIGTERM it takes 0.3 s to write a checkpoint.
SLOW_PY = """\
import pathlib, signal, sys, time
from mangagan.process import die_with_parent
def stop(number, frame):
    time.sleep(0.3)
    with open("checkpoint.log", "a") as log:
        log.write("saved\\n")
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
die_with_parent()
pathlib.Path("started").touch()
print("started", flush=True)
time.sleep(float(pathlib.Path("seconds").read_text()))
pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "slow.txt").write_text("done")
"""


def build(root: Path) -> Path:
    """Create the repository; no stage has been run."""
    files = {
        "dvc.yaml": DVC_YAML,
        "params.yaml": PARAMS_YAML,
        "stage.py": STAGE_PY,
        "slow.py": SLOW_PY,
        "source.txt": "source",
        "seconds": "60",
    }
    for name, text in files.items():
        (root / name).write_text(text)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=root, check=True, env=environment())
    return root


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a child process: this interpreter comes first, and the project can be imported."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT), "DVC_NO_ANALYTICS": "1", **extra}


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text. Fail if the file does not contain it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Return True as soon as the condition holds, False after a timeout."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def living_in(root: Path) -> list[str]:
    """Return the command lines of the other living processes in this working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            living = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
            if living and Path(process.cwd()) == root:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def enter_copy(repository: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy a repository into the folder and make the copy the working directory."""
    root = folder / "repo"
    shutil.copytree(repository, root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    return root
