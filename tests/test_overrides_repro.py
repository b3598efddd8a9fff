"""Decisions of the user through `dvc repro`, on the sample manga: they survive other boxes and other margins."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from mangagan.core import catalog
from mangagan.dataset.manifest import read_manifest
from mangagan.dataset.overrides import Anchor, Override, append_overrides
from mangagan.sample.manga import draw_manga
from tests.dvc_workspace import edit
from tests.project_clone import clone_project, run_in


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the stages up to dedup in a clone of the project."""
    root = clone_project(tmp_path_factory.mktemp("workspace"))
    draw_manga(root / catalog.SCREENSHOTS.parent, seed=3, pages_per_title=6)
    edit(root / catalog.PARAMS, "merge_retakes: true ", "merge_retakes: false ")
    repro(root)
    return root


@pytest.fixture
def root(workspace: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(workspace, tmp_path / "copy", symlinks=True))


def repro(root: Path) -> str:
    ended = run_in(root, "dvc", "repro", "dedup")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def read(root: Path) -> pd.DataFrame:
    return read_manifest(root / catalog.MANIFEST).set_index("face_id", drop=False)


def figures(root: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((root / catalog.metrics_file("dedup")).read_text())
    return found


def anchor(face: pd.Series) -> Anchor:
    return Anchor(face["page_id"], face["x"], face["y"], face["w"], face["h"])


def find(faces: pd.DataFrame, before: pd.Series) -> pd.Series:
    """Return the face whose box has the nearest middle on the same page."""
    here = faces[faces["page_id"] == before["page_id"]]
    distance = abs(here["x"] + here["w"] / 2 - before["x"] - before["w"] / 2) + abs(
        here["y"] + here["h"] / 2 - before["y"] - before["h"] / 2
    )
    assert distance.min() < before["w"] / 4
    return here.loc[distance.idxmin()]


def test_decisions_hold_after_another_detection_and_another_margin(root: Path) -> None:
    faces = read(root)
    duplicates = faces[faces["duplicate_of"] != ""].drop_duplicates("duplicate_of")
    assert len(duplicates) >= 3
    parted, dropped, replaced = (row for _, row in duplicates.iloc[:3].iterrows())
    single = faces[faces["kept"] & ~faces["face_id"].isin(faces["duplicate_of"])]
    plain, rejected = single.iloc[0], faces[faces["drop_reason"] == "eyes not visible"].iloc[0]
    best = {name: faces.loc[row["duplicate_of"]] for name, row in (("part", parted), ("drop", dropped))}
    best["replace"] = faces.loc[replaced["duplicate_of"]]
    rows = [
        Override(parted["face_id"], "part", "", anchor(parted), best["part"]["face_id"], anchor(best["part"])),
        Override(best["drop"]["face_id"], "drop", "", anchor(best["drop"])),
        Override(best["replace"]["face_id"], "replace", "", anchor(best["replace"])),
        Override(plain["face_id"], "drop", "", anchor(plain)),
        Override(rejected["face_id"], "keep", "", anchor(rejected)),
    ]
    append_overrides(root / catalog.OVERRIDES, rows)

    def check(faces: pd.DataFrame) -> None:
        assert find(faces, parted)["kept"]
        assert find(faces, best["part"])["kept"]
        assert find(faces, dropped)["drop_reason"] == "duplicate"
        assert find(faces, best["drop"])["drop_reason"] == "dropped by hand"
        assert find(faces, replaced)["kept"]
        assert find(faces, best["replace"])["drop_reason"] == "dropped by hand"
        assert find(faces, plain)["drop_reason"] == "dropped by hand"
        assert find(faces, rejected)["kept"]

    repro(root)
    check(read(root))
    edit(root / catalog.PARAMS, "    threshold: 0.15 ", "    threshold: 0.1 ")
    edit(root / catalog.PARAMS, "  margin: null ", "  margin: 0.3 ")
    edit(root / catalog.PARAMS, "    long_side: 896 ", "    long_side: 768 ")  # other boxes, so other ids
    output = repro(root)
    check(read(root))
    assert not {row.face_id for row in rows} & set(read(root)["face_id"]), "every face was found by its anchor"
    assert "there is no face" not in output
    assert figures(root) | {
        "overrides_keep": 1,
        "overrides_drop": 2,
        "overrides_replace": 1,
        "overrides_merge": 0,
        "overrides_part": 1,
        "overrides_applied": 5,
        "overrides_unknown": 0,
    } == figures(root)
    listed = run_in(root, "mangagan", "overrides")
    assert listed.stdout.splitlines()[-1] == "decisions: 5; found by id: 0, found by anchor: 5, not found: 0"


def test_exported_and_deleted_faces_are_dropped(root: Path) -> None:
    assert run_in(root, "mangagan", "export", "out/faces").returncode == 0
    deleted = sorted((root / "out/faces/train").glob("*.png"))[:4]
    for path in deleted:
        path.unlink()
    ended = run_in(root, "mangagan", "overrides", "--from-export", "out/faces")
    assert ended.returncode == 0, ended.stderr
    assert "decisions added to data/overrides.csv: 4. Run: dvc repro dedup" in ended.stdout
    repro(root)
    faces = read(root)
    assert (faces.loc[[path.stem for path in deleted], "drop_reason"] == "dropped by hand").all()
    assert figures(root)["overrides_drop"] == 4


def test_a_bad_line_stops_the_run_before_dvc_deletes_the_dataset(root: Path) -> None:
    with (root / catalog.OVERRIDES).open("a") as file:
        file.write("0123,drop,,,,\n4567,delete,,,,\n")
    ended = run_in(root, "dvc", "repro", "dedup")
    assert ended.returncode != 0
    assert "mangagan: data/overrides.csv line 3: action must be keep, drop" in ended.stdout + ended.stderr
    assert (root / catalog.MANIFEST).is_file()
    edit(root / catalog.OVERRIDES, "delete", "drop")
    output = repro(root)
    assert "dedup: data/overrides.csv line 2: there is no face 0123" in output
    assert figures(root)["overrides_unknown"] == 2
