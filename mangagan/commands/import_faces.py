"""`mangagan import`: copy crops of faces into the workspace."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import catalog, params

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers

MAX_LINES = 20  # of files that are not copied


def add_commands(subparsers: "Subparsers") -> None:
    """Add `import`."""
    parser = add_command(
        subparsers,
        "import",
        import_faces,
        f"copy crops of faces that you have into {catalog.FACES_IMPORT}/<title>",
        "mangagan import ~/faces --title my-faces",
        "The pictures may have any size and format. Then run `dvc repro`. The source is never changed.\n"
        "settings: section `import_faces` of params.yaml",
    )
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="folder (also ImageFolder of Hugging Face, and the output of `mangagan export`), archive or picture",
    )
    parser.add_argument("--title", help="name of the faces in the dataset (default: the name of the source)")
    parser.add_argument("--replace", action="store_true", help="replace the files of a title that exists")
    parser.add_argument(
        "--link", action="store_true", help="make hard links, not copies: no space needed, but do not edit the files"
    )


def import_faces(arguments: argparse.Namespace) -> int:
    """Copy the files of a source into the folder of imported faces."""
    from mangagan.core.errors import UserError
    from mangagan.importing import copying
    from mangagan.ingestion.params import IngestParams

    limits = params.load("ingest", IngestParams).limits
    copying.check_place(arguments.source, catalog.FACES_IMPORT)
    files = copying.list_files(arguments.source, limits)
    title = copying.choose_title(arguments.source, arguments.title)
    target = catalog.FACES_IMPORT / title
    for line in copying.describe_skipped(files.skipped, MAX_LINES):
        print(f"mangagan: {line}", file=sys.stderr)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UserError(f"{target} is not a folder. Move it away, or choose another title with --title")
    if target.exists() and copying.has_same_files(target, files):
        print(f"{target} has these {len(files.copied)} files already. Next: dvc repro")
        return 0
    if target.exists() and not arguments.replace:
        advice = "Choose another title with --title, or replace its files with --replace"
        raise UserError(f"{target} exists and has other files. {advice}")
    links = copying.copy_files(files, target, arguments.link)
    linked = f" ({links} hard links)" if links else ""
    print(f"{len(files.copied)} files copied to {target}{linked}. Next: dvc repro")
    return 0
