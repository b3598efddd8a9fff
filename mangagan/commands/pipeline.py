"""`mangagan run`, `inspect`, `compare`: run the pipeline, and show what it produced."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command, non_negative_int, require_empty
from mangagan.core import catalog

if TYPE_CHECKING:
    import pandas as pd

    from mangagan.commands.arguments import Subparsers

EXAMPLES = 5  # of each kind of rejected files


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
    )
    parser.add_argument("--all", action="store_true", help=f"print all rejected files (default: {EXAMPLES} per kind)")

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
    # The console script does not search the working directory, which holds the flows of a workspace such as demo/.
    sys.path.insert(0, str(Path.cwd()))
    from flows.pipeline import main

    return int(main(arguments.stages))


def inspect(arguments: argparse.Namespace) -> int:
    """Print a table of pages and faces by title, and the rejected files by kind."""
    import pandas as pd

    from mangagan.dataset.manifest import read_manifest, summarize
    from mangagan.pages.table import read_pages

    pages = read_pages(catalog.PAGES_TABLE)
    summary = summarize(read_manifest(catalog.MANIFEST))
    page_counts = pages[pages["reason"] == ""].groupby("title").size()
    table = page_counts.rename("pages").to_frame().join(summary).fillna(0).astype(int)
    totals = pd.DataFrame([table.sum()], index=[f"all {len(table)} titles"])
    print(pd.concat([table, totals]).to_string())
    print_changes(pages)
    print_rejected(pages, arguments.all)
    return 0


def print_changes(pages: "pd.DataFrame") -> None:
    """Print how many pages were trimmed, split, cut or joined, and how many files were merged into a page."""
    from mangagan.ingestion.reasons import find_change_kind

    kept = pages[pages["reason"] == ""]
    changed = kept["change"][kept["change"] != ""].map(find_change_kind).value_counts()
    for change, count in changed.items():
        print(f"{count} pages: {change}")
    merged = kept[(kept["sources"].map(len) > 1) & ~kept["change"].str.contains("slices")]
    if len(merged):
        print(f"{len(merged)} pages were in several files: exact duplicates or re-taken screenshots")


def print_rejected(pages: "pd.DataFrame", every: bool) -> None:
    """Print the rejected files by kind of reason.

    Args:
        pages: The table of pages.
        every: Print all files. False: at most EXAMPLES of each kind.
    """
    from mangagan.ingestion.reasons import find_kind

    rejected = pages[pages["reason"] != ""]
    if rejected.empty:
        return
    print(f"\n{len(rejected)} rejected files:")
    groups = sorted(rejected.groupby(rejected["reason"].map(find_kind)), key=lambda group: -len(group[1]))
    for kind, group in groups:
        print(f"  {kind}: {len(group)}")
        for row in group.head(len(group) if every else EXAMPLES).itertuples():
            print(f"    {row.source}: {row.reason}")
        if not every and len(group) > EXAMPLES:
            print(f"    and {len(group) - EXAMPLES} more. All: mangagan inspect --all")


def compare(arguments: argparse.Namespace) -> int:
    """Compare two recorded runs."""
    from tasks.compare import choose_folder, compare_runs

    names = (arguments.first, arguments.second)
    folder = arguments.out or choose_folder(names)
    require_empty(folder)
    compare_runs(names, folder, arguments.seed)
    return 0
