"""`mangagan run`, `inspect`, `compare`: run the pipeline, and show what it produced."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command, non_negative_int, require_empty
from mangagan.core import catalog

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers

EXAMPLES = 5  # of each kind of rejected files
JSON_KEYS = """\
--json prints an object with the same content:
  titles         title → pages, pages_with_faces, faces, kept, train, holdout, and dropped: reason → faces
  total          the same counts for all titles
  changed_pages  change → pages, for example of trimmed bars
  merged_pages   pages that were in several files
  rejected       count, and kinds: a list of kind, count, and files (a list of source and reason)"""


def add_commands(subparsers: "Subparsers") -> None:
    """Add `run`, `inspect` and `compare`."""
    parser = add_command(
        subparsers, "run", run_pipeline, "run the stages that are out of date, as a Prefect flow", "mangagan run dedup"
    )
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help="stages to run, with the stages before them (default: all)"
    )

    parser = add_command(
        subparsers,
        "inspect",
        inspect,
        "print the pages, kept faces and dropped faces of each title, and the rejected files by reason",
        "mangagan inspect",
        JSON_KEYS,
    )
    parser.add_argument("--all", action="store_true", help=f"print all rejected files (default: {EXAMPLES} per kind)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")

    parser = add_command(
        subparsers, "compare", compare, "compare the metrics and faces of two runs", "mangagan compare main exp-wide"
    )
    parser.add_argument(
        "first",
        metavar="REV1",
        help="first run: commit, branch, tag, DVC experiment, or `workspace` (the files in the folder)",
    )
    parser.add_argument(
        "second", metavar="REV2", nargs="?", default="workspace", help="second run (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="new or empty folder (default: out/compare-REV1-REV2)")
    parser.add_argument(
        "--seed", type=non_negative_int, default=0, help="seed of the latents of both models (default: %(default)s)"
    )


def run_pipeline(arguments: argparse.Namespace) -> int:
    """Run the Prefect flow of the workspace."""
    # The console script does not search the working directory. In a clone of the project, that has the flow.
    if (Path.cwd() / "flows/pipeline.py").is_file():
        sys.path.insert(0, str(Path.cwd()))
    from flows.pipeline import main

    return int(main(arguments.stages))


def inspect(arguments: argparse.Namespace) -> int:
    """Print a table of pages and faces by title, and the rejected files by kind; as text or as JSON."""
    import json

    from mangagan.commands.inspection import collect, format_lines
    from mangagan.dataset.manifest import read_manifest
    from mangagan.pages.table import read_pages

    pages, manifest = read_pages(catalog.PAGES_TABLE), read_manifest(catalog.MANIFEST)
    overview = collect(pages, manifest, None if arguments.all else EXAMPLES)
    for line in [json.dumps(overview, indent=2)] if arguments.json else format_lines(overview):
        print(line)
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """Compare two recorded runs."""
    from tasks.compare import choose_folder, compare_runs

    names = (arguments.first, arguments.second)
    folder = arguments.out or choose_folder(names)
    require_empty(folder)
    compare_runs(names, folder, arguments.seed)
    return 0
