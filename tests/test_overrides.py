"""Decisions on faces: how each finds its face, and the command `mangagan overrides`."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.files import sha256_file
from mangagan.dataset.manifest import read_manifest, write_manifest
from mangagan.dataset.overrides import (
    IMPORTED,
    Anchor,
    Override,
    append_overrides,
    match_overrides,
    read_overrides,
    resolve_overrides,
)
from mangagan.importing.pictures import DETECTOR

BOXES = {
    "aa": ("p1", 10.0, 10.0, 40.0, 40.0),
    "bb": ("p1", 100.0, 10.0, 40.0, 40.0),
    "cc": ("p2", 10.0, 10.0, 40.0, 40.0),
}


def make_faces(boxes: dict[str, tuple[str, float, float, float, float]]) -> pd.DataFrame:
    """Return faces: id → page and box."""
    return pd.DataFrame([(face_id, *box) for face_id, box in boxes.items()], columns=["face_id", "page_id", *"xywh"])


FACES = make_faces(BOXES)


def near(face_id: str, shift: float = 0.0) -> Anchor:
    """Return the anchor of a face, its box shifted to the right [px]."""
    page_id, x, y, w, h = BOXES[face_id]
    return Anchor(page_id, x + shift, y, w, h)


def test_anchor_is_written_and_read() -> None:
    anchor = Anchor("0123abcd", 10.04, -3.0, 1234.56, 0.1)
    assert anchor.format() == "0123abcd 10.0 -3.0 1234.6 0.1"
    assert Anchor.parse(" 0123abcd  10 -3.0 1.2e3 0.1 ") == Anchor("0123abcd", 10, -3, 1200, 0.1)
    for page_id, width in (("", 5.0), ("a b", 5.0), ("p", 0.04), ("p", float("nan")), ("p", float("inf"))):
        with pytest.raises(ValueError, match="an anchor is PAGE_ID X Y W H"):
            Anchor(page_id, 0, 0, width, 5)


@pytest.mark.parametrize(
    ("row", "face"),
    [
        (Override("aa", "drop"), "aa"),
        (Override("zz", "drop"), ""),
        (Override("zz", "drop", anchor=near("aa")), "aa"),
        (Override("zz", "drop", anchor=near("bb", 10)), "bb"),
        (Override("zz", "drop", anchor=near("aa", 20)), "aa"),  # IoU 1/3
        (Override("zz", "drop", anchor=near("aa", 22)), ""),  # IoU 0.29
        (Override("zz", "drop", anchor=Anchor("p1", 14, 10, 88, 40)), "aa"),  # overlaps both, mostly aa
        (Override("zz", "drop", anchor=Anchor("p9", 10, 10, 40, 40)), ""),
        (Override("bb", "drop", anchor=near("aa")), "bb"),  # the id precedes the anchor
    ],
)
def test_decision_finds_its_face(row: Override, face: str) -> None:
    decisions = resolve_overrides([row], FACES)
    assert decisions.by_face == ({face: "drop"} if face else {})
    assert decisions.unmatched == (() if face else (row,))


def test_last_decision_on_a_face_counts() -> None:
    rows = [
        Override("aa", "drop", "first", near("aa")),
        Override("bb", "keep", "good"),
        Override("zz", "keep", "again", near("aa", 5)),  # aa, detected by another detector
        Override("cc", "replace"),
        Override("yy", "drop"),
    ]
    decisions = resolve_overrides(rows, FACES)
    assert decisions.by_face == {"aa": "keep", "bb": "keep", "cc": "replace"}
    assert decisions.notes == {"aa": "again", "bb": "good"}
    assert decisions.unmatched == (rows[4],)
    reset = [*rows, Override("aa", "reset"), Override("yy", "reset"), Override("qq", "reset")]
    assert resolve_overrides(reset, FACES).by_face == {"bb": "keep", "cc": "replace"}
    assert resolve_overrides(reset, FACES).unmatched == ()
    again = [*reset, Override("aa", "drop")]
    assert resolve_overrides(again, FACES).by_face == {"bb": "keep", "cc": "replace", "aa": "drop"}


def test_anchor_of_one_line_serves_all_lines_of_the_face() -> None:
    rows = [
        Override("zz", "drop", anchor=near("aa", 5)),
        Override("yy", "part", "", near("bb"), "zz"),
        Override("yy", "merge", "", None, "xx", near("cc")),
    ]
    decisions = resolve_overrides(rows, FACES)
    assert decisions.parted == {("aa", "bb")}
    assert decisions.merged == {("bb", "cc")}
    assert resolve_overrides([*rows, Override("zz", "reset")], FACES).by_face == {}


def test_decisions_on_pairs() -> None:
    rows = [
        Override("bb", "merge", "", None, "aa"),
        Override("cc", "part", "", None, "aa"),
        Override("aa", "drop"),
        Override("aa", "merge", "", None, "zz"),
    ]
    decisions = resolve_overrides(rows, FACES)
    assert decisions.merged == {("aa", "bb")}
    assert decisions.parted == {("aa", "cc")}
    assert decisions.by_face == {"aa": "drop"}
    assert decisions.unmatched == (rows[3],)
    other_way = resolve_overrides([*rows, Override("aa", "part", "", None, "bb")], FACES)
    assert other_way.merged == frozenset()
    assert other_way.parted == {("aa", "bb"), ("aa", "cc")}
    reset = resolve_overrides([*rows, Override("aa", "reset", "", None, "cc")], FACES)
    assert reset.merged == {("aa", "bb")}
    assert reset.parted == frozenset()
    assert reset.by_face == {"aa": "drop"}
    assert resolve_overrides([*rows, Override("aa", "reset")], FACES).merged == {("aa", "bb")}


def test_a_decision_that_cannot_be_applied_is_explained() -> None:
    rows = [
        Override("zz", "drop"),
        Override("zz", "merge", "", None, "yy"),
        Override("aa", "part", "", None, "yy"),
        Override("xx", "part", "", near("aa"), "aa"),
        Override("aa", "drop"),
    ]
    assert [match.explain() for match in match_overrides(rows, FACES)] == [
        "there is no face zz",
        "there is no face zz and no face yy",
        "there is no face yy",
        "xx and aa are now one face",
        "",
    ]


def test_imported_faces_of_one_group_are_found_by_their_id_only() -> None:
    assert IMPORTED == DETECTOR
    boxes = dict.fromkeys(("aa", "bb"), ("group", 0.0, 0.0, 96.0, 96.0)) | {"cc": ("alone", 0.0, 0.0, 96.0, 96.0)}
    faces = make_faces(boxes).assign(detector=IMPORTED)
    rows = [
        Override("aa", "drop"),
        Override("zz", "drop", anchor=Anchor("group", 0, 0, 96, 96)),
        Override("renamed", "keep", anchor=Anchor("alone", 0, 0, 96, 96)),
    ]
    decisions = resolve_overrides(rows, faces)
    assert decisions.by_face == {"aa": "drop", "cc": "keep"}
    assert decisions.unmatched == (rows[1],)


def test_no_faces() -> None:
    assert resolve_overrides([Override("aa", "drop", anchor=near("aa"))], FACES[:0]).unmatched[0].face_id == "aa"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory: a workspace with a manifest of six faces, of which ff is dropped, and an export."""
    rows = []
    for number, face_id in enumerate(("aa", "bb", "cc", "dd", "ee", "ff")):
        row: dict[str, Any] = {column.name: "" for column in catalog.MANIFEST_COLUMNS}
        kept = face_id != "ff"
        row |= {"face_id": face_id, "title": "one", "page_id": f"p{number // 2}", "page_number": 1}
        row |= {"x": 100.0 * number, "y": 10.0, "w": 40.0, "h": 40.0, "detector": "mangaface"}
        row |= {"kept": kept, "drop_reason": "" if kept else "blurred", "split": "train" if kept else ""}
        rows.append(row)
    manifest = pd.DataFrame(rows)
    write_manifest(tmp_path / catalog.MANIFEST, manifest)
    (tmp_path / catalog.OVERRIDES).write_text("face_id,action,note\n")
    write_export(tmp_path / "out", manifest[manifest["kept"]])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_export(folder: Path, rows: pd.DataFrame) -> None:
    """Write what `mangagan export` writes: the last face is in the hold-out set."""
    for split, part in (("train", rows[:-1]), ("test", rows[-1:])):
        (folder / split).mkdir(parents=True)
        metadata = part.drop(columns=["kept", "drop_reason"])
        metadata.insert(0, "file_name", metadata["face_id"] + ".png")
        metadata.to_csv(folder / split / "metadata.csv", index=False)
        for face_id in part["face_id"]:
            (folder / split / f"{face_id}.png").write_bytes(b"png")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """Run `mangagan overrides`; return the exit status and the lines of both outputs."""
    status = main(["overrides", *arguments])
    captured = capsys.readouterr()
    return status, (captured.out + captured.err).splitlines()


