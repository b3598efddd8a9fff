"""`mangagan init` and `mangagan upgrade`: make a workspace, and renew it after an update of the package."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import catalog

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers


def add_commands(subparsers: "Subparsers") -> None:
    """Add `init` and `upgrade`."""
    parser = add_command(
        subparsers,
        "init",
        init,
        "make a folder a workspace: dvc.yaml, params.yaml, and a repository of git and DVC",
        "mangagan init my-manga",
        "Existing files are kept. Nothing is committed.",
    )
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="new or existing folder; . is the working directory"
    )
    add_command(
        subparsers,
        "upgrade",
        upgrade,
        "renew code.yaml and dvc.yaml after an update of mangagan, and say which stages are out of date",
        "mangagan upgrade",
        "Run this in a workspace. No stage is run, and params.yaml is not changed.",
    )


def init(arguments: argparse.Namespace) -> int:
    """Make a workspace and print the next commands."""
    from mangagan.workspace.create import create_workspace

    directory: Path = arguments.directory.expanduser()
    for note in create_workspace(directory):
        print(note)
    print(f"Workspace in {directory.resolve()}. Put screenshots, scans or e-books into a folder for each title:")
    print(f"    {directory / catalog.SCREENSHOTS / '<title>'}\nNext:")
    if directory.resolve() != Path.cwd():
        print(f"    cd {shlex.quote(str(directory))}")
    print("    dvc repro        # or: mangagan run\n    git add --all && git commit -m 'First run'")
    return 0


def upgrade(arguments: argparse.Namespace) -> int:
    """Renew the workspace in the working directory."""
    from mangagan.workspace.upgrade import upgrade_workspace

    for line in upgrade_workspace():
        print(line)
    return 0
