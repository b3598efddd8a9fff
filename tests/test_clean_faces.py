"""The benchmark of the dataset's purity and yield, in gray and in colour, and of the generators trained on it."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks import clean_faces, clean_gan, colour_faces, face_sets, purity
from benchmarks.purity import NO_FACE, NOT_USABLE, USABLE
from mangagan.faces.table import read_faces
from mangagan.sample.screenshot import encode
from tests.detector_parts import BlockDetector, write_random_weights

SCORE_DATASET = Path(__file__).parents[2] / "shared" / "tools" / "score_dataset.py"
CELL, BOX = 8, 40  # px, of a black cell and of the box that `BlockDetector` finds around it
BACK, LAMP = 96, 160  # px, left edges of cells that are no usable faces: the back of a head, and a lamp
RATINGS = {BACK: (0.9, 0.02), LAMP: (0.1, 0.01)}  # of the fake face quality; those of all other cells are 1


class FakeQuality:
    """A replacement for `FaceQuality`: it rates a detection by its place."""

    def __init__(self, weights: Path) -> None:
        assert weights.read_bytes() == b"quality"

    def rate(self, page: np.ndarray, boxes: np.ndarray, scores: np.ndarray, margin: float) -> np.ndarray:
        cells = [round(float(x + w / 2 - CELL / 2)) for x, _, w, _ in boxes]
        return np.array([RATINGS.get(cell, (1.0, 1.0)) for cell in cells])


def label(x: float, y: float, usable: bool, size: float = BOX) -> dict[str, Any]:
    return {"x": x, "y": y, "w": size, "h": size, "view": "front", "usable": usable}


def label_cell(left: int, usable: bool) -> dict[str, Any]:
    return label(left + (CELL - BOX) / 2, 96 + (CELL - BOX) / 2, usable)


def draw_cells(*lefts: int, colour: bool = False) -> np.ndarray:
    """Return a page of 256 px with black cells at y = 96."""
    pixels = np.full((256, 256, 3), (255, 180, 120) if colour else (255, 255, 255), np.uint8)
    for left in lefts:
        pixels[96 : 96 + CELL, left : left + CELL] = 0
    return pixels


def write_pages(folder: Path, pages: dict[str, tuple[np.ndarray, list[dict[str, Any]]]]) -> None:
    for name, (pixels, _) in pages.items():
        path = folder / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(pixels, "png"))
    labels = {name: {"width": 256, "height": 256, "faces": faces} for name, (_, faces) in pages.items()}
    (folder / "faces.json").write_text(json.dumps(labels))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of two titles whose black cells are detected: two usable faces, a back of a head, and a lamp.

    A third usable face is not detected.
    """
    first = [label_cell(40, True), label_cell(BACK, False), label(150, 180, True)]
    write_pages(
        tmp_path,
        {
            "one/1.png": (draw_cells(40, BACK, LAMP), first),
            "two/1.png": (draw_cells(200), [label_cell(200, True)]),
        },
    )
    for title in ("one", "two"):
        write_random_weights(tmp_path / f"{title}.safetensors")
        (tmp_path / f"{title}.quality.safetensors").write_bytes(b"quality")
    monkeypatch.setattr("mangagan.detection.backends.mangaface.load_face_network", lambda path: BlockDetector())
    monkeypatch.setattr(clean_faces, "FaceQuality", FakeQuality)
    monkeypatch.setattr(colour_faces, "FaceQuality", FakeQuality)
    return tmp_path


def options(folder: Path, *more: str) -> list[str]:
    return ["--data", str(folder), "--weights", str(folder), "--out", str(folder / "out"), *more]


# The command


