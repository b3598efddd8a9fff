"""The face sets of the recipe comparison: complete, cropped as in the pipeline, and split by page."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import face_sets
from benchmarks.face_sets import Face, FaceSet
from mangagan.detection.backends.mangaface import MangaFace
from mangagan.faces.face_crops import normalize_face
from mangagan.faces.normalize import NormalizeParams
from mangagan.faces.table import decode_faces
from mangagan.sample.character import STYLES
from mangagan.sample.manga import draw_story_page
from mangagan.stages.train import MIN_GRAY_SHARE
from tests.detector_parts import write_labelled_folder

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="module")
def drawn() -> FaceSet:
    """Return a small set of drawn faces."""
    faces, held_out = face_sets.draw_faces(seed=3, train=10, holdout=8, workers=1)
    return face_sets.build_face_set("drawn", faces, [0 if held else 1 for held in held_out], 1)


def test_crops_equal_those_of_the_stage_normalize() -> None:
    page, rows = draw_story_page(0, STYLES[2], 2)
    row = next(row for row in rows if row["usable"])
    box = np.array([row[key] for key in "xywh"], float)
    settings = NormalizeParams(size=face_sets.SIZE)
    expected = normalize_face(page, {**row, "crop_margin": MangaFace.crop_margin}, settings)
    face = face_sets.crop_face(page, box, "page")
    face_set = face_sets.build_face_set("drawn", [face], [0], 1)
    assert np.array_equal(face_set.faces, decode_faces([expected["png"]], 3))
    assert face.upscale == pytest.approx(expected["upscale"], abs=1e-4)
    gray = face_sets.build_face_set("drawn", [Face(face.pixels[..., 0], "page", 1.0)], [0], 1)
    assert gray.faces.shape == (1, 1, 112, 112)
    assert face_sets.GRAY_SHARE == MIN_GRAY_SHARE


def test_drawn_faces_have_the_requested_count_and_share_no_page(drawn: FaceSet) -> None:
    train, holdout = drawn.split_fold(0)
    assert (len(train), len(holdout)) == (10, 8)
    assert drawn.faces.shape[1:] == (3, 112, 112)
    assert not set(drawn.pages[drawn.part == 0]) & set(drawn.pages[drawn.part == 1])
    for style in STYLES:
        of_title = np.array([page.startswith(style.title + "/") for page in drawn.pages])
        assert 3 <= (of_title & (drawn.part == 1)).sum() <= 4
        assert 2 <= (of_title & (drawn.part == 0)).sum() <= 3
    coloured = np.array([page.startswith("sunny_side/") or page.endswith("/1") for page in drawn.pages])
    assert (drawn.gray == ~coloured).all()
    with pytest.raises(ValueError, match="folds 0 … 0"):
        drawn.split_fold(1)


def test_drawn_faces_do_not_depend_on_the_number_of_processes(drawn: FaceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_sets, "PAGES_PER_WORKER", 1)
    faces, _ = face_sets.draw_faces(seed=3, train=10, holdout=8, workers=2)
    assert [face.page for face in faces] == list(drawn.pages)
    assert np.array_equal(face_sets.build_face_set("drawn", faces, [0] * 18, 1).faces, drawn.faces)


def test_load_returns_the_saved_set(drawn: FaceSet, tmp_path: Path) -> None:
    face_sets.save(tmp_path, drawn)
    again = face_sets.load(tmp_path, "drawn")
    for name in ("faces", "pages", "gray", "part"):
        assert np.array_equal(getattr(again, name), getattr(drawn, name))
    assert (again.name, again.folds) == ("drawn", 1)
    first = (tmp_path / "drawn.npz").read_bytes()
    face_sets.save(tmp_path, drawn)
    assert (tmp_path / "drawn.npz").read_bytes() == first
    assert (tmp_path / "drawn.png").stat().st_size > 0


def test_every_page_of_the_labelled_set_is_held_out_once(tmp_path: Path) -> None:
    faces = [Face(np.full((112, 112), number, np.uint8), f"title/{number // 2}", 1.0) for number in range(120)]
    parts = [face_sets.assign_part(face.page) for face in faces]
    face_set = face_sets.build_face_set("labelled", faces, parts, face_sets.FOLDS)
    held = []
    for number in range(face_sets.FOLDS):
        train, holdout = face_set.split_fold(number)
        assert len(train) + len(holdout) == 120
        assert len(holdout) >= 8  # 24 on average
        assert not set(train[:, 0, 0, 0] // 2) & set(holdout[:, 0, 0, 0] // 2)
        held += holdout[:, 0, 0, 0].tolist()
    assert sorted(held) == list(range(120))


def test_the_benchmark_writes_both_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = write_labelled_folder(tmp_path / "data"), tmp_path / "sets"
    usable = sum(
        row["usable"] for page in json.loads((data / "faces.json").read_text()).values() for row in page["faces"]
    )
    options = ["--data", str(data), "--out", str(out), "--train", "3", "--holdout", "3"]
    assert face_sets.main(options) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sets"]["labelled"]["faces"] == usable == len(face_sets.load(out, "labelled").faces)
    assert report["sets"]["drawn"]["train"] == [3]
    assert report["sets"]["drawn"]["holdout"] == [3]


@pytest.mark.skipif(not SHARED.exists(), reason="../shared/data not found")
def test_usable_faces_of_the_shared_pages() -> None:
    faces = face_sets.read_labelled_faces(SHARED)
    assert len(faces) == 314
    counts = np.bincount([face_sets.assign_part(face.page) for face in faces])
    assert len(counts) == face_sets.FOLDS
    assert counts.min() >= 40


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--data", "nowhere"], "faces.json"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_invalid_options_print_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert face_sets.main(options) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1


def test_missing_and_damaged_sets_raise_errors(tmp_path: Path) -> None:
    with pytest.raises(face_sets.UserError, match=r"benchmarks\.face_sets"):
        face_sets.load(tmp_path, "drawn")
    (tmp_path / "drawn.npz").write_bytes(b"nothing")
    with pytest.raises(face_sets.UserError, match="is damaged"):
        face_sets.load(tmp_path, "drawn")
