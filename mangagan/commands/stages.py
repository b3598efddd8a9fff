"""`mangagan ingest`, `detect`, `normalize`, `import_faces`, `dedup`, `train`, `evaluate`: run one stage."""

import argparse
import fcntl
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from mangagan.commands.arguments import add_command
from mangagan.core import catalog

if TYPE_CHECKING:
    from mangagan.commands.arguments import Subparsers

# The dataclass of each section of params.yaml. Imported by name, because that of `train` takes two seconds.
PARAMS_CLASSES = {
    "ingest": "mangagan.ingestion.params.IngestParams",
    "detect": "mangagan.detection.registry.DetectParams",
    "normalize": "mangagan.faces.normalize.NormalizeParams",
    "import_faces": "mangagan.importing.params.ImportParams",
    "dedup": "mangagan.dataset.dedup.DedupParams",
    "train": "mangagan.gan.config.TrainConfig",
    "evaluate": "mangagan.metrics.params.EvaluateParams",
    "machine": "mangagan.core.machine.MachineParams",
}


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
        f"screenshots and imported faces → {catalog.SCREENSHOT_LIST} and {catalog.IMPORT_LIST}, which DVC watches",
        f"mangagan scan {catalog.SCREENSHOTS}",
        "`dvc repro` runs this command each time. Unchanged files are not read again.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder `ingest.screenshots` of params.yaml")


def list_outputs(stage: str) -> list[Path]:
    """Return the files and folders that a stage writes."""
    return [*catalog.STAGES[stage].outs, catalog.pictures_dir(stage), catalog.metrics_file(stage)]


def scan(arguments: argparse.Namespace) -> int:
    """Write the lists of the screenshots and of the imported faces."""
    from mangagan.ingestion.scan import write_lists
    from mangagan.process import die_with_parent, is_dvc_stage
    from mangagan.workspace.code_file import check_code

    if is_dvc_stage():
        die_with_parent()
    check_code()
    check_params()
    check_overrides()
    for line in write_lists(arguments.folder.expanduser()):
        print(f"mangagan: {line}", file=sys.stderr)
    return 0


def check_params() -> None:
    """Check all sections of params.yaml, unless this file was checked before.

    DVC deletes the outputs of a stage before it runs the stage, so that a typo would cost them. `scan` runs first.

    Raises:
        UserError: A section is invalid.
    """
    from mangagan.core import params
    from mangagan.core.files import sha256_file, write_text
    from mangagan.workspace.code_file import hash_installed_files

    # Another version of the package knows other keys.
    digest = sha256_file(catalog.PARAMS) + hash_installed_files() if catalog.PARAMS.is_file() else ""
    if catalog.CHECKED_PARAMS.is_file() and catalog.CHECKED_PARAMS.read_text() == digest:
        return
    for section, place in PARAMS_CLASSES.items():
        module, _, name = place.rpartition(".")
        params.load(section, getattr(importlib.import_module(module), name))
    write_text(catalog.CHECKED_PARAMS, digest)


def check_overrides() -> None:
    """Check the decisions of the user, for the same reason as `check_params`. DVC reports a missing file.

    Raises:
        UserError: A line cannot be read.
    """
    from mangagan.dataset.overrides_file import read_overrides

    if catalog.OVERRIDES.is_file():
        read_overrides(catalog.OVERRIDES)


def run_stage(arguments: argparse.Namespace) -> int:
    """Run one stage in the working directory."""
    from mangagan.process import die_with_parent, is_dvc_stage
    from mangagan.workspace.code_file import check_code

    # Temporary folders of unpacked archives are deleted on the way out. Training replaces the handler by its own.
    signal.signal(signal.SIGTERM, exit_on_signal)
    if is_dvc_stage():
        die_with_parent()
    check_code(arguments.command)
    with lock_stage(arguments.command):
        started = time.monotonic()
        importlib.import_module(f"mangagan.stages.{arguments.command}").run()
        write_duration(arguments.command, time.monotonic() - started)
    return 0


def exit_on_signal(number: int, frame: FrameType | None) -> NoReturn:
    """End the process with the exit status of a signal."""
    sys.exit(128 + number)


@contextmanager
def lock_stage(stage: str) -> Iterator[None]:
    """Hold the lock of a stage in the working directory, and wait for it while another process holds it.

    Two processes would mix their outputs, and DVC locks only its own runs. The system releases the lock of a process
    that is killed.
    """
    is_follower = int(os.environ.get("RANK", "0")) > 0  # of torchrun: the first process holds the lock for all
    if is_follower or not catalog.PAGES_DIR.parent.is_dir():  # leave nothing behind where there is no workspace
        yield
        return
    path = catalog.STATE / f"{stage}.lock"
    with ExitStack() as stack:
        with suppress(OSError):  # a network disk without locks; a disk that is not writable is reported by the stage
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"mangagan: waiting for another `mangagan {stage}` in this folder", file=sys.stderr, flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_duration(stage: str, seconds: float) -> None:
    """Write the duration of a stage for the report, outside the DVC outs: these must not depend on the speed."""
    from mangagan.core.files import write_json

    write_json(catalog.timing_file(stage), {"seconds": round(seconds, 1)})
