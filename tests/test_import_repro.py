"""`dvc repro` with imported faces and without screenshots: from two commands to the report, and what runs again."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from mangagan.core import catalog
from mangagan.faces.table import read_faces
from tests.import_files import draw_crop, encode, write_files
from tests.project_clone import clone_project, run_in

# A generator of 28 px and few samples: the test is about the stages, not about the result.
PARAMS = {
    "normalize": {"size": 28},
    "dedup": {"holdout_share": 0.3},
    "import_faces": {"group": "^([ab])/"},
    "train": {
        "kimg": 0.1,
        "log_kimg": 0.05,
        "snapshot_kimg": 1,
        "checkpoint_kimg": 1,
        "base_channels": 4,
        "z_dim": 8,
        "batch_size": 4,
        "device": "cpu",
        "threads": 1,
    },
    "evaluate": {"samples": 24, "face_samples": 8, "repeats": 2, "swd_patches": 4, "swd_directions": 8},
}
ALL = [*catalog.STAGES]
AFTER_IMPORT = ["import_faces", "dedup", "train", "evaluate"]


def repro(root: Path) -> tuple[list[str], str]:
    """Run `dvc repro` and return the stages that ran, without scan, and the output."""
    ended = run_in(root, "dvc", "repro")
    shown = ended.stdout + ended.stderr
    assert ended.returncode == 0, shown
    return [stage for stage in re.findall(r"Running stage '(\w+)'", shown) if stage != "scan"], shown


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone of the project with a fast params.yaml, after import and the first `dvc repro`."""
    folder = tmp_path_factory.mktemp("imports")
    root = clone_project(folder)
    yaml = YAML()
    document = yaml.load(root / catalog.PARAMS)
    for section, values in PARAMS.items():
        document[section].update(values)
    yaml.dump(document, root / catalog.PARAMS)
    names = [f"{part}/{number}.png" for part in "ab" for number in range(6)] + [f"{number}.png" for number in range(12)]
    write_files(folder / "mine", {name: encode(draw_crop(n, 40 + n, 50)) for n, name in enumerate(names)})
    write_files(folder / "mine", {"again.png": encode(draw_crop(0, 40, 50)), "cut.png": encode(draw_crop(1))[:200]})
    assert "26 files copied to data/faces_import/mine" in run_in(root, "mangagan", "import", "../mine").stdout
    ran, shown = repro(root)
    assert ran == ALL
    (root / "first.log").write_text(shown)
    return root


def test_two_commands_lead_to_a_generator_and_a_report(clone: Path) -> None:
    shown = (clone / "first.log").read_text()
    assert "ingest: no screenshots: only imported faces are used" in shown
    assert "detect: no pages: only imported faces are used" in shown
    assert "normalize: no pages: only imported faces are used" in shown
    assert "import_faces: 25 faces, titles: 1; 1 files rejected" in shown
    assert "WARNING" not in shown
    assert (clone / catalog.GENERATOR).is_file()
    manifest = pd.read_csv(clone / catalog.MANIFEST, keep_default_na=False)
    assert len(manifest) == 25 and set(manifest["detector"]) == {"import"}
    assert list(manifest.loc[~manifest["kept"], "drop_reason"]) == ["duplicate"], "the two equal pictures"
    for part in "ab":
        rows = manifest[manifest["source"].str.startswith(f"mine/{part}/")]
        assert rows["page_id"].nunique() == rows.loc[rows["kept"], "split"].nunique() == 1
    holdout = read_faces(clone / catalog.HOLDOUT_FACES)
    assert 0 < len(holdout) < 24
    report = (clone / catalog.REPORT).read_text()
    assert "data/faces_import/" in report and "data/screenshots/" not in report
    assert '<span data-key="import_faces.passed">25</span>' in report and "nothing here" not in report


def test_what_runs_again_after_a_change(clone: Path) -> None:
    assert repro(clone)[0] == []
    write_files(clone / catalog.FACES_IMPORT / "mine", {"new.png": encode(draw_crop(99))})
    assert repro(clone)[0] == AFTER_IMPORT
    assert repro(clone)[0] == []


def test_a_damaged_file_more_does_not_train_again(clone: Path) -> None:
    write_files(clone / catalog.FACES_IMPORT / "mine", {"bad.png": b"no picture"})
    ran, shown = repro(clone)
    assert "import_faces: rejected mine/bad.png: no picture" in shown
    assert ran == ["import_faces", "evaluate"], "evaluate shows the sheets of import_faces in the report"
    (clone / catalog.FACES_IMPORT / "mine/bad.png").unlink()


def test_plots_and_status_accept_the_empty_tables(clone: Path) -> None:
    ended = run_in(clone, "dvc", "plots", "show")
    assert ended.returncode == 0, ended.stderr
    shown = run_in(clone, "mangagan", "inspect")
    assert shown.returncode == 0, shown.stderr
    assert "mine" in shown.stdout


def test_screenshots_that_vanish_do_not_delete_their_pages(clone: Path) -> None:
    listed = clone / catalog.SCREENSHOT_LIST
    page = write_files(clone / catalog.SCREENSHOTS, {"title/1.png": encode(draw_crop(5, 300, 400))}) / "title/1.png"
    assert run_in(clone, "dvc", "repro", "ingest").returncode == 0
    page.unlink()
    ended = run_in(clone, "dvc", "repro", "ingest")
    assert ended.returncode != 0
    assert (
        "mangagan: the 1 screenshots of the last run are gone: no screenshots in data/screenshots. Put images, or"
        " archives and e-books of them, into data/screenshots/<title>/. Put them back, or delete data/screenshots.csv"
        " to use only imported faces"
    ) in ended.stderr
    assert (clone / "data/pages/title.cbz").is_file()
    listed.unlink()
    assert run_in(clone, "dvc", "repro", "ingest").returncode == 0
    with listed.open(newline="") as file:
        assert list(csv.reader(file)) == [["name", "sha256", "reason"]]
    assert [path.name for path in (clone / catalog.PAGES_DIR).iterdir()] == ["empty.txt"]
