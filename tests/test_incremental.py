"""Later runs of the data stages compute only what is new; their outputs are those of a run without a cache."""

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image, ImageOps
from ruamel.yaml import YAML

from mangagan.core import catalog
from mangagan.core.cache import Usage, delete_cache
from mangagan.sample.manga import draw_manga
from mangagan.stages import dedup, detect, ingest, normalize
from tests.cache_entries import damage_entries, read_usage
from tests.paths import PROJECT

STAGES = {"ingest": ingest, "detect": detect, "normalize": normalize, "dedup": dedup}
HARBOR, MOON, SUNNY = "harbor_lights", "paper_moon", "sunny_side"


def run_all(root: Path) -> dict[str, str]:
    """Run the data stages; return the hash of each output file."""
    for stage in STAGES.values():
        stage.run(root)
    return hash_outputs(root)


def hash_outputs(root: Path) -> dict[str, str]:
    """Return the hash of each output file of the data stages."""
    hashes = {}
    for stage in STAGES:
        for out in (*catalog.STAGES[stage].outs, catalog.pictures_dir(stage), catalog.metrics_file(stage)):
            files = sorted((root / out).rglob("*")) if (root / out).is_dir() else [root / out]
            for file in files:
                if file.is_file():
                    hashes[str(file.relative_to(root))] = hashlib.sha256(file.read_bytes()).hexdigest()
    return hashes


def run_without_cache(root: Path, folder: Path) -> dict[str, str]:
    """Return the hashes of a workspace with the same screenshots and parameters, without a cache."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    shutil.copytree(root / catalog.SCREENSHOTS, folder / catalog.SCREENSHOTS)
    shutil.copy(root / catalog.OVERRIDES, folder / catalog.OVERRIDES)
    shutil.copy(root / catalog.PARAMS, folder)
    set_param(folder, "machine", "cache_gb", 0)
    return run_all(folder)


def set_param(root: Path, section: str, key: str, value: object) -> None:
    yaml = YAML()
    document = yaml.load(root / catalog.PARAMS)
    document[section][key] = value
    yaml.dump(document, root / catalog.PARAMS)


def computed(root: Path) -> dict[str, int]:
    """Return the number of results that the last run of each stage computed."""
    return {stage: usage.misses for stage, usage in read_usage(root).items() if stage in STAGES}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three drawn titles after a run of the data stages."""
    root = tmp_path_factory.mktemp("first")
    draw_manga(root / "data", seed=5, pages_per_title=4)
    Image.fromarray(np.full((500, 400), 90, np.uint8)).save(root / catalog.SCREENSHOTS / "loose.png")
    shutil.copy(PROJECT / "params.yaml", root)
    shutil.copy(PROJECT / "data" / "overrides.csv", root / "data")
    set_param(root, "detect", "mangaface", {"scales": [1.0], "long_side": 640})  # faster
    run_all(root)
    return root


@pytest.fixture
def root(first: Path, tmp_path: Path) -> Path:
    """Return a copy of the workspace, so that a test can change it."""
    return Path(shutil.copytree(first, tmp_path / "copy"))


def test_the_cache_changes_no_output(root: Path, tmp_path: Path) -> None:
    expected = run_without_cache(root, tmp_path / "other")
    assert hash_outputs(root) == expected  # of the first run
    assert run_all(root) == expected
    assert computed(root) == dict.fromkeys(STAGES, 0)
    assert damage_entries(root) > 100
    assert run_all(root) == expected
    assert min(computed(root).values()) > 0
    delete_cache(root / catalog.CACHE)
    assert run_all(root) == expected


@pytest.mark.parametrize("files", ["", "shared", "sent"])
def test_the_executor_changes_no_output(root: Path, files: str) -> None:
    expected = hash_outputs(root)
    set_param(root, "machine", "executor", "dask" if files else "processes")
    set_param(root, "machine", "files", files or "shared")
    delete_cache(root / catalog.CACHE)
    for stage in STAGES:
        assert start_stage(root, stage).wait() == 0
    assert hash_outputs(root) == expected


def test_a_killed_dask_worker_changes_no_output(root: Path) -> None:
    expected = hash_outputs(root)
    set_param(root, "machine", "executor", "dask")
    delete_cache(root / catalog.CACHE)
    process = start_stage(root, "detect")
    assert kill_busy_child(process)
    assert process.wait() == 0
    assert hash_outputs(root) == expected


def kill_busy_child(process: "subprocess.Popen[bytes]") -> bool:
    """Kill a worker of a process when it has imported the libraries. Return False if the process ended before."""
    while process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any("torch" in file.path for file in child.memory_maps()):
                    child.kill()
                    return True
        time.sleep(0.05)
    return False


def mirror_page(root: Path) -> None:
    """Add a page to an existing title, and one as a new title."""
    source = root / catalog.SCREENSHOTS / HARBOR / "002.png"
    mirrored = ImageOps.mirror(Image.open(source))
    mirrored.save(source.with_name("900.png"))
    (root / catalog.SCREENSHOTS / "a new title").mkdir()
    ImageOps.flip(mirrored).save(root / catalog.SCREENSHOTS / "a new title" / "1.png")


def remove_page(root: Path) -> None:
    (root / catalog.SCREENSHOTS / HARBOR / "002.png").unlink()


