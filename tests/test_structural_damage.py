"""Damage to the structure of faces: where it is, how many faces it changes, and how it grows."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from benchmarks.damage import FACE_SHARES
from benchmarks.faces import draw_gray_faces
from mangagan.distances.structural_damage import (
    FACE_SHARE,
    PATCHES,
    SEAM,
    Region,
    break_faces,
    erase_eye,
    erase_mouth,
    exchange_patches,
    find_part,
    join_halves,
    locate_part,
    measure_skin,
    move_eye,
    warp,
)

Apply = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
SKIN = 200
EYE = 40
LEFT_EYE, RIGHT_EYE = Region(50, 66, 32, 50), Region(50, 66, 62, 80)
MOUTH = Region(72, 80, 46, 66)
DAMAGES = [
    *[(erase, FACE_SHARES) for erase in (erase_eye, erase_mouth, join_halves)],
    (move_eye, (0.1, 0.15, 0.2, 0.25)),
    (warp, (1, 2, 4, 8)),
    (exchange_patches, (1, 2, 4, 8)),
]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def make_faces(count: int, channels: int = 1) -> np.ndarray:
    """Return plain faces: two dark eyes and a dark mouth on skin, each with channels of its own brightness."""
    faces = np.full((count, channels, 112, 112), SKIN, np.uint8)
    faces -= 10 * np.arange(channels, dtype=np.uint8)[:, None, None]
    for part in (LEFT_EYE, RIGHT_EYE, MOUTH):
        faces[:, :, part.top : part.bottom, part.left : part.right] = EYE
    return faces


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return np.stack([face for face, _ in draw_gray_faces(0, 20)])[:20, None]


def measure_change(damaged: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference of each image."""
    return np.abs(damaged.astype(float) - images).mean(axis=(1, 2, 3))


def find_changed(damaged: np.ndarray, images: np.ndarray) -> set[int]:
    return set(np.flatnonzero((damaged != images).any(axis=(1, 2, 3))).tolist())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("apply", "levels"), DAMAGES)
def test_damage_is_deterministic_and_grows(
    apply: Apply, levels: tuple[float, ...], channels: int, drawn: np.ndarray
) -> None:
    images = np.repeat(drawn, channels, axis=1)
    before = images.copy()
    changes = []
    for level in levels:
        damaged = apply(images, level, rng())
        assert damaged.dtype == np.uint8 and damaged.shape == images.shape
        assert np.array_equal(damaged, apply(images, level, rng()))
        assert level == 1 or not np.array_equal(damaged, apply(images, level, np.random.default_rng(1)))
        assert np.array_equal(damaged, np.repeat(damaged[:, :1], channels, axis=1))
        changes.append(measure_change(damaged, images).mean())
    assert (np.diff(changes) > 0.05 * changes[0]).all() and changes[0] > 0
    assert np.array_equal(images, before)


@pytest.mark.parametrize("apply", [erase_eye, erase_mouth, join_halves])
def test_the_share_of_faces_is_exact_and_the_same_faces_stay_damaged(apply: Apply, drawn: np.ndarray) -> None:
    full = apply(drawn, 1, rng())
    changed = []
    for share in FACE_SHARES:
        damaged = apply(drawn, share, rng())
        changed.append(find_changed(damaged, drawn))
        assert np.array_equal(damaged[list(changed[-1])], full[list(changed[-1])])
    assert [len(each) for each in changed] == [2, 6, 12, 20]
    assert changed[0] < changed[1] < changed[2] < changed[3]


# Eyes and mouth


def test_parts_are_where_the_margin_of_the_crop_puts_them() -> None:
    assert pytest.approx(1 / 1.7) == FACE_SHARE
    assert locate_part("one eye", 112) == (47, 68, 56, 85)
    assert locate_part("one eye", 112, mirrored=True) == (47, 68, 27, 56)
    assert locate_part("mouth", 112) == (70, 86, 42, 70)


@pytest.mark.parametrize(("down", "across"), [(0, 0), (4, -5), (-3, 1)])
def test_an_eye_is_found_beside_its_usual_place(down: int, across: int) -> None:
    image = np.full((1, 112, 112), SKIN, np.uint8)
    usual = locate_part("one eye", 112)
    eye = Region(usual.top + 4, usual.bottom - 4, usual.left + 7, usual.right - 7).move(down, across)
    eye.cut(image)[:] = EYE
    found = find_part(image, "one eye")
    assert np.abs(np.subtract(found, usual.move(down, across))).max() <= 1


def test_the_tone_of_the_skin_ignores_lines_and_what_is_above_an_eye() -> None:
    image = make_faces(1, 3)[0]
    region = locate_part("one eye", 112)
    image[:, : region.top] = 0  # hair
    image[:, region.bottom + 1 : region.bottom + 3] = 0  # a line
    assert measure_skin(image, region).tolist() == [SKIN, SKIN - 10, SKIN - 20]
    mouth = locate_part("mouth", 112)
    image = make_faces(1)[0]
    image[:, mouth.bottom - 2 :] = 255  # a white collar
    assert measure_skin(image, mouth).tolist() == [SKIN]


@pytest.mark.parametrize("channels", [1, 3])
def test_an_erased_eye_is_skin_and_the_rest_of_the_face_is_unchanged(channels: int) -> None:
    images = make_faces(40, channels)
    damaged = erase_eye(images, 1, rng())
    sides = {"left": 0, "right": 0}
    for before, after in zip(images, damaged, strict=True):
        (side,) = [name for name, eye in (("left", LEFT_EYE), ("right", RIGHT_EYE)) if (eye.cut(after) > EYE).any()]
        sides[side] += 1
        region = find_part(before, "one eye", mirrored=side == "left")
        inner = Region(region.top + 3, region.bottom - 3, region.left + 4, region.right - 4)
        assert np.abs(inner.cut(after).mean(axis=(1, 2)) - before[:, 0, 0]).max() < 1
        region.cut(after)[:] = region.cut(before)
        assert np.array_equal(after, before)
    assert min(sides.values()) >= 10


