"""`mangagan ingest`, `detect`, `normalize`, `dedup`, `train`, `evaluate`: run one stage of the pipeline."""

import argparse
import importlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import catalog

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers


def add_commands(subparsers: "Subparsers") -> None:
    """Add one command for each stage."""
    for name, stage in catalog.STAGES.items():
        details = (
            f"settings: section `{name}` of {catalog.PARAMS}\n"
            f"writes:   {', '.join(map(str, list_outputs(name)))}\n\n"
            f"This command runs this stage only, even if it is up to date. `dvc repro {name}` also runs the stages\n"
            "before it, and skips the stages that are up to date."
        )
        add_command(subparsers, name, run_stage, stage.summary, f"mangagan {name}", details)
    add_scan(subparsers)


def add_scan(subparsers: "Subparsers") -> None:
    """Add `scan`, the first step of `dvc repro`."""
    parser = add_command(
        subparsers,
        "scan",
        scan,
        f"screenshots → {catalog.SCREENSHOT_LIST}, the list of files by which DVC notices changes",
        f"mangagan scan {catalog.SCREENSHOTS}",
        "`dvc repro` runs this command each time. Files that were not changed are not read again.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="`ingest.screenshots` of params.yaml")


def list_outputs(stage: str) -> list[Path]:
    """Return the files and folders that a stage writes."""
    return [*catalog.STAGES[stage].outs, catalog.pictures_dir(stage), catalog.metrics_file(stage)]


def scan(arguments: argparse.Namespace) -> int:
    """Write the list of the screenshots."""
    from mangagan.core.files import write_text
    from mangagan.ingestion.scan import HashCache, make_screenshot_list
    from mangagan.process import die_with_parent, is_dvc_stage
    from mangagan.readers.files import list_entries

    if is_dvc_stage():
        die_with_parent()
    cache = HashCache(catalog.FILE_HASHES)
    text = make_screenshot_list(list_entries(arguments.folder, []), cache)
    cache.save()
    write_text(catalog.SCREENSHOT_LIST, text)
    return 0


def run_stage(arguments: argparse.Namespace) -> int:
    """Run one stage in the working directory."""
    from mangagan.process import die_with_parent, is_dvc_stage

    if is_dvc_stage():
        die_with_parent()
    started = time.monotonic()
    importlib.import_module(f"mangagan.stages.{arguments.command}").run()
    write_duration(arguments.command, time.monotonic() - started)
    return 0


def write_duration(stage: str, seconds: float) -> None:
    """Write the duration of a stage for the report, outside the DVC outs: these must not depend on the speed."""
    from mangagan.core.files import write_json

    write_json(catalog.timing_file(stage), {"seconds": round(seconds, 1)})