def test_decisions_are_listed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys) == (0, ["decisions: 0; found by id: 0, found by anchor: 0, not found: 0"])
    rows = [
        Override("aa", "drop", "blurred", Anchor("p0", 0, 10, 40, 40)),
        Override("zz", "merge", "", Anchor("p0", 105, 10, 40, 40), "cc", Anchor("p1", 200, 10, 40, 40)),
        Override("yy", "keep"),
        Override("xx", "keep"),
        Override("xx", "reset"),
    ]
    append_overrides(root / catalog.OVERRIDES, rows)
    status, lines = run(capsys)
    assert status == 0
    assert [line.split() for line in lines[:4]] == [
        ["line", "action", "face", "other", "state", "note"],
        ["2", "drop", "aa", "found", "by", "id", "blurred"],
        ["3", "merge", "zz", "cc", "now", "bb", "and", "cc"],
        ["4", "keep", "yy", "there", "is", "no", "face", "yy"],
    ]
    assert lines[4:] == [
        "decisions: 3; found by id: 1, found by anchor: 1, not found: 1",
        "without an anchor: 1. To add the anchors of data/manifest.csv: mangagan overrides --anchor",
    ]


def test_anchors_are_added(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / catalog.OVERRIDES).write_text(
        "face_id,action,note,anchor,other,other_anchor\naa,drop,x\nbb,part,,,dd,\nzz,keep\ncc,keep,,p1 1 2 3 4\n"
    )
    assert run(capsys, "--anchor") == (
        0,
        [
            "lines with a new anchor: 2",
            "lines without an anchor: 1; their faces are not in data/manifest.csv",
        ],
    )
    first, second, third, fourth = read_overrides(root / catalog.OVERRIDES)
    assert first == Override("aa", "drop", "x", Anchor("p0", 0, 10, 40, 40), line=2)
    assert second == Override(
        "bb", "part", "", Anchor("p0", 100, 10, 40, 40), "dd", Anchor("p1", 300, 10, 40, 40), line=3
    )
    assert (third.anchor, fourth.anchor) == (None, Anchor("p1", 1, 2, 3, 4))
    before = sha256_file(root / catalog.OVERRIDES)
    assert run(capsys, "--anchor")[1][0] == "lines with a new anchor: 0"
    assert sha256_file(root / catalog.OVERRIDES) == before