def test_the_command_prints_the_known_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scorer = ["--scorer", str(SCORE_DATASET)] if SCORE_DATASET.exists() else []
    assert clean_faces.main(options(folder, *scorer)) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert (report["labelled_usable"], report["detections"]) == (3, 4)
    figures = report["selections"]
    assert figures["detector"]["all"] == {
        "kept": 4, "usable_share": 0.5, "not_usable_share": 0.25, "no_face_share": 0.25, "yield": 0.6667,
    }  # fmt: skip
    assert figures["detector"]["titles"]["one"]["yield"] == 0.5
    assert figures["detector"]["titles"]["two"]["yield"] == 1
    for keep in ("strict", "balanced"):
        assert figures[keep]["all"] == {
            "kept": 2, "usable_share": 1, "not_usable_share": 0, "no_face_share": 0, "yield": 0.6667,
        }  # fmt: skip
    assert figures["all"]["all"]["not_usable_share"] == 0.3333
    assert report["ratings"]["network"]["auc"] == 1
    assert report["ratings"]["network"]["usable_share_at_yield"] == {
        "0.7": None,
        "0.8": None,
        "0.88": None,
        "0.95": None,
    }
    assert "balanced" in printed.err


def test_the_files_hold_every_detection(folder: Path) -> None:
    assert clean_faces.main(options(folder)) == 0
    out = folder / "out"
    reasons = {}
    for name in (*clean_faces.LEVELS, *clean_faces.BASELINES):
        rows = purity.read_manifest(out / f"manifest-{name}.csv")
        assert list(rows[0]) == list(purity.MANIFEST_COLUMNS)
        assert [row["source"] for row in rows] == ["one/1.png"] * 3 + ["two/1.png"]
        reasons[name] = {round(float(row["x"])) + 16: row["drop_reason"] for row in rows if row["title"] == "one"}
        assert all(row["kept"] == (row["drop_reason"] == "") for row in rows)
    assert reasons["balanced"] == {40: "", BACK: "eyes not visible", LAMP: "no face"}
    assert reasons["all"] == {40: "", BACK: "", LAMP: "no face"}
    faces = read_faces(out / clean_faces.FACES_FILE)
    assert sorted(faces["kind"]) == [USABLE, USABLE, NOT_USABLE, NO_FACE]
    assert faces[["linear", "measures"]].stack().between(0, 1).all()
    curves = pd.read_csv(out / "curves.csv")
    assert set(curves["rating"]) == set(clean_faces.CURVES)
    pictures = [out / "curves.png", *(out / "sheets").iterdir()]
    assert {path.name for path in pictures[1:]} == {
        *("one-kept.png", "one-dropped.png", "two-kept.png", "two-dropped.png", "doubtful.png")
    }
    for path in pictures:
        assert min(Image.open(path).size) >= 40


def test_the_baselines_need_no_face_quality(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in folder.glob("*.quality.safetensors"):
        path.unlink()
    assert clean_faces.main(options(folder, "--baselines")) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["selections"].keys() == clean_faces.BASELINES.keys()
    assert "network" not in report["ratings"]
    assert clean_faces.main(options(folder)) == 2
    assert "mangagan.quality_training --data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (["--data", "nowhere"], "faces.json"),
        (["--weights", "nowhere"], "mangagan.detector_training --data"),
        (["--scorer", "wrong.py"], "gives kept 99"),
        (["--scorer", "broken.py"], "broken.py failed: ValueError: labels"),
        (["--scorer", "nothing.py"], "nothing.py not found"),
    ],
)
def test_errors_are_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(folder)
    Path("wrong.py").write_text("print('{\"kept\": 99}')")
    Path("broken.py").write_text("raise ValueError('labels')")
    assert clean_faces.main(options(folder, *change)) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out


# Colour


