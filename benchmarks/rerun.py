"""`python -m benchmarks.rerun [DIR] --out WORKSPACE`: cost of later runs of the data stages, as shares of a cold run.

It makes a workspace, runs `dvc repro dedup` on 99 % of the screenshots in DIR (or of drawn ones), and then again after
each of these changes: nothing, the last 1 % of the screenshots, a page removed, a title renamed, another
`normalize.margin` and back, another detector and back. For each run it reports the time, the time of each stage that
ran, how many results the stages computed, and whether the outputs of a change that was undone are the same as before.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.machine import describe_machine
from mangagan.core import catalog
from mangagan.core.cache import open_cache
from mangagan.core.parallel import cpu_count
from mangagan.sample.manga import PAGE_SIZES, draw_manga
from mangagan.workspace.create import create_workspace
from tasks.environment import dvc_environment

DATA_STAGES = ("ingest", "detect", "normalize", "dedup")
NEW_SHARE = 0.01
PAGES_PER_TITLE = 24  # of the drawn manga
NOOP_RUNS = 3
UNLIMITED_GB = 1e6  # size of a cache that deletes nothing
BARE_STAGES = "".join(
    f"  s{number}:\n    cmd: cp {source} {number}.txt\n    deps: [{source}]\n    outs: [{number}.txt]\n"
    for number, source in ((1, "0.txt"), (2, "1.txt"), (3, "2.txt"))
)


@dataclass(frozen=True)
class Change:
    """A change of a workspace.

    Attributes:
        name: What is changed.
        apply: Make the change in the workspace.
        undoes: Name of an earlier run whose outputs this change must reproduce. Empty: there is none.
    """

    name: str
    apply: Callable[[Path], object]
    undoes: str = ""


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rerun", description=__doc__)
    parser.add_argument(
        "screenshots", type=Path, nargs="?", metavar="DIR", help="folder of titles (default: draw them)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="WORKSPACE", help="new folder")
    parser.add_argument("--pages", type=int, default=500, help="number of pages to draw (default: 500)")
    parser.add_argument("--quick", action="store_true", help="only a cold run, nothing new, and 1 %% new")
    parser.add_argument("--cascade", type=Path, metavar="FILE", help="model file of the detector lbpcascade")
    parser.add_argument("--executor", default="threads", help="machine.executor (default: threads)")
    arguments = parser.parse_args(argv)
    create_workspace(arguments.out)
    screenshots = arguments.out / catalog.SCREENSHOTS
    if arguments.screenshots:
        shutil.copytree(arguments.screenshots, screenshots, dirs_exist_ok=True)
    else:
        draw_titles(screenshots, arguments.pages)
    set_param(arguments.out, "machine", executor=arguments.executor)
    report = measure(arguments.out, arguments.cascade, arguments.quick)
    print(json.dumps({"machine": describe_machine(), "executor": arguments.executor, **report}))
    return 0


def draw_titles(screenshots: Path, pages: int) -> None:
    """Draw titles of `PAGES_PER_TITLE` pages with different seeds until there are enough pages."""
    for seed in range(-(-pages // (PAGES_PER_TITLE * len(PAGE_SIZES)))):
        folder = screenshots.parent / f"drawn-{seed}"
        draw_manga(folder, seed, PAGES_PER_TITLE, workers=cpu_count())
        for title in PAGE_SIZES:
            (folder / "screenshots" / title).rename(screenshots / f"{title}-{seed}")
        shutil.rmtree(folder)


def measure(root: Path, cascade: Path | None, quick: bool) -> dict[str, Any]:
    """Run the pipeline after each change, and return the figures.

    Args:
        root: The workspace.
        cascade: Model file of the other detector. None: the other detector is `mangaface` at another resolution.
        quick: Make only the first three runs.
    """
    other: dict[str, Any] = {"mangaface": {"long_side": 800}}
    default: dict[str, Any] = {"detector": "mangaface", "mangaface": {"long_side": 896}}
    if cascade:
        other = {"detector": "lbpcascade", "lbpcascade": {"model": str(cascade.resolve())}}
    held_back = hold_back(root)
    files = list(list_screenshots(root))
    first = root / files[0]
    title = root / catalog.SCREENSHOTS / sorted({path.parent.name for path in files})[-1]
    changes = [
        Change("cold", lambda root: None),
        Change("nothing new", lambda root: None, "cold"),
        Change("1 % new", lambda root: put_back(held_back)),
        Change("one page removed", lambda root: first.rename(root / first.name)),
        Change("page put back", lambda root: (root / first.name).rename(first), "1 % new"),
        Change("a title renamed", lambda root: title.rename(title.with_name(f"{title.name}-renamed"))),
        Change("title renamed back", lambda root: title.with_name(f"{title.name}-renamed").rename(title), "1 % new"),
        Change("margin changed", lambda root: set_param(root, "normalize", margin=0.3)),
        Change("margin changed back", lambda root: set_param(root, "normalize", margin=None), "1 % new"),
        Change("another detector", lambda root: set_param(root, "detect", **other)),
        Change("the first detector", lambda root: set_param(root, "detect", **default), "1 % new"),
    ]
    digests: dict[str, str] = {}
    runs: list[dict[str, Any]] = []
    for change in changes[:3] if quick else changes:
        change.apply(root)
        run = run_pipeline(root)
        digests[change.name] = hash_outputs(root)
        run |= {"change": change.name, "of cold": round(run["seconds"] / (runs or [run])[0]["seconds"], 3)}
        if change.undoes:
            run["same outputs"] = digests[change.undoes] == digests[change.name]
        runs.append(run)
        print(json.dumps(run), file=sys.stderr, flush=True)
    return {"files": len(files), "new files": len(held_back), "runs": runs, "no-op": measure_noop(root)}


def list_screenshots(root: Path) -> Iterator[Path]:
    """Yield the screenshots of a workspace, relative to it."""
    for path in sorted((root / catalog.SCREENSHOTS).rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(root)


def hold_back(root: Path) -> dict[Path, Path]:
    """Move about 1 % of the screenshots out of the workspace.

    These are the last pages of the first titles, and the first pages of the last title, which return as a new title.

    Returns:
        Path during the first run → path afterwards.
    """
    by_title: dict[Path, list[Path]] = {}
    for path in list_screenshots(root):
        by_title.setdefault(root / path.parent, []).append(root / path)
    count = max(2, round(NEW_SHARE * sum(map(len, by_title.values()))))
    titles = sorted(by_title)
    chosen = [by_title[title][-1] for title in titles[: count // 2]]
    last = by_title[titles[-1]][: count - len(chosen)]
    moved = {path: path for path in chosen} | {path: path.parent.with_name("new") / path.name for path in last}
    waiting = root / "waiting"
    waiting.mkdir()
    result = {}
    for number, (path, later) in enumerate(moved.items()):
        path.rename(waiting / f"{number}")
        result[waiting / f"{number}"] = later
    return result


def put_back(held_back: dict[Path, Path]) -> None:
    """Move the new screenshots into the workspace."""
    for path, later in held_back.items():
        later.parent.mkdir(exist_ok=True)
        path.rename(later)


def set_param(root: Path, section: str, **values: Any) -> None:
    """Change parameters in params.yaml."""
    yaml = YAML()
    yaml.representer.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    path = root / catalog.PARAMS
    document = yaml.load(path)
    for key, value in values.items():
        if isinstance(value, dict):
            document[section][key].update(value)
        else:
            document[section][key] = value
    yaml.dump(document, path)


def run_pipeline(root: Path) -> dict[str, Any]:
    """Run `dvc repro dedup`. Return its time, and the time and the computed results of each stage that ran."""
    for stage in DATA_STAGES:
        (root / catalog.timing_file(stage)).unlink(missing_ok=True)
    started = time.monotonic()
    run_dvc(root, "repro", "dedup")
    seconds = time.monotonic() - started
    with open_cache(root, "benchmark", UNLIMITED_GB) as cache:
        usage = cache.measure()
    stages = {}
    for stage in DATA_STAGES:
        path = root / catalog.timing_file(stage)
        if path.exists():
            counts = {"from cache": usage[stage].hits, "computed": usage[stage].misses}
            stages[stage] = {"seconds": json.loads(path.read_text())["seconds"], **counts}
    return {"seconds": round(seconds, 1), "stages": stages}


def run_dvc(root: Path, *arguments: str) -> None:
    """Run a command of DVC without its output.

    Raises:
        CalledProcessError: The command failed.
    """
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=root, env=dvc_environment(), check=True, stdout=subprocess.DEVNULL)


def hash_outputs(root: Path) -> str:
    """Return a hash of the names and contents of all outputs of the data stages."""
    digest = hashlib.sha256()
    for stage in DATA_STAGES:
        for out in (*catalog.STAGES[stage].outs, catalog.pictures_dir(stage), catalog.metrics_file(stage)):
            path = root / out
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and file.name != ".gitignore":
                    digest.update(f"{file.relative_to(root)}".encode() + file.read_bytes())
    return digest.hexdigest()


def measure_noop(root: Path) -> dict[str, float]:
    """Return the time of `dvc repro dedup` without a change, and of `dvc repro` in a bare project of three stages."""
    bare = root / "bare"
    bare.mkdir()
    (bare / "0.txt").write_text("0\n")
    (bare / "dvc.yaml").write_text(f"stages:\n{BARE_STAGES}")
    run_dvc(bare, "init", "--subdir", "--quiet")
    run_dvc(bare, "repro")
    times = {
        name: min(time_command(folder, *targets) for _ in range(NOOP_RUNS))
        for name, folder, targets in (("workspace", root, ["dedup"]), ("bare", bare, []))
    }
    return times | {"ratio": round(times["workspace"] / times["bare"], 2)}


def time_command(root: Path, *targets: str) -> float:
    """Return the time of `dvc repro` [s]."""
    started = time.monotonic()
    run_dvc(root, "repro", *targets)
    return round(time.monotonic() - started, 2)


if __name__ == "__main__":
    sys.exit(main())
