"""`mangagan export`: write the dataset in other layouts."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command, require_empty

CARD = "README.md"

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers


def add_commands(subparsers: "Subparsers") -> None:
    """Add `export`."""
    parser = add_command(
        subparsers,
        "export",
        export,
        "write the dataset as PNG files with metadata.csv and a dataset card (layout of Hugging Face's ImageFolder)",
        "mangagan export out/faces",
        f"writes train/, test/ (the hold-out set) and {CARD}, which describes the columns",
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="new or empty folder")


def export(arguments: argparse.Namespace) -> int:
    """Write the faces of the dataset as PNG files, with their metadata and a dataset card."""
    from mangagan.dataset.export import export_faces

    require_empty(arguments.directory)
    count = export_faces(Path(), arguments.directory)
    print(f"{count} faces in {arguments.directory}")
    return 0
