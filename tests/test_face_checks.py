"""Faces found by the detector, and mirror symmetry."""

import cv2
import numpy as np
import pytest

from mangagan.faces.crop import crop_square, expand_to_square, resize
from mangagan.metrics.face_search import MARGIN, SIDE, FaceSearch, find_best_central_score, find_faces
from mangagan.metrics.symmetry import mirror_symmetry
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Return drawn faces with both eyes visible, gray, 112 px."""
    crops = []
    for number in range(12):
        page, rows = draw_page(np.random.default_rng((5, number)), STYLES[number % 3], 700, 980)
        gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) if page.ndim == 3 else page
        boxes = [np.array([row[key] for key in "xywh"]) for row in rows if row["usable"]]
        crops += [resize(crop_square(gray, expand_to_square(box, 0.35)), 112) for box in boxes]
    return np.stack(crops)[:, None]


@pytest.fixture(scope="module")
def search() -> FaceSearch:
    return FaceSearch()


# Faces


def share_found(images: np.ndarray, search: FaceSearch) -> float:
    """Return the share of images in which the detector finds a face."""
    return float(find_faces(images, search).mean())


def test_the_detector_finds_drawn_faces_and_no_noise(faces: np.ndarray, search: FaceSearch) -> None:
    assert share_found(faces, search) > 0.95
    assert share_found(faces.repeat(3, axis=1), search) > 0.95
    rng = np.random.default_rng(0)
    assert share_found(rng.integers(0, 256, (60, 1, 112, 112), np.uint8), search) == 0
    assert (search(np.full((2, 1, 112, 112), 255, np.uint8)) < 0.1).all()


def test_the_parts_of_a_face_must_be_in_place(faces: np.ndarray, search: FaceSearch) -> None:
    assert share_found(np.concatenate([faces[:, :, 56:], faces[:, :, :56]], axis=2), search) < 0.1
    assert share_found(np.roll(faces, 56, axis=3), search) < 0.1
    shares = [
        share_found(np.stack([cv2.GaussianBlur(face[0], (0, 0), sigma) for face in faces])[:, None], search)
        for sigma in (1, 4, 8)
    ]
    assert shares[0] > 0.9 and shares == sorted(shares, reverse=True) and shares[2] < 0.2


def test_faces_of_any_size_are_found(faces: np.ndarray, search: FaceSearch) -> None:
    for side in (56, 224):
        images = np.stack([cv2.resize(face[0], (side, side), interpolation=cv2.INTER_AREA) for face in faces])
        assert share_found(images[:, None], search) > 0.9


def test_a_score_depends_on_no_other_image(faces: np.ndarray, search: FaceSearch) -> None:
    images = faces[:40]
    assert np.array_equal(search(images), np.concatenate([search(images[:3]), search(images[3:])]))
    assert len(search(images[:0])) == 0


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.25, 0.25, 0.5, 0.5), 0.9),
        ((0.45, 0.25, 0.5, 0.5), 0.9),  # 0.2 to the right of the middle
        ((0.55, 0.25, 0.5, 0.5), 0),  # 0.3
        ((0.4, 0.4, 0.2, 0.2), 0),  # too small
        ((-0.1, -0.1, 1.2, 1.2), 0),  # wider than the picture
    ],
)
def test_only_a_face_in_the_middle_counts(box: tuple[float, ...], expected: float) -> None:
    left, top, width, height = box
    face = [left * SIDE + MARGIN, top * SIDE + MARGIN, width * SIDE, height * SIDE, 0.9, 1]
    assert find_best_central_score(np.array([face])) == expected
    assert find_best_central_score(np.zeros((0, 6))) == 0


# Symmetry


def draw_symmetric(shift: int) -> np.ndarray:
    """Return noise that is symmetric about an axis `shift` px to the right of the middle: (1, 1, 64, 64)."""
    half = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    both = np.concatenate([half, half[:, ::-1]], axis=1)
    return both[None, None, :, 32 - shift : 96 - shift]


def test_symmetry_about_an_axis_near_the_middle_is_1() -> None:
    for shift in (0, 2, -4):
        assert mirror_symmetry(draw_symmetric(shift)) == pytest.approx(1)
    assert mirror_symmetry(draw_symmetric(16)) < 0.5


def test_noise_is_not_symmetric_and_a_blank_is_0() -> None:
    rng = np.random.default_rng(1)
    values = mirror_symmetry(rng.integers(0, 256, (50, 3, 112, 112), np.uint8))
    assert values.shape == (50,) and np.abs(values).max() < 0.25
    assert mirror_symmetry(np.full((2, 1, 32, 32), 7, np.uint8)).tolist() == [0, 0]


def test_a_dark_half_beside_a_light_one_is_below_0() -> None:
    image = np.zeros((1, 1, 64, 64), np.uint8)
    image[..., 32:] = 255
    assert mirror_symmetry(image) < -0.5


def test_faces_with_halves_of_two_people_are_less_symmetric(faces: np.ndarray) -> None:
    def mean(images: np.ndarray) -> float:
        return float(mirror_symmetry(images).mean())

    mixed = faces.copy()
    mixed[..., 56:] = np.roll(faces, 1, axis=0)[..., 56:]
    assert mean(mixed) < mean(faces) < mean(np.concatenate([faces[..., :56], faces[..., 55::-1]], axis=3))
