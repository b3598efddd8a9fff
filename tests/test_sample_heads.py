"""Drawn heads without a usable face, objects in front of faces, and the pictures made of them."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from mangagan.sample.character import STYLES, Pose, sample_character, sample_expression
from mangagan.sample.ground_truth import FaceTruth, make_face_row
from mangagan.sample.head import draw_head
from mangagan.sample.heads.covers import COVER_KINDS, cover_face, measure_cover
from mangagan.sample.heads.hidden import FACE_KINDS, HEAD_KINDS, HIDDEN_KINDS, draw_hidden_head
from mangagan.sample.heads.pictures import PICTURE_KINDS, draw_covered_face_picture, draw_hidden_head_picture
from mangagan.sample.layout import Panel
from mangagan.sample.strokes import Canvas, rectangle

SIZE = 160  # side of the test pictures [px]
FACE = FaceTruth(20, 20, 60, 60, "front", ((36.0, 45.0), (64.0, 45.0)), "someone")


def draw_one_hidden_head(kind: str, style: Any, seed: int = 3) -> tuple[np.ndarray, FaceTruth | None]:
    rng = np.random.default_rng(seed)
    canvas = Canvas(SIZE, SIZE, style.colour)
    pose = Pose(SIZE / 2, SIZE / 2, 0.28 * SIZE, float(rng.uniform(0, 0.35)), roll=float(rng.uniform(-10, 10)))
    face = draw_hidden_head(canvas, style, sample_character(rng, style), pose, kind, rng)
    return canvas.render(), face


@pytest.mark.parametrize("style", [STYLES[1], STYLES[2]], ids=["ink", "colour"])
@pytest.mark.parametrize("kind", HIDDEN_KINDS)
def test_hidden_head_has_no_row_or_a_row_that_is_not_usable(kind: str, style: Any) -> None:
    picture, face = draw_one_hidden_head(kind, style)
    assert picture.std() > 20  # something was drawn
    assert (face is None) == (kind in HEAD_KINDS)
    if face is None:
        return
    assert face.view == "other" and len(face.eyes) < 2
    row = make_face_row(face, Panel(rectangle(0, 0, SIZE, SIZE)), np.full((SIZE, SIZE), 255, np.uint8))
    assert row is not None and row["usable"] is False and row["view"] == "other"
    centre = (face.x + face.w / 2, face.y + face.h / 2)
    assert np.hypot(centre[0] - SIZE / 2, centre[1] - SIZE / 2) < 0.2 * SIZE


def test_hidden_head_is_the_same_for_the_same_character() -> None:
    style = STYLES[0]
    person = sample_character(np.random.default_rng(5), style)
    pictures = []
    for _ in range(2):
        canvas = Canvas(SIZE, SIZE, False)
        draw_hidden_head(canvas, style, person, Pose(80, 80, 44), "back")
        pictures.append(canvas.render())
    assert np.array_equal(pictures[0], pictures[1])


def test_only_the_one_eye_in_an_inset_panel_is_listed() -> None:
    for seed in range(5):
        for kind in ("half_face", "one_eye"):
            _, face = draw_one_hidden_head(kind, STYLES[0], seed)
            assert face is not None and len(face.eyes) == 1
        _, mouth = draw_one_hidden_head("mouth", STYLES[0], seed)
        assert mouth is not None and mouth.eyes == ()


def test_bar_hides_both_eyes_with_ink() -> None:
    canvas, style = Canvas(SIZE, SIZE, False), STYLES[0]
    pose = Pose(80, 80, 44)
    draw_hidden_head(canvas, style, sample_character(np.random.default_rng(0), style), pose, "bar")
    eyes = pose.to_pixels(np.array([[-0.46, 0.13], [0.46, 0.13]])).round().astype(int)
    picture = canvas.render()
    assert all(picture[y - 5 : y + 6, x - 5 : x + 6].max() < 20 for x, y in eyes)


def test_unknown_kinds_are_rejected_with_the_known_ones() -> None:
    canvas, style = Canvas(64, 64, False), STYLES[0]
    person = sample_character(np.random.default_rng(0), style)
    with pytest.raises(ValueError, match=r"'hat' is unknown. Choose one of: back, turned"):
        draw_hidden_head(canvas, style, person, Pose(32, 32, 16), "hat")
    with pytest.raises(ValueError, match=r"'hat' is unknown. Choose one of: balloon"):
        cover_face(canvas, np.random.default_rng(0), FACE, "hat")
    with pytest.raises(ValueError, match=r"'hat' is unknown"):
        draw_hidden_head_picture(np.random.default_rng(0), 64, False, "hat")
    with pytest.raises(ValueError, match=r"size is 7 px. Choose 8 or more"):
        draw_covered_face_picture(np.random.default_rng(0), 7, False)


@pytest.mark.parametrize(
    ("box", "eyes", "covered", "visible"),
    [
        ((0, 0, 0, 0), "free", 0.0, 2),
        ((20, 58, 60, 22), "free", 0.32, 2),  # mouth and chin: 22 of 60 rows of an ellipse
        ((0, 0, 50, 100), "hidden", 0.5, 1),  # half of the face with one eye
        ((20, 35, 60, 20), "hidden", 0.42, 0),  # a band over both eyes
        ((0, 0, 36, 100), "partly", 0.2, 2),  # up to the centre of one eye
        ((0, 52, 100, 48), "partly", 0.45, 2),  # all below the eyes, and their lower edges
    ],
)
def test_known_covers(box: tuple[int, int, int, int], eyes: str, covered: float, visible: int) -> None:
    x, y, w, h = box
    opacity = np.zeros((100, 100), np.uint8)
    opacity[y : y + h, x : x + w] = 255
    cover = measure_cover(FACE, opacity)
    assert (cover.eyes, len(cover.face.eyes)) == (eyes, visible)
    assert cover.face.covered == pytest.approx(covered, abs=0.04)


def test_face_that_reaches_out_of_the_picture_is_hidden() -> None:
    assert measure_cover(FACE, np.zeros((100, 40), np.uint8)).eyes == "hidden"


@pytest.mark.parametrize("kind", COVER_KINDS)
def test_reported_cover_matches_the_changed_pixels(kind: str) -> None:
    """Drawn on black and on white, an object has the same pixels where it is opaque."""
    for seed in range(6):
        pictures = [np.full((100, 100), level, np.uint8) for level in (0, 255)]
        covers = [cover_face(pixels, np.random.default_rng(seed), FACE, kind) for pixels in pictures]
        opacity = 255 - (pictures[1].astype(int) - pictures[0])
        expected = measure_cover(FACE, np.clip(opacity, 0, 255).astype(np.uint8))
        assert covers[0] == covers[1]
        assert covers[0].face.covered == pytest.approx(expected.face.covered, abs=0.02)
        assert covers[0].eyes == expected.eyes


def test_objects_leave_some_eyes_free_and_hide_others() -> None:
    for kind in COVER_KINDS:
        states = Counter(
            cover_face(np.full((100, 100), 255, np.uint8), np.random.default_rng(seed), FACE, kind).eyes
            for seed in range(25)
        )
        assert states["hidden"] + states["partly"] >= 3 and states["free"] + states["partly"] >= 2, kind


def test_cover_is_the_same_on_a_canvas_and_on_its_pixels() -> None:
    style = STYLES[0]
    canvas = Canvas(SIZE, SIZE, False)
    rng = np.random.default_rng(1)
    face = draw_head(canvas, style, sample_character(rng, style), sample_expression(rng), Pose(80, 80, 44))
    picture = canvas.render()
    on_canvas = cover_face(canvas, np.random.default_rng(2), face, "balloon")
    on_pixels = cover_face(picture, np.random.default_rng(2), face, "balloon")
    assert on_canvas.eyes == on_pixels.eyes
    assert on_canvas.face.covered == pytest.approx(
        on_pixels.face.covered, abs=0.04
    )  # lines are rounded to whole pixels
    assert np.abs(canvas.render().astype(int) - picture).mean() < 6


@pytest.mark.parametrize("colour", [False, True])
def test_pictures_have_the_label_of_their_kind(colour: bool) -> None:
    for index, kind in enumerate(PICTURE_KINDS):
        picture, label = draw_hidden_head_picture(np.random.default_rng(index), 96, colour, kind)
        assert picture.shape == ((96, 96, 3) if colour else (96, 96)) and picture.dtype == np.uint8
        assert picture.std() > 8
        assert label == ("no face" if kind in HEAD_KINDS else "face, eyes hidden")
    assert set(PICTURE_KINDS) == {*HEAD_KINDS, *FACE_KINDS, "profile"}


@pytest.mark.parametrize("colour", [False, True])
def test_pictures_of_covered_faces_have_every_label_and_repeat(colour: bool) -> None:
    labels = Counter(draw_covered_face_picture(np.random.default_rng(seed), 64, colour)[1] for seed in range(30))
    assert set(labels) == {"usable", "unknown", "face, eyes hidden"} and min(labels.values()) >= 2
    first, again = (draw_covered_face_picture(np.random.default_rng(9), 64, colour)[0] for _ in range(2))
    assert np.array_equal(first, again)
