"""Crops, quality gates and contact sheets."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from mangagan.core.images import encode_png
from mangagan.detection.backends.mangaface import MangaFace
from mangagan.faces.crop import Square, crop_square, expand_to_square, measure_padding, resize
from mangagan.faces.face_crops import crop_faces, normalize_face
from mangagan.faces.normalize import NormalizeParams, check_face, make_face_rows
from mangagan.faces.quality import KEEP_LEVELS, Gates, find_drop_reason, measure_sharpness
from mangagan.faces.rating import SCORED_DETECTOR, rate_detections
from mangagan.faces.sheets import choose_doubtful, describe_part, draw_kept, draw_rejected, format_share
from mangagan.sample.character import STYLES
from mangagan.sample.head import draw_face

OPEN = Gates(min_size=0, min_contrast=0, min_sharpness=0, max_pad=1, min_face=0, min_usable=0)  # passes every face


def draw(seed: int, size: int = 160) -> np.ndarray:
    """Draw a face in gray, uint8 (size, size)."""
    rng = np.random.default_rng(seed)
    image = draw_face(rng, STYLES[seed % 2], size)[0]
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image


def test_square_holds_the_box_and_margin() -> None:
    assert expand_to_square(np.array([10, 20, 40, 30]), 0) == Square(10, 15, 40)
    assert expand_to_square(np.array([10, 20, 40, 30]), 0.25) == Square(0, 5, 60)


def test_crop_mirrors_at_the_edges() -> None:
    page = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (crop_square(page, Square(0, 0, 3)) == page[:, :3]).all()
    padded = np.pad(page, 2, mode="reflect")
    assert (crop_square(page, Square(-2, -2, 7)) == padded[:7, :7]).all()
    assert (crop_square(page, Square(-40, -40, 90))[40:43, 40:44] == page).all()  # farther than the width of the page
    assert measure_padding(Square(-2, 0, 4), 10, 10) == 0.5
    assert measure_padding(Square(1, 1, 4), 10, 10) == 0


def test_resize_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (224, 112))
    assert np.ptp(resize(stripes, 112)) <= 1
    assert np.ptp(stripes[::2, ::2]) == 0  # plain subsampling makes it black
    assert resize(stripes, 112).mean() == pytest.approx(127.5, abs=1)


def test_sharpness_falls_with_blur_and_does_not_depend_on_contrast() -> None:
    face = draw(0)
    values = [measure_sharpness(cv2.GaussianBlur(face, (0, 0), sigma)) for sigma in (0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert measure_sharpness((face // 2 + 60).astype(np.uint8)) == pytest.approx(measure_sharpness(face), rel=0.02)


FACE = {"size": 40, "pad": 0.2, "p_face": 0.7, "p_usable": 0.3, "contrast": 49, "sharpness": 0.4}


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({}, ""),
        ({"min_size": 41}, "too small"),
        ({"max_pad": 0.1}, "cut off by the page edge"),
        ({"min_face": 0.71}, "no face"),
        ({"min_face": 0.7}, ""),
        ({"min_usable": 0.31}, "eyes not visible"),
        ({"min_usable": 0.3}, ""),
        ({"min_contrast": 50}, "low contrast"),
        ({"min_sharpness": 0.5}, "blurred"),
        # The order of the gates
        ({"min_size": 41, "max_pad": 0.1, "min_face": 1}, "too small"),
        ({"max_pad": 0.1, "min_face": 1}, "cut off by the page edge"),
        ({"min_face": 1, "min_usable": 1, "min_contrast": 50}, "no face"),
        ({"min_usable": 1, "min_contrast": 50, "min_sharpness": 0.5}, "eyes not visible"),
        ({"min_contrast": 50, "min_sharpness": 0.5}, "low contrast"),
    ],
)
def test_gates(limits: dict[str, float], reason: str) -> None:
    assert find_drop_reason(replace(OPEN, **limits), **FACE) == reason


@pytest.mark.parametrize("keep", KEEP_LEVELS)
def test_keep_sets_the_thresholds_that_are_not_given(keep: str) -> None:
    level = KEEP_LEVELS[keep]
    gates = Gates(keep=keep)
    assert (gates.face_threshold, gates.usable_threshold) == level
    gates = Gates(keep=keep, min_face=0.0)
    assert (gates.face_threshold, gates.usable_threshold) == (0, level.min_usable)
    gates = Gates(keep=keep, min_usable=0.123)
    assert (gates.face_threshold, gates.usable_threshold) == (level.min_face, 0.123)


def test_levels_of_keep_are_nested() -> None:
    strict, balanced, every = KEEP_LEVELS["strict"], KEEP_LEVELS["balanced"], KEEP_LEVELS["all"]
    assert 1 > strict.min_face >= balanced.min_face >= every.min_face > 0
    assert 1 > strict.min_usable > balanced.min_usable > every.min_usable == 0
    assert Gates().keep == "balanced"


class RecordingRater:
    """Rates detection number n with 0.5 + n/100 and half of that, and keeps the arguments."""

    calls: list[tuple[Any, ...]]

    def __init__(self) -> None:
        self.calls = []

    def rate(self, page: np.ndarray, boxes: np.ndarray, scores: np.ndarray, margin: float) -> np.ndarray:
        self.calls.append((page.shape, boxes.tolist(), scores.tolist(), margin))
        p_face = 0.5 + np.arange(len(boxes)) / 100
        return np.stack([p_face, p_face / 2], axis=1)


def test_only_scores_of_the_projects_detector_are_rated() -> None:
    page, boxes, scores = np.zeros((50, 40), np.uint8), np.array([[1.0, 2, 30, 40]]), np.array([7.0])
    rater = RecordingRater()
    for detector in (MangaFace.name, "lbpcascade", "onnx"):
        assert rate_detections(rater, page, boxes, scores, detector, 0.2).tolist() == [[0.5, 0.25]]
    assert MangaFace.name == SCORED_DETECTOR
    assert [call[2] for call in rater.calls[:1]] == [[7.0]]
    assert np.isnan([call[2] for call in rater.calls[1:]]).all()
    assert rate_detections(rater, page, boxes[:0], scores[:0], "onnx", 0.2).shape == (0, 2)
    assert len(rater.calls) == 3


def test_faces_of_a_page_are_rated_with_the_margin_of_the_detector() -> None:
    boxes = [(10.0, 10.0, 60.0, 60.0), (80.0, 80.0, 50.0, 60.0)]
    rows = [
        {**dict(zip("xywh", box, strict=True)), "face_id": str(number), "score": 0.9, "usable": np.nan}
        for number, box in enumerate(boxes)
    ]
    detections = [{**row, "detector": "onnx", "crop_margin": 0.25} for row in rows]
    page = {"title": "t", "page_id": "p", "source": "s", "page_number": 1, "width": 160, "height": 160}
    rater, settings = RecordingRater(), NormalizeParams(margin=0.1, min_face=0.5, min_usable=0.255)
    faces = make_face_rows(page, detections, crop_faces(rater, draw(1), detections, settings), settings)
    ((shape, rated, scores, margin),) = rater.calls
    assert (shape, rated, margin) == ((160, 160), [list(box) for box in boxes], 0.25)
    assert np.isnan(scores).all()
    assert [(face["p_face"], face["p_usable"]) for face in faces] == [(0.5, 0.25), (0.51, 0.255)]
    assert [face["crop_margin"] for face in faces] == [0.1, 0.1]
    assert [face["drop_reason"] for face in faces] == ["eyes not visible", ""]
    assert [check_face(face, replace(settings, min_face=0.505)) for face in faces] == ["no face", ""]


def make_rated(count: int) -> pd.DataFrame:
    """Return faces with rising probabilities, in a shuffled order."""
    order = np.random.default_rng(0).permutation(count)
    png = encode_png(draw(0, 112))
    ids = [f"{number:03}" for number in order]
    faces = pd.DataFrame({"face_id": ids, "p_usable": order / count, "p_face": 1 - order / count / 2})
    return faces.assign(png=png, title="t", drop_reason="")


def test_sheets_show_the_most_doubtful_faces_first(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[list[str], list[str], list[str]]] = []
    monkeypatch.setattr(
        "mangagan.faces.sheets.draw_faces",
        lambda rows, captions, heading, load: shown.append((rows["face_id"].tolist(), captions.tolist(), heading)),
    )
    faces = make_rated(300)
    for order in ("p_usable", "p_face"):
        draw_kept(faces, order)
        ids, _, heading = shown.pop()
        ranks = [int(face_id) if order == "p_usable" else 299 - int(face_id) for face_id in ids]
        assert ranks[:73] == [*range(72), 72] and ranks[-1] == 299
        assert set(np.diff(ranks[72:])) == {3, 4}  # spread over the others
        assert heading[0] == "144 of 300 kept faces"
        assert heading[1].startswith("Lowest probability of a ")

    reasons = np.array(["no face"] * 200 + ["eyes not visible"] * 90 + ["blurred"] * 10)
    draw_rejected(faces.assign(drop_reason=reasons), "reports/dedup/index.html")
    ids, captions, heading = shown.pop()
    assert captions == ["no face"] * 67 + ["eyes not visible"] * 67 + ["blurred"] * 10
    assert heading[0] == "144 of 300 dropped faces; all of them: reports/dedup/index.html"
    p_face, p_usable = (dict(zip(faces["face_id"], faces[name], strict=True)) for name in ("p_face", "p_usable"))
    for order, part in ((p_face, ids[:67]), (p_usable, ids[67:134]), (p_usable, ids[134:])):
        assert [order[face_id] for face_id in part] == sorted([order[face_id] for face_id in part], reverse=True)
    assert set(ids[134:]) == set(faces["face_id"][290:])
    assert ids[0] == max(faces["face_id"][:200], key=lambda face_id: p_face[face_id])


def test_sheets_of_few_faces_show_all() -> None:
    faces = make_rated(5)
    assert describe_part(5, 5, "kept faces", "all.html") == "5 of 5 kept faces"
    assert choose_doubtful(faces, 5) is faces
    assert draw_kept(faces, "p_usable").shape[0] == draw_kept(faces[:1], "p_usable").shape[0]
    for sheet in (draw_kept(faces[:0], "p_usable"), draw_rejected(faces[:0])):
        assert sheet.dtype == np.uint8 and sheet.shape[2] == 3


def test_faces_without_probabilities_are_drawn_after_the_others() -> None:
    faces = make_rated(4).assign(p_usable=[np.nan, 0.2, 0.1, 0.3], p_face=np.nan)
    assert draw_kept(faces, "p_usable").shape == draw_kept(faces.fillna(0.5), "p_usable").shape
    assert [format_share(value) for value in (np.nan, 0.996, 0.0)] == ["–", "100 %", "0 %"]


def test_face_is_gray_or_rgb_like_its_page() -> None:
    detection = {"x": 10.0, "y": 10.0, "w": 60.0, "h": 60.0, "usable": np.nan, "crop_margin": 0.25}
    gray = draw(1)
    for page, mode in ((gray, b"\x00"), (np.dstack([gray, gray[::-1], gray]), b"\x02")):
        face = normalize_face(page, detection, NormalizeParams())
        assert face["png"][25:26] == mode  # colour type in the header of a PNG: gray or RGB
        assert (face["crop_margin"], face["upscale"]) == (0.25, round(112 / 90, 4))
        assert face["pad_fraction"] == pytest.approx(1 - 85 * 85 / 90**2, abs=1e-4)
