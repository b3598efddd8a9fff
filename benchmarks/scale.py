"""`python -m benchmarks.scale DIR --out FOLDER`: speed and memory of the data stages by executor and number of pages.

It makes a workspace of N pages for each N of `--pages`, runs each data stage without a cache, and reports pages per
second and the peak memory: of the main process of the stage, and of the main process with all workers. If DIR has
fewer than N pages, shifted copies are added as further titles.
"""

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.rerun import DATA_STAGES, set_param
from mangagan.core import catalog
from mangagan.core.parallel import cpu_count, map_ordered
from mangagan.workspace.create import create_workspace
from tasks.environment import dvc_environment

POLL_S = 0.1  # interval of the measurements of memory
SHIFT = 17  # of the first copy [px]


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("screenshots", type=Path, metavar="DIR", help="folder of titles")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new folder for the workspaces")
    parser.add_argument("--pages", type=int, nargs="+", default=[500], help="numbers of pages (default: 500)")
    parser.add_argument("--executors", nargs="+", default=["threads"], help="machine.executor (default: threads)")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[cpu_count()], help="machine.workers (default: cores)"
    )
    parser.add_argument("--stages", nargs="+", default=list(DATA_STAGES), help="stages to measure (default: all)")
    arguments = parser.parse_args(argv)
    runs = []
    for count in arguments.pages:
        root = arguments.out / f"{count}-pages"
        create_workspace(root)
        copy_pages(arguments.screenshots, root / catalog.SCREENSHOTS, count)
        run_command(root, "scan", str(catalog.SCREENSHOTS))
        for executor in arguments.executors:
            for workers in arguments.workers:
                set_param(root, "machine", executor=executor, workers=workers, cache_gb=0)
                for stage in DATA_STAGES:
                    figures = run_command(root, stage)
                    if stage in arguments.stages:
                        run = {"pages": count, "executor": executor, "workers": workers, "stage": stage, **figures}
                        run["pages per s"] = round(count / figures["seconds"], 2)
                        runs.append(run)
                        print(json.dumps(run), file=sys.stderr, flush=True)
    print(json.dumps({"machine": describe_machine(), "runs": runs}))
    return 0


def copy_pages(source: Path, target: Path, count: int) -> None:
    """Copy `count` pages, title by title. If the source has fewer, add shifted copies."""
    files = [path for path in sorted(source.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    jobs = []
    for number in range(count):
        path, copy = files[number % len(files)], number // len(files)
        title = path.parent.name + f"-shifted-{copy}" * bool(copy)
        jobs.append((path, target / title / path.name, copy * SHIFT))
    list(map_ordered(copy_page, jobs))


def copy_page(job: tuple[Path, Path, int]) -> None:
    """Copy one file, shifted by some pixels; a file that is no image is copied as it is.

    Args:
        job: Source, target and shift [px].
    """
    source, target, shift = job
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Image.open(source) as image:
            pixels = np.asarray(image.convert("L" if image.mode == "L" else "RGB"))
    except OSError:
        shift = 0
    if shift:
        Image.fromarray(np.roll(pixels, shift, axis=1)).save(target.with_name(f"{target.name}.jpg"), quality=92)
    else:
        shutil.copyfile(source, target)


def run_command(root: Path, stage: str, *arguments: str) -> dict[str, Any]:
    """Run a command of mangagan, such as a stage. Return its time [s] and peak memory [MB].

    Raises:
        CalledProcessError: The stage failed.
    """
    command = [sys.executable, "-m", "mangagan", stage, *arguments]
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=root, env=dvc_environment(), stderr=subprocess.DEVNULL)
    peaks = {"process": 0, "all": 0}
    watcher = threading.Thread(target=watch_memory, args=(psutil.Process(process.pid), peaks))
    watcher.start()
    status = process.wait()
    seconds = time.monotonic() - started
    watcher.join()
    if status:
        raise subprocess.CalledProcessError(status, command)
    return {"seconds": round(seconds, 1), **{f"peak MB ({name})": round(peak / 1e6) for name, peak in peaks.items()}}


def watch_memory(process: psutil.Process, peaks: dict[str, int]) -> None:
    """Record the peak memory of a process, alone and including its descendants, until it ends."""
    while process.is_running():
        try:
            own = process.memory_info().rss
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            total = own + sum(child.memory_info().rss for child in process.children(recursive=True))
        except psutil.Error:
            time.sleep(POLL_S)
            continue
        peaks["process"], peaks["all"] = max(peaks["process"], own), max(peaks["all"], total)
        time.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(main())