def test_deleted_files_of_an_export_become_decisions(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--from-export", "out")[1][-1] == "decisions added to data/overrides.csv: 0"
    (root / "out" / "train" / "bb.png").unlink()
    (root / "out" / "test" / "ee.png").unlink()
    assert run(capsys, "--from-export", "out") == (
        0,
        [
            "exported faces: 5; in data/manifest.csv: 5",
            "kept faces that were deleted from out: 2",
            "decisions added to data/overrides.csv: 2. Run: dvc repro dedup",
        ],
    )
    first, second = read_overrides(root / catalog.OVERRIDES)
    assert first == Override("bb", "drop", "deleted from out", Anchor("p0", 100, 10, 40, 40), line=2)
    assert second == Override("ee", "drop", "deleted from out", Anchor("p2", 400, 10, 40, 40), line=3)
    assert run(capsys, "--from-export", "out")[1][2:] == [
        "with an earlier decision to drop or replace them: 2",
        "decisions added to data/overrides.csv: 0",
    ]
    (root / "out" / "train" / "aa.png").unlink()
    run(capsys, "--from-export", "out", "--action", "replace")
    decisions = resolve_overrides(read_overrides(root / catalog.OVERRIDES), read_manifest(root / catalog.MANIFEST))
    assert decisions.by_face == {"bb": "drop", "ee": "drop", "aa": "replace"}


def test_files_may_be_moved_and_faces_may_have_new_ids(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("good/aa.png", "good/better/CC.PNG"):
        target = root / "out" / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(b"png")
    shutil.copy(root / "out/train/metadata.csv", root / "out" / "good" / "metadata.csv")
    shutil.move(root / "out/train/cc.png", root / "out/good/cc.jpg")
    (root / "out/train/aa.png").unlink()
    (root / "out/train/bb.png").unlink()  # a duplicate now, and not kept
    (root / "out/train/dd.png").unlink()
    manifest = read_manifest(root / catalog.MANIFEST).replace({"face_id": {"dd": "d2"}})
    manifest.loc[manifest["face_id"] == "d2", "x"] += 4
    manifest.loc[manifest["face_id"] == "bb", "kept"] = False
    write_manifest(root / catalog.MANIFEST, pd.concat([manifest, manifest[:1].assign(face_id="new", page_id="p9")]))
    assert run(capsys, "--from-export", "out")[0] == 0
    (row,) = read_overrides(root / catalog.OVERRIDES)
    assert row == Override("d2", "drop", "deleted from out", Anchor("p1", 304, 10, 40, 40), line=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("empty", "out is no export: there is no metadata.csv in it. Give the folder of mangagan export"),
        ("other", "none of the 4 faces of out is in the manifest. Export the faces again"),
        ("columns", "out/train/metadata.csv is not from an export: it has no column face_id."),
        ("files", "out has none of the 5 files of its metadata.csv. Export the faces again"),
        ("missing", "out is no export: there is no metadata.csv in it."),
    ],
)
def test_folder_that_is_no_export_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str], change: str, message: str
) -> None:
    out = root / "out"
    if change == "empty":
        for path in out.rglob("metadata.csv"):
            path.unlink()
    elif change == "other":
        shutil.rmtree(out / "test")
        write_manifest(root / catalog.MANIFEST, read_manifest(root / catalog.MANIFEST)[4:])
    elif change == "columns":
        (out / "train" / "metadata.csv").write_text("file_name\naa.png\n")
    elif change == "files":
        for path in out.rglob("*.png"):
            path.unlink()
    else:
        shutil.rmtree(out)
    before = (root / catalog.OVERRIDES).read_bytes()
    status, lines = run(capsys, "--from-export", "out")
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"mangagan: {message}")
    assert (root / catalog.OVERRIDES).read_bytes() == before


def test_arguments_that_do_not_apply_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--action", "replace") == (2, ["mangagan: --action needs --from-export DIR"])
    (root / catalog.MANIFEST).unlink()
    assert run(capsys) == (2, ["mangagan: data/manifest.csv not found. Run: dvc repro dedup"])
