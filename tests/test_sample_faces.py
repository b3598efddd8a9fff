"""Drawn faces of all ages and styles: free eyes, framing, variety."""

from dataclasses import replace

import numpy as np
import pytest

from mangagan.sample.character import Pose, Style, sample_character
from mangagan.sample.strokes import Canvas
from mangagan.sample.varied.eyes import EYES
from mangagan.sample.varied.head import draw_varied_head
from mangagan.sample.varied.pictures import BOX_SHARE, draw_varied_face, draw_varied_face_picture
from mangagan.sample.varied.traits import AGES, EYE_KINDS, HAIRS, HATS, FaceTraits, sample_traits

SIZE = 96  # side of the test pictures [px]
ALL_HAIRS = sorted({hair for hairs in HAIRS.values() for hair in hairs})


def draw_head_with(seed: int, **changes: object) -> tuple[np.ndarray, tuple[tuple[float, float], ...], FaceTraits]:
    """Return the picture of a frontal face with the given traits, the centres of its eyes, and the traits."""
    rng = np.random.default_rng(seed)
    style = Style("test")
    person = replace(sample_character(rng, style), fringe="straight")
    calm = {"shade": "none", "marks": (), "wrinkles": 0.0, "skin_level": 0.0, "hat": "none", "gaps": 0.0}
    traits = replace(sample_traits(rng), **{**calm, **changes})  # type: ignore[arg-type]
    canvas = Canvas(SIZE, SIZE, False)
    face = draw_varied_head(canvas, rng, style, person, traits, Pose(SIZE / 2, SIZE / 2, 0.29 * SIZE))
    return canvas.render(), face.eyes, traits


@pytest.mark.parametrize("colour", [False, True], ids=["ink", "colour"])
def test_picture_has_the_size_the_label_and_the_same_pixels_for_the_same_seed(colour: bool) -> None:
    for seed in range(4):
        first, label = draw_varied_face_picture(np.random.default_rng(seed), SIZE, colour)
        again, _ = draw_varied_face_picture(np.random.default_rng(seed), SIZE, colour)
        assert label == "usable"
        assert first.dtype == np.uint8 and first.shape == ((SIZE, SIZE, 3) if colour else (SIZE, SIZE))
        assert np.array_equal(first, again) and first.std() > 5


def test_face_fills_the_picture_as_in_the_crop_of_a_detector() -> None:
    for seed in range(25):
        _, face = draw_varied_face(np.random.default_rng(seed), SIZE, False)
        assert 0.87 * BOX_SHARE < max(face.w, face.h) / SIZE < 1.13 * BOX_SHARE
        centre = np.array([face.x + face.w / 2, face.y + face.h / 2]) / SIZE
        assert (np.abs(centre - 0.5) <= 0.051).all()
        assert len(face.eyes) == 2
        for x, y in face.eyes:
            assert face.x < x < face.x + face.w and face.y < y < face.y + face.h


@pytest.mark.parametrize("eyes", EYES)
def test_each_kind_of_eye_leaves_ink_at_both_eyes(eyes: str) -> None:
    plain = {"hair": "bald", "brow": 0.0, "beard": "none", "nose": "none", "gaze": (0.0, 0.0), "pitch": 0.0}
    picture, centres, traits = draw_head_with(3, eyes=eyes, eye_w=0.2, eye_h=0.12, **plain)
    reach = int(np.ceil(0.25 * 0.29 * SIZE))
    for x, y in centres:
        patch = picture[int(y) - reach : int(y) + reach, int(x) - reach : int(x) + reach]
        assert patch.min() < 120 and patch.max() > 240, traits.eyes


@pytest.mark.parametrize("hat", HATS)
@pytest.mark.parametrize("hair", ALL_HAIRS)
def test_neither_hair_nor_hat_changes_the_pixels_of_the_eyes(hair: str, hat: str) -> None:
    for seed in (1, 2, 5):
        shared = {"eyes": "dot", "eye_w": 0.12, "eye_h": 0.12, "brow": 0.0, "beard": "none", "hair_level": 0.5}
        picture, centres, _ = draw_head_with(seed, hair=hair, hat=hat, **shared)
        for x, y in centres:
            assert picture[int(y), int(x)] < 60, (seed, hair, hat)
            below = picture[int(y + 0.19 * 0.29 * SIZE), int(x)]
            assert below > 200, (seed, hair, hat)  # skin below the eye


def test_every_age_has_its_features() -> None:
    assert set(AGES) == set(EYE_KINDS) == set(HAIRS)
    drawn = [sample_traits(np.random.default_rng(seed)) for seed in range(400)]
    assert {traits.age for traits in drawn} == set(AGES)
    assert {traits.eyes for traits in drawn} == set(EYES)
    assert {traits.hair for traits in drawn} == set(ALL_HAIRS)
    assert {traits.hat for traits in drawn} == set(HATS)
    bald = np.mean([traits.hair in ("bald", "sides", "buzz", "receding") for traits in drawn])
    assert 0.15 < bald < 0.5
    for traits in drawn:  # eyes do not overlap each other or the mouth
        assert traits.eye_w < traits.eye_x and traits.eye_y + traits.eye_h < traits.mouth_y < traits.chin


def test_picture_below_eight_pixels_is_rejected() -> None:
    with pytest.raises(ValueError, match="Choose 8 or more"):
        draw_varied_face_picture(np.random.default_rng(0), 7, False)