def rename_title(root: Path) -> None:
    (root / catalog.SCREENSHOTS / MOON).rename(root / catalog.SCREENSHOTS / "another name")


def copy_page_to_earlier_title(root: Path) -> None:
    """Copy a page: the title that had it loses it to a title that comes before."""
    (root / catalog.SCREENSHOTS / "a").mkdir()
    shutil.copy(root / catalog.SCREENSHOTS / HARBOR / "002.png", root / catalog.SCREENSHOTS / "a" / "1.png")


def copy_retaken_page(root: Path) -> None:
    """Copy a page and two files that show it again to an earlier title: all are merged into one record there."""
    source, folder = root / catalog.SCREENSHOTS / HARBOR / "002.png", root / catalog.SCREENSHOTS / "a"
    folder.mkdir()
    shutil.copy(source, folder / "1.png")
    Image.open(source).convert("L").save(folder / "2.jpg", quality=70)
    for number, name in enumerate(["1.png", "2.jpg", "1.png"]):
        shutil.copy(folder / name, source.with_name(f"80{number}{Path(name).suffix}"))


def replace_loose_file(root: Path) -> None:
    """Replace an image that is rejected because it is not in the folder of a title."""
    Image.fromarray(np.full((700, 600), 90, np.uint8)).save(root / catalog.SCREENSHOTS / "loose.png")


def add_rejected_files(root: Path) -> None:
    """Add a title of many small images before the others: their thumbnails fill the contact sheet."""
    folder = root / catalog.SCREENSHOTS / "a"
    folder.mkdir()
    for number in range(70):
        Image.fromarray(np.full((40, 40), number, np.uint8)).save(folder / f"{number}.png")


@pytest.mark.parametrize(
    ("change", "most"),
    [
        # ingest: a title and an image for each file, pictures for the contact sheet; normalize: files and crops.
        (mirror_page, {"ingest": 6, "detect": 4, "normalize": 4, "dedup": 60}),
        (remove_page, {"ingest": 1, "detect": 0, "normalize": 1, "dedup": 4}),
        (rename_title, {"ingest": 1, "detect": 0, "normalize": 1, "dedup": 4}),
        (copy_page_to_earlier_title, {"ingest": 3, "detect": 0, "normalize": 2, "dedup": 4}),
        (copy_retaken_page, {"ingest": 8, "detect": 2, "normalize": 4, "dedup": 60}),
        (replace_loose_file, {"ingest": 2, "detect": 0, "normalize": 0, "dedup": 0}),
        (add_rejected_files, {"ingest": 71, "detect": 0, "normalize": 0, "dedup": 0}),
    ],
)
def test_a_change_computes_only_what_is_new(
    root: Path, tmp_path: Path, change: Callable[[Path], None], most: dict[str, int]
) -> None:
    before = hash_outputs(root)
    change(root)
    changed = run_all(root)
    counts = computed(root)
    assert changed == run_without_cache(root, tmp_path / "other")
    assert changed != before
    assert run_all(root) == changed
    assert computed(root) == dict.fromkeys(STAGES, 0)
    assert {stage: counts[stage] for stage in STAGES if counts[stage] > most[stage]} == {}


def test_other_settings_and_back(root: Path, tmp_path: Path) -> None:
    before = hash_outputs(root)
    set_param(root, "normalize", "margin", 0.3)
    assert run_all(root) == run_without_cache(root, tmp_path / "other") != before
    assert [computed(root)[stage] for stage in ("ingest", "detect")] == [0, 0]
    set_param(root, "normalize", "margin", None)
    assert run_all(root) == before
    assert computed(root) == dict.fromkeys(STAGES, 0)


def test_an_output_that_was_edited_in_place_is_made_again(root: Path) -> None:
    before = hash_outputs(root)
    for path in [*(root / catalog.PAGES_DIR).iterdir(), *(root / catalog.FACES_DIR).iterdir()]:
        time.sleep(0.01)
        with path.open("r+b") as file:
            file.write(b"changed")
    assert run_all(root) == before


def start_stage(root: Path, stage: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "mangagan", stage]
    return subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.DEVNULL)


def test_killed_runs_leave_nothing_wrong(root: Path) -> None:
    expected, rng = hash_outputs(root), random.Random(0)
    for stage in ("ingest", "detect", "normalize", "dedup"):
        delete_cache(root / catalog.CACHE)
        for _ in range(2):
            process = start_stage(root, stage)
            time.sleep(rng.uniform(0.5, 4))
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert start_stage(root, stage).wait() == 0
        assert hash_outputs(root) == expected


def test_command_shows_and_clears_the_cache(root: Path) -> None:
    def show(*arguments: str) -> str:
        command = [sys.executable, "-m", "mangagan", "cache", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True).stdout

    lines = show().splitlines()
    assert [line.split()[0] for line in lines] == ["stage", "dedup", "detect", "ingest", "normalize", "total"]
    usage = read_usage(root)["detect"]
    assert lines[2].split() == ["detect", str(usage.entries), *f"{usage.size / 1e6:.1f} MB 0 / {usage.misses}".split()]
    assert show("--clear") == f"{catalog.CACHE} is empty\n"
    assert not (root / catalog.CACHE).exists()
    assert read_usage(root).get("detect", Usage()) == Usage()