def test_an_erased_mouth_is_skin_and_the_rest_of_the_face_is_unchanged() -> None:
    images = make_faces(3, 3)
    region = find_part(images[0], "mouth")
    for before, after in zip(images, erase_mouth(images, 1, rng()), strict=True):
        inner = Region(region.top + 2, region.bottom - 2, region.left + 4, region.right - 4)
        assert np.abs(inner.cut(after).mean(axis=(1, 2)) - before[:, 0, 0]).max() < 1
        region.cut(after)[:] = region.cut(before)
        assert np.array_equal(after, before)


@pytest.mark.parametrize("level", [0.05, 0.1])
def test_an_eye_moves_by_a_share_of_the_face(level: float) -> None:
    images = np.full((40, 1, 112, 112), SKIN, np.uint8)
    for mirrored in (False, True):
        usual = locate_part("one eye", 112, mirrored)
        images[:, :, usual.top + 6 : usual.bottom - 6, usual.left + 10 : usual.right - 10] = EYE
    moved = move_eye(images, level, rng())
    centres = []
    for face in (images[0, 0], *moved[:, 0]):
        assert (face < SKIN).sum() == (images[0] < SKIN).sum()  # nothing is left in the old place
        centres.append(np.argwhere(face < SKIN).mean(axis=0))
    moves = 2 * (np.array(centres[1:]) - centres[0])  # one eye of two moved
    assert np.hypot(*moves.T) == pytest.approx(level * 112 / 1.7, abs=0.71)
    assert len(np.unique(moves.round(), axis=0)) > 10


# Other damage


def test_joined_halves_come_from_two_different_faces(drawn: np.ndarray) -> None:
    left, right = 56 - SEAM // 2, 56 + SEAM // 2
    partners = []
    for index, face in enumerate(join_halves(drawn, 1, rng())):
        assert np.array_equal(face[:, :, :left], drawn[index, :, :, :left])
        (partner,) = np.flatnonzero((drawn[:, :, :, right:] == face[:, :, right:]).all(axis=(1, 2, 3)))
        partners.append(int(partner))
        assert partner != index
        assert np.abs(face[:, :, 55:57] - (drawn[index] / 2 + drawn[partner] / 2)[:, :, 55:57]).max() < 0.1 * 255
    assert sorted(partners) == list(range(20))


@pytest.mark.parametrize("level", [1, 2, 4, 8])
def test_a_warp_has_the_given_amplitude_and_is_smooth(level: float) -> None:
    ramp = np.tile(np.arange(112, dtype=np.uint8)[None] + 70, (112, 1))
    images = np.stack([ramp, ramp.T])[:, None].repeat(20, axis=0)
    inner = slice(30, -30)  # away from the reflected edges
    moves = (warp(images, level, rng()).astype(float) - images)[:, 0, inner, inner]
    assert np.sqrt(2 * (moves**2).mean()) == pytest.approx(level, rel=0.12, abs=0.1)
    assert np.abs(np.diff(moves, axis=1)).max() < 0.55 * level + 1


def test_a_warp_keeps_the_texture(drawn: np.ndarray) -> None:
    def measure_sharpness(images: np.ndarray) -> float:
        return float(np.mean([cv2.Laplacian(image[0], cv2.CV_64F).var() for image in images]))

    assert measure_sharpness(warp(drawn, 2, rng())) > 0.85 * measure_sharpness(drawn)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_patches_are_exchanged_between_pairs(count: int, drawn: np.ndarray) -> None:
    ramps = (np.arange(9, dtype=np.uint8) * 20)[:, None, None, None] + drawn[:9] // 8
    damaged = exchange_patches(ramps, count, rng())
    assert np.array_equal(np.sort(damaged, axis=0), np.sort(ramps, axis=0))  # every pixel is in one of the faces
    patch = 112 // PATCHES
    tiles = (damaged != ramps).reshape(9, PATCHES, patch, PATCHES, patch).any(axis=(2, 4)).sum(axis=(1, 2))
    assert sorted(tiles.tolist()) == [0] + [count] * 8


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [32, 56, 64, 128])
@pytest.mark.parametrize(("apply", "level"), [(each, levels[-1]) for each, levels in DAMAGES])
def test_other_sizes_are_damaged_in_the_same_way(
    apply: Apply, level: float, side: int, channels: int, drawn: np.ndarray
) -> None:
    faces = drawn[:8]
    resized = np.stack([cv2.resize(face[0], (side, side), interpolation=cv2.INTER_AREA)[None] for face in faces])
    changes = measure_change(apply(resized.repeat(channels, axis=1), level, rng()), resized.repeat(channels, axis=1))
    expected = measure_change(apply(faces, level, rng()), faces)
    assert changes.mean() == pytest.approx(expected.mean(), rel=0.5)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 20])
def test_broken_faces_of_few_faces(count: int, drawn: np.ndarray) -> None:
    broken = break_faces(drawn[:count], 1.0, seed=0)
    assert broken.shape == drawn[:count].shape
    assert np.array_equal(broken, break_faces(drawn[:count], 1.0, seed=0))
    assert len(find_changed(broken, drawn[:count])) >= count // 2
    assert find_changed(break_faces(drawn, 0.25, seed=0), drawn) <= find_changed(break_faces(drawn, 0.5, seed=0), drawn)
