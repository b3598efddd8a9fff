"""Crops and augmentations: boxes fit the faces."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mangagan.detector_training import collage, tones
from mangagan.detector_training.crops import IGNORED, USABLE, clip_faces, draw_crop, transform_faces
from mangagan.detector_training.labels import Picture
from mangagan.detector_training.scenes import draw_scene, draw_scenes
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page
from tests.detector_parts import draw_ellipse

FACE = np.array([[10, 20, 30, 40, 1]], np.float32)


def affine(linear: list[list[float]], shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    return np.column_stack([linear, shift]).astype(float)


# Faces of a crop


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (affine([[1, 0], [0, 1]]), [10, 20, 30, 40]),
        (affine([[2, 0], [0, 2]], (5, -10)), [25, 30, 60, 80]),
        (affine([[-1, 0], [0, 1]], (100, 0)), [60, 20, 30, 40]),
        (affine([[0, -1], [1, 0]], (80, 0)), [20, 10, 40, 30]),
    ],
    ids=["same", "scaled and moved", "mirrored", "rotated by 90 degrees"],
)
def test_faces_are_transformed_with_the_picture(matrix: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(transform_faces(FACE, matrix, 200), [[*expected, 1, 0]], atol=1e-4)


def test_rotation_keeps_the_size_of_a_round_face() -> None:
    angle = np.radians(30)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    [face] = transform_faces(np.array([[80, 80, 40, 40, -1]], np.float32), affine(turn, (100, 0)), 300)
    middle = np.array(turn) @ [100, 100] + [100, 0]
    np.testing.assert_allclose(face, [*(middle - 20), 40, 40, -1, 0], atol=1e-4)


def test_a_picture_without_faces_has_none_after_transformation() -> None:
    assert transform_faces(np.zeros((0, 5), np.float32), affine([[1, 0], [0, 1]]), 64).shape == (0, 6)


@pytest.mark.parametrize(
    ("x0", "expected"),
    [
        (-50.0, [[0, 0, 40, 40, 1, 0]]),
        (5.0, [[5, 0, 35, 40, 1, 0]]),  # 7/8 visible
        (16.0, [[16, 0, 24, 40, -1, 0]]),  # 3/5 visible: usable is unknown
        (24.0, [[24, 0, 16, 40, -1, 1]]),  # 2/5 visible: ignored
        (40.0, []),
    ],
)
def test_clipped_faces_are_relabelled_by_their_visible_share(x0: float, expected: list[list[float]]) -> None:
    faces = np.array([[0, 0, 40, 40, 1, 0]], np.float32)
    assert clip_faces(faces, x0, -10, 100, 100).tolist() == expected


def test_tiny_faces_are_ignored_and_unusable_faces_stay_unusable() -> None:
    faces = np.array([[0, 0, 8, 8, 1, 0], [20, 20, 30, 30, 0, 0]], np.float32)
    assert clip_faces(faces, 0, 0, 40, 64).tolist() == [[0, 0, 8, 8, 1, 1], [20, 20, 20, 30, 0, 0]]


def test_the_box_fits_the_drawn_face() -> None:
    picture, checked = draw_ellipse(), 0
    for seed in range(40):
        pixels, faces = draw_crop(np.random.default_rng(seed), picture, 256, around_face=1.0)
        assert pixels.shape == (256, 256)
        assert pixels.dtype == np.uint8
        uncut = len(faces) == 1 and faces[0, :2].min() > 0 and (faces[0, :2] + faces[0, 2:4]).max() < 256
        if uncut and not faces[0, IGNORED] and pixels[::255, ::255].min() > 150:  # else the border is dark, too
            x, y, w, h = cv2.boundingRect((pixels < 100).astype(np.uint8))
            np.testing.assert_allclose(faces[0, :4], [x, y, w, h], atol=2.5)
            checked += 1
    assert checked > 10


def test_crops_of_colour_pages_are_gray() -> None:
    picture = Picture(np.zeros((100, 120, 3), np.uint8))
    pixels, faces = draw_crop(np.random.default_rng(0), picture, 64)
    assert pixels.shape == (64, 64)
    assert faces.shape == (0, 6)


# Augmentations


STEPS = [
    tones.fill_cells, tones.binarize, tones.change_line_weight, tones.shade, tones.add_screentone, tones.invert,
    tones.change_contrast, tones.resample, tones.blur, tones.sharpen, tones.add_noise, tones.compress_jpeg,
    tones.distort,
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_augmentations_keep_size_and_type(step: Callable[..., np.ndarray]) -> None:
    drawn = draw_page(np.random.default_rng(0), STYLES[0], 240, 240)[0]
    for seed, pixels in enumerate((drawn, np.zeros((64, 64), np.uint8), np.full((64, 64), 255, np.uint8)) * 3):
        before = pixels.copy()
        changed = step(np.random.default_rng(seed), pixels)
        assert changed.shape == pixels.shape
        assert changed.dtype == np.uint8
        assert np.array_equal(pixels, before)


def test_covered_faces_are_ignored_or_of_unknown_usability() -> None:
    faces = np.array([[0, 0, 20, 20, 1, 0], [40, 40, 20, 20, 1, 0], [40, 0, 20, 20, 1, 0]], np.float32)
    mask = np.zeros((64, 64), bool)
    mask[:12, :20] = True  # three fifths of the first face
    mask[40:45, 40:60] = True  # a quarter of the second
    covered = collage.relabel_covered_faces(faces, mask)
    assert covered[:, IGNORED].tolist() == [1, 0, 0]
    assert covered[:, USABLE].tolist() == [-1, -1, 1]
    assert (faces[:, USABLE] == 1).all()


def test_a_face_is_pasted_with_its_pixels() -> None:
    source = np.full((128, 128), 255, np.uint8)
    source[50:80, 50:80] = 9
    other = (source, np.array([[50, 50, 30, 30, 1, 0]], np.float32))
    blank = (np.full((128, 128), 200, np.uint8), np.zeros((0, 6), np.float32))
    pixels, faces = collage.paste_face(np.random.default_rng(0), blank, other)
    x, y, w, h = faces[0, :4].astype(int)
    assert (w, h) == (30, 30)
    assert (pixels[y : y + h, x : x + w] == 9).all()
    assert (blank[0] == 200).all()


def test_nothing_is_pasted_over_a_face() -> None:
    everywhere = np.array([[0, 0, 128, 128, 1, 0]], np.float32)
    crop = (np.zeros((128, 128), np.uint8), everywhere)
    other = (np.full((128, 128), 255, np.uint8), np.array([[50, 50, 30, 30, 1, 0]], np.float32))
    assert collage.paste_face(np.random.default_rng(0), crop, other) is crop


def test_panels_keep_their_faces() -> None:
    shade = [np.full((128, 128), value, np.uint8) for value in (10, 60, 110, 160)]
    corner = np.array([[2, 2, 20, 20, 1, 0]], np.float32)  # in the first panel only
    pixels, faces = collage.compose_panels(np.random.default_rng(0), [(pixels, corner) for pixels in shade])
    assert faces.tolist() == corner.tolist()
    assert [pixels[y, x] for y in (8, 120) for x in (8, 120)] == [10, 60, 110, 160]


def test_a_balloon_can_cover_a_face() -> None:
    crop = (np.zeros((128, 128), np.uint8), np.array([[40, 40, 40, 40, 1, 0]], np.float32))
    results = [collage.add_balloon(np.random.default_rng(seed), crop) for seed in range(30)]
    assert all(pixels.shape == (128, 128) and faces.shape == (1, 6) for pixels, faces in results)
    assert {float(faces[0, USABLE]) for _, faces in results} == {1.0, -1.0}
    assert not crop[0].any()


# Scenes


def test_there_are_no_scenes_without_sprites(tmp_path: Path) -> None:
    assert draw_scenes(tmp_path, 0, 5) == []


def test_faces_of_scenes_are_where_the_sprites_are() -> None:
    sprite = np.zeros((200, 40, 4), np.uint8)
    sprite[..., 3] = 255
    sprite[20:60, :, :3] = (255, 0, 0)  # only the face is red
    faces, inked = 0, 0
    for seed in range(12):
        picture = draw_scene(np.random.default_rng(seed), [(sprite, (0, 20, 40, 40))], [np.zeros((9, 9, 3), np.uint8)])
        inked += picture.pixels.ndim == 2
        for x, y, w, h, usable in picture.faces if picture.pixels.ndim == 3 else ():
            assert usable == 1
            faces += 1
            column, row = int(x + w / 2), int(y + h / 2)
            if 0 <= row < picture.pixels.shape[0] and 0 <= column < picture.pixels.shape[1]:
                assert picture.pixels[row, column].tolist() == [255, 0, 0]
    assert faces > 5
    assert inked < 12
