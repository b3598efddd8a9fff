"""A fresh clone of the project: the first commands of a user."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.import_files import write_crops
from tests.project_clone import GIT, clone_project, run_in

NO_SCREENSHOTS = "no screenshots in data/screenshots. Put images"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return clone_project(tmp_path)


def git(root: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def add_screenshot(root: Path) -> None:
    (root / "data/screenshots/title").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (400, 300), np.uint8)
    Image.fromarray(noise).save(root / "data/screenshots/title/1.png")


def test_dvc_repro_without_screenshots_says_what_to_do(clone: Path) -> None:
    ended = run_in(clone, "dvc", "repro")
    assert ended.returncode != 0
    lines = (ended.stdout + ended.stderr).splitlines()
    (line,) = (line for line in lines if line.startswith(f"mangagan: {NO_SCREENSHOTS}"))
    assert line.endswith("into data/screenshots/<title>/, or import faces that you have: mangagan import DIR")
    assert not any("Errno" in line or "Traceback" in line for line in lines)
    assert not (clone / "data/pages").exists()


def test_input_files_stay_out_of_git_and_the_placeholder_out_of_dvc(clone: Path) -> None:
    add_screenshot(clone)
    write_crops(clone / "data/faces_import/title", "1.png")
    assert git(clone, "status", "--short") == ""
    ended = run_in(clone, "dvc", "repro", "ingest")
    assert ended.returncode == 0, ended.stderr
    assert "ingest: 1 image" in ended.stdout + ended.stderr
    (clone / "data/screenshots/.gitignore").unlink()
    assert "up to date" in run_in(clone, "dvc", "status", "ingest").stdout


def test_screenshots_can_be_versioned_with_dvc(clone: Path) -> None:
    add_screenshot(clone)
    git(clone, "rm", "--cached", "-q", "data/screenshots/.gitignore")
    ended = run_in(clone, "dvc", "add", "data/screenshots")
    assert ended.returncode == 0, ended.stderr
    assert (clone / "data/screenshots.dvc").is_file()
    assert "nfiles: 1\n" in (clone / "data/screenshots.dvc").read_text()
    git(clone, "add", "--all")
    assert "data/screenshots/" not in git(clone, "ls-files")
    assert run_in(clone, "dvc", "repro", "ingest").returncode == 0


def test_pulled_faces_are_used_on_a_machine_without_the_imported_files(clone: Path, tmp_path: Path) -> None:
    write_crops(clone / "data/faces_import/title", "1.png", "2.png")
    stages = ["scan", "ingest", "import_faces"]
    for command in (
        ["repro", *stages[1:]],
        ["remote", "add", "--default", "store", str(tmp_path / "store")],
        ["push", *stages],
    ):
        assert run_in(clone, "dvc", *command).returncode == 0
    git(clone, "add", "--all")
    git(clone, "commit", "-qm", "The first run")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(clone), str(other))
    assert run_in(other, "dvc", "pull", *stages).returncode == 0
    ended = run_in(other, "dvc", "repro", *stages[1:])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    line = "no files in data/faces_import. Until then the imported faces of the last run are used"
    assert line in ended.stderr
    assert ended.stdout.count("didn't change, skipping") == 2
    assert (other / "data/imported/title.parquet").is_file()

    write_crops(other / "data/faces_import/mine", "3.png")
    assert run_in(other, "dvc", "repro", "import_faces").returncode == 0
    assert [path.name for path in (other / "data/imported").iterdir()] == ["mine.parquet"]
    shutil.rmtree(other / "data/faces_import/mine")
    assert NO_SCREENSHOTS in run_in(other, "dvc", "repro", "import_faces").stderr


def test_pulled_pages_are_used_on_a_machine_without_screenshots(clone: Path, tmp_path: Path) -> None:
    add_screenshot(clone)
    for command in (
        ["repro", "ingest"],
        ["remote", "add", "--default", "store", str(tmp_path / "store")],
        ["push", "scan", "ingest"],
    ):
        assert run_in(clone, "dvc", *command).returncode == 0
    git(clone, "add", "--all")
    git(clone, "commit", "-qm", "The first run")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(clone), str(other))
    assert run_in(other, "dvc", "pull", "scan", "ingest").returncode == 0
    ended = run_in(other, "dvc", "repro", "ingest")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{NO_SCREENSHOTS}" in ended.stderr
    assert "the pages of the last run are used" in ended.stderr
    assert "Stage 'ingest' didn't change, skipping" in ended.stdout
    assert (other / "data/pages/title.cbz").is_file()

    (clone / "data/screenshots/title/1.png").unlink()  # a machine that had screenshots: the disk may be missing
    assert NO_SCREENSHOTS in run_in(clone, "dvc", "repro", "ingest").stderr
    assert (clone / "data/screenshots.csv").is_file()
