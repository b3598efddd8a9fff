"""Commands of an installed mangagan, in a workspace that holds no code."""

import shutil
import subprocess
from pathlib import Path

from mangagan.core import catalog
from mangagan.sample.manga import draw_manga
from tests.paths import PROJECT
from tests.project_clone import GIT, run_in


def run(root: Path, *command: str, package: Path = PROJECT, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python module in a folder. `package` is the folder that holds the installed package."""
    return run_in(root, *command, **{"PYTHONPATH": str(package), **variables})


def succeed(root: Path, *command: str, package: Path = PROJECT) -> str:
    """Run a Python module that must succeed, and return its output."""
    ended = run(root, *command, package=package)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def git(root: Path, *arguments: str) -> str:
    """Run git and return its output."""
    return subprocess.run([*GIT, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def install(folder: Path) -> Path:
    """Copy the package, as an installation does; return the folder that holds it."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("mangagan", "tasks", "flows"):
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    return folder


def make_manga_workspace(root: Path, package: Path = PROJECT) -> Path:
    """Make a workspace with a few drawn pages, and run the stages up to dedup."""
    succeed(root.parent, "mangagan", "init", root.name, package=package)
    draw_manga(root / catalog.SCREENSHOTS.parent, seed=3, pages_per_title=2)
    succeed(root, "dvc", "repro", "dedup", package=package)
    return root


def list_run(output: str) -> list[str]:
    """Return the stages that `dvc repro` ran, without scan, which runs each time."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage '")]
    return [line.split("'")[1] for line in lines if "'scan'" not in line]
