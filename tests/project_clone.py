"""A clone of the project's repository, with a git history of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.dvc_workspace import PROJECT, environment

FILES = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
    "data/.gitignore",
    "data/dataset/.gitignore",
    "data/overrides.csv",
    "data/faces_import/.gitignore",
    "data/screenshots/.gitignore",
    "dvc.yaml",
    "params.yaml",
)
CODE_FOLDERS = ("mangagan", "tasks", "flows")
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")


def clone_project(folder: Path) -> Path:
    """Commit the files of the project to a new repository and return a clone of it."""
    origin, clone = folder / "origin", folder / "clone"
    for name in (*FILES, *CODE_FOLDERS):
        target = origin / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(PROJECT / name, target)
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "The project"]):
        subprocess.run([*GIT, *command], cwd=origin, check=True)
    subprocess.run(["git", "clone", "-q", origin, clone], check=True)
    return clone


def run_in(root: Path, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python module in a clone, with the clone's own code."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=root,
        env=environment(**{"PYTHONPATH": str(root), **variables}),
        capture_output=True,
        text=True,
    )
