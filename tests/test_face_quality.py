"""The face quality network and its ratings."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load as unpack
from safetensors.torch import save as pack

from mangagan.core.errors import UserError
from mangagan.face_network.weights import WEIGHTS as DETECTOR_WEIGHTS
from mangagan.face_network.weights import load_face_network
from mangagan.face_quality.calibration import SCORE_RANGE, calibrate_face
from mangagan.face_quality.classifier import MAX_BATCH, FaceQuality, cut_ink
from mangagan.face_quality.network import SIDE
from mangagan.face_quality.weights import WEIGHTS, load_quality_network
from mangagan.quality_training.__main__ import start_from_detector
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page

MARGIN = 0.35


@pytest.fixture(scope="module")
def quality() -> FaceQuality:
    return FaceQuality()


def draw_labelled_pages(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return pages of the sample manga, each with the boxes of its usable faces, (N, 4)."""
    pages = []
    for number in range(count):
        pixels, rows = draw_page(np.random.default_rng((5, number)), STYLES[number % 3], 600, 840)
        boxes = [[row[key] for key in "xywh"] for row in rows if row["usable"]]
        pages.append((pixels, np.array(boxes, float).reshape(-1, 4)))
    return pages


def test_the_crop_is_the_middle_of_the_square_that_normalize_cuts() -> None:
    page = np.full((300, 400), 255, np.uint8)
    cv2.rectangle(page, (100, 100), (199, 179), 0, -1)  # 100 x 80 px
    ink = cut_ink(page, np.array([100, 100, 100, 80]), MARGIN)
    assert ink.shape == (1, SIDE, SIDE)
    assert ink.sum() / SIDE**2 == pytest.approx(0.8 / 1.4**2, rel=0.01)
    assert ink[0, SIDE // 2, SIDE // 2] == 1
    coloured = np.dstack([page, page, page])
    assert np.array_equal(cut_ink(coloured, np.array([100, 100, 100, 80]), MARGIN), ink)


def test_usable_faces_of_the_sample_manga_get_high_ratings_and_other_boxes_low_ones(quality: FaceQuality) -> None:
    faces, others = [], []
    rng = np.random.default_rng(0)
    for pixels, boxes in draw_labelled_pages(6):
        faces.append(quality.rate(pixels, boxes, np.full(len(boxes), np.nan), MARGIN))
        away = [box for box in rng.uniform([0, 0, 40, 40], [500, 740, 100, 100], (20, 4)) if is_far(box, boxes)]
        others.append(quality.rate(pixels, np.array(away).reshape(-1, 4), np.full(len(away), np.nan), MARGIN))
    rated_faces, rated_others = np.concatenate(faces), np.concatenate(others)
    assert len(rated_faces) > 15
    assert len(rated_others) > 30
    assert np.median(rated_faces, axis=0).min() > 0.9
    assert (rated_faces[:, 1] > 0.5).mean() > 0.85
    assert (rated_others[:, 0] > 0.5).mean() < 0.05
    for rated in (rated_faces, rated_others):
        assert (rated[:, 1] <= rated[:, 0]).all()
        assert ((rated >= 0) & (rated <= 1)).all()


def is_far(box: np.ndarray, boxes: np.ndarray) -> bool:
    """Return True if the box overlaps none of the boxes."""
    gaps = np.maximum(boxes[:, :2] - box[:2] - box[2:], box[:2] - boxes[:, :2] - boxes[:, 2:])
    return bool((gaps.max(axis=1) > 0).all())


def test_an_eye_behind_a_balloon_makes_a_face_less_usable(quality: FaceQuality) -> None:
    before, after = [], []
    for pixels, boxes in draw_labelled_pages(6):
        for box in boxes[boxes[:, 2] > 60]:
            x, y, w, h = box
            covered = pixels.copy()
            centre = (int(x + w / 2), int(y + 0.48 * h))
            cv2.ellipse(covered, centre, (int(0.6 * w), int(0.25 * h)), 0, 0, 360, (255,) * 3, -1)
            for image, ratings in ((pixels, before), (covered, after)):
                ratings.append(quality.rate(image, box[None], np.array([np.nan]), MARGIN)[0, 1])
    assert len(before) >= 5
    assert np.median(before) > 0.9
    assert np.median(after) < 0.1


def test_ratings_do_not_depend_on_the_other_boxes(quality: FaceQuality) -> None:
    pixels, boxes = draw_labelled_pages(1)[0]
    many = np.tile(boxes, (MAX_BATCH // len(boxes) + 2, 1))
    rated = quality.rate(pixels, many, np.full(len(many), np.nan), MARGIN)
    alone = quality.rate(pixels, boxes, np.full(len(boxes), np.nan), MARGIN)
    assert rated.shape == (len(many), 2)
    assert np.abs(rated[: len(boxes)] - alone).max() <= 2e-4
    assert np.array_equal(rated[: len(boxes)], rated[len(boxes) : 2 * len(boxes)])
    assert quality.rate(pixels, np.zeros((0, 4)), np.zeros(0), MARGIN).shape == (0, 2)


def test_the_encoder_has_the_layers_of_the_detector() -> None:
    network, detector = start_from_detector(DETECTOR_WEIGHTS), load_face_network(DETECTOR_WEIGHTS)
    ink = torch.rand(2, 1, SIDE, SIDE)
    assert torch.equal(network.stages[0](network.stem(ink)), detector.stages[0](detector.stem(ink)))
    assert network(ink).shape == (2, 2)


def test_the_weights_of_the_package_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 4_000_000


def test_missing_and_damaged_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing.safetensors not found"):
        load_quality_network(tmp_path / "nothing.safetensors")
    tensors = unpack(WEIGHTS.read_bytes())
    (tmp_path / "other.safetensors").write_bytes(pack({"a": torch.zeros(1)}))
    with pytest.raises(UserError, match="does not contain weights of the face quality network"):
        load_quality_network(tmp_path / "other.safetensors")
    tensors["output.bias"][0] = float("inf")
    (tmp_path / "infinite.safetensors").write_bytes(pack(tensors))
    with pytest.raises(UserError, match="not finite"):
        load_quality_network(tmp_path / "infinite.safetensors")


# Calibration


def test_calibration_known_answer() -> None:
    logits = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    with_score, without_score = np.array([1, 0, 1, 0.5]), np.array([2, 1, 3])
    found = calibrate_face(logits, np.array([np.nan, 0.5, 0.0, 1.0]), with_score, without_score)
    assert found[:2].tolist() == [7, 1.5]
    low, high = (np.log(score / (1 - score)) for score in SCORE_RANGE)
    assert found[2:].tolist() == pytest.approx([1.5 + low, 1.5 + high])
    assert calibrate_face(np.zeros((0, 2)), np.zeros(0), with_score, without_score).shape == (0,)


def test_a_higher_score_gives_a_higher_rating(quality: FaceQuality) -> None:
    pixels, boxes = draw_labelled_pages(1)[0]
    low, high, unknown = (
        quality.rate(pixels, boxes, np.full(len(boxes), score), MARGIN) for score in (0.15, 0.8, np.nan)
    )
    assert (high[:, 0] >= low[:, 0]).all()
    assert high[:, 0].sum() > low[:, 0].sum() + 0.01
    assert not np.array_equal(unknown, high)


def test_the_frame_does_not_depend_on_the_margin_of_the_detector() -> None:
    page = np.random.default_rng(0).integers(0, 256, (400, 400), dtype=np.uint8)
    tight, wide = np.array([150.0, 150, 100, 100]), np.array([115.0, 115, 170, 170])
    assert np.array_equal(cut_ink(page, tight, 0.35), cut_ink(page, wide, 0.0))