def test_colour_pages_and_scenes_are_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = [label_cell(40, True), label_cell(BACK, False)]
    pages = {"one/1.png": (draw_cells(40, LAMP), faces), "two/1.png": (draw_cells(40, BACK, LAMP, colour=True), faces)}
    write_pages(folder, pages)
    (folder / "thequestion").mkdir()
    background = np.full((64, 64, 3), (90, 160, 90), np.uint8)
    cv2.imwrite(str(folder / "thequestion" / "bg_club.jpg"), background)
    (folder / "thequestion" / "eileen_happy.png").write_bytes(encode_sprite())
    monkeypatch.setattr(colour_faces, "SCENES", 4)
    monkeypatch.setattr(colour_faces, "ILLUSTRATIONS", 2)
    assert clean_faces.main(options(folder, "--colour")) == 0
    report = json.loads(capsys.readouterr().out)["colour"]
    assert report.keys() == {"two", "scenes", "illustrations"}
    two = report["two"]
    assert (two["weights"], two["pictures"], two["faces"]) == ("two", 1, 2)
    assert (two["detector"]["kept"], two["detector"]["precision"], two["detector"]["recall"]) == (3, 0.6667, 1)
    assert (two["network"]["kept"], two["network"]["precision"], two["network"]["recall"]) == (2, 1, 1)
    assert two["network"]["precision_at_recall"]["0.95"] == 1
    assert two["detector"]["precision_at_recall"]["0.95"] == 0.6667
    assert report["scenes"]["faces"] > 0
    assert report["illustrations"]["pictures"] == 2
    names = {path.name for path in (folder / "out" / "colour").iterdir()}
    assert {"two.csv", "two.png", "two-kept.png", "two-dropped.png", "scenes.csv"} <= names


def encode_sprite() -> bytes:
    rgba = np.zeros((400, 300, 4), np.uint8)
    rgba[60:400, 60:260] = (230, 180, 150, 255)
    ok, data = cv2.imencode(".png", rgba[..., [2, 1, 0, 3]])
    assert ok
    return data.tobytes()


# Generators


def test_both_generators_are_measured_with_the_same_faces(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [f"{title}/{number}.png" for title in ("one", "two") for number in range(24)]
    faces = [label_cell(40, True), label_cell(BACK, False)]
    write_pages(folder, {page: (draw_cells(40, BACK, LAMP), faces) for page in pages})
    assert clean_faces.main(options(folder)) == 0
    held_out = sum(face_sets.assign_part(page) == 0 for page in pages)
    assert 6 <= held_out <= 16

    tiny = ["--kimg", "0.032", "--width", "2", "--samples", "24", "--device", "cpu", "--threads", "1"]
    command = ["--data", str(folder), "--clean", str(folder / "out"), "--out", str(folder / "gan"), *tiny]
    capsys.readouterr()
    assert clean_gan.main(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["holdout_faces"] == held_out
    before, after = report["datasets"]["detector"], report["datasets"]["balanced"]
    assert (before["training_faces"], after["training_faces"]) == (3 * (48 - held_out), 48 - held_out)
    for row in (before, after):
        assert row["runs"] == 1
        assert 0 <= row["mean"]["face_share"] <= 1
        assert {"kernel_distance.random", "kernel_distance.mangaface", "coverage.random"} <= row["mean"].keys()
    assert report == json.loads((folder / "gan" / "clean_gan.json").read_text())
    table = (folder / "gan" / "clean_gan.md").read_text()
    assert "| balanced: samples | 1 runs |" in table
    assert "share with a face" in table
    assert Image.open(folder / "gan" / "samples.png").size[0] > 500
    assert clean_gan.main(command) == 0
    assert ": run" not in capsys.readouterr().err


def test_too_few_faces_for_a_generator_are_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [f"{title}/{number}.png" for title in ("one", "two") for number in range(8)]
    write_pages(folder, {page: (draw_cells(40), [label_cell(40, True)]) for page in pages})
    command = ["--data", str(folder), "--clean", str(folder / "out"), "--out", str(folder / "gan")]
    assert clean_gan.main(command) == 2
    assert "manifest-detector.csv not found. Run: python -m benchmarks.clean_faces" in capsys.readouterr().err
    assert clean_faces.main(options(folder)) == 0
    capsys.readouterr()
    assert clean_gan.main(command) == 2
    assert capsys.readouterr().err.startswith("benchmarks.clean_gan: detector has ")
    assert not (folder / "gan").exists()
