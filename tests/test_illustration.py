"""Colour illustrations with ground truth."""

from collections import Counter

import numpy as np
import pytest

from mangagan.sample.character import Rng, Style
from mangagan.sample.ground_truth import MIN_USABLE_WIDTH, FaceRow
from mangagan.sample.illustrations.draw import draw_illustration
from mangagan.sample.illustrations.shading import ShadedCanvas, add_light, finish_picture, make_gradient
from mangagan.sample.lettering import Box
from mangagan.sample.strokes import Canvas, rectangle

WIDTH, HEIGHT = 360, 480


@pytest.fixture(scope="module")
def illustrations() -> list[tuple[np.ndarray, list[FaceRow]]]:
    return [draw_illustration(np.random.default_rng(seed), WIDTH, HEIGHT) for seed in range(40)]


def test_rows_are_inside_the_picture(illustrations: list[tuple[np.ndarray, list[FaceRow]]]) -> None:
    for picture, rows in illustrations:
        assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
        for row in rows:
            assert set(row) == {"x", "y", "w", "h", "view", "usable", "character"}
            assert row["x"] >= 0 and row["y"] >= 0 and row["x"] + row["w"] <= WIDTH and row["y"] + row["h"] <= HEIGHT
            assert not row["usable"] or (row["w"] >= MIN_USABLE_WIDTH and row["view"] != "profile")


def test_faces_are_varied(illustrations: list[tuple[np.ndarray, list[FaceRow]]]) -> None:
    rows = [row for _, faces in illustrations for row in faces]
    views = Counter(row["view"] for row in rows)
    assert set(views) == {"front", "threequarter", "profile", "other"}
    usable = sum(row["usable"] for row in rows)
    assert len(rows) >= 40 and 0.5 <= usable / len(rows) <= 0.95
    counts = Counter(len(faces) for _, faces in illustrations)
    assert counts[1] >= 10 and sum(counts[n] for n in (2, 3, 4)) >= 8
    colours = [picture.reshape(-1, 3).mean(0).std() for picture, _ in illustrations]
    assert np.mean(np.array(colours) > 2) > 0.6  # most are not gray


def test_usable_faces_show_skin_and_dark_lines(illustrations: list[tuple[np.ndarray, list[FaceRow]]]) -> None:
    for picture, rows in illustrations:
        for row in rows:
            if row["usable"]:
                face = picture[row["y"] : row["y"] + row["h"], row["x"] : row["x"] + row["w"]].mean(-1)
                assert face.max() - face.min() > 60


def test_same_seed_gives_the_same_picture() -> None:
    first, again, other = (draw_illustration(np.random.default_rng(seed), 200, 260) for seed in (4, 4, 5))
    assert np.array_equal(first[0], again[0]) and first[1] == again[1]
    assert not np.array_equal(first[0], other[0])


def test_faces_that_are_painted_over_are_not_listed_or_not_usable() -> None:
    def hide(canvas: Canvas, rng: Rng, style: Style, faces: list[Box]) -> None:
        for x, y, w, h in faces:
            canvas.fill(rectangle(x - 2, y - 2, w + 4, h + 4), (0, 90, 250))

    def hide_left_half(canvas: Canvas, rng: Rng, style: Style, faces: list[Box]) -> None:
        for x, y, w, h in faces:
            canvas.fill(rectangle(x - 2, y - 2, w / 2 + 2, h + 4), (0, 90, 250))

    listed = 0
    for seed in range(12):
        plain = draw_illustration(np.random.default_rng(seed), WIDTH, HEIGHT, None)[1]
        listed += sum(row["usable"] for row in plain)
        assert draw_illustration(np.random.default_rng(seed), WIDTH, HEIGHT, hide)[1] == []
        half = draw_illustration(np.random.default_rng(seed), WIDTH, HEIGHT, hide_left_half)[1]
        assert not any(row["usable"] for row in half)
    assert listed >= 8


def test_things_are_drawn_behind_and_around_the_faces() -> None:
    calls: list[int] = []

    def record(canvas: Canvas, rng: Rng, style: Style, faces: list[Box]) -> None:
        assert canvas.pixels.ndim == 3 and style.colour
        calls.append(len(faces))

    rows = draw_illustration(np.random.default_rng(3), WIDTH, HEIGHT, record)[1]
    assert rows and calls[0] == 0 and calls[1] >= len(rows)


def test_small_illustrations_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"illustration of 127 x 300 px is too small. Choose sides of 128 px or more"):
        draw_illustration(np.random.default_rng(0), 127, 300)
    assert draw_illustration(np.random.default_rng(0), 128, 128)[0].shape == (128, 128, 3)


def test_gradient_has_the_given_colours_at_its_ends() -> None:
    down = make_gradient(50, 20, [(200, 0, 10), (0, 100, 250)], 0.0)
    assert down.shape == (50, 20, 3)
    assert np.array_equal(down[0, 0], (200, 0, 10)) and np.array_equal(down[-1, 5], (0, 100, 250))
    assert (np.diff(down[:, 0, 0].astype(int)) <= 0).all()


def test_shaded_canvas_fills_large_shapes_from_light_to_dark_inside_their_clip() -> None:
    canvas = ShadedCanvas(60, 60, 1, contrast=0.5, line_scale=0.5, line_tint=0.0)
    canvas.fill(rectangle(0, 0, 59, 59), (120, 120, 120), rectangle(10, 10, 20, 40))
    rows = canvas.pixels[12:48, 20].mean(-1)
    assert rows[0] > 130 > 110 > rows[-1] and (np.diff(rows) <= 0).all()
    assert (canvas.pixels[:, 35:] == 255).all()
    flat = ShadedCanvas(60, 60, 1, contrast=0.0, line_scale=0.5, line_tint=0.0)
    flat.fill(rectangle(0, 0, 59, 59), (120, 130, 140))
    assert (flat.pixels[5:50, 5:50] == (120, 130, 140)).all()


def test_light_fades_out_and_can_be_limited_to_a_colour() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, 20:] = (200, 0, 0)
    add_light(pixels, 20, 20, 15, (255, 255, 255), 1.0, near=(200, 0, 0))
    assert (pixels[:, :20] == 0).all() and (pixels[20, 20] > 250).all()
    assert tuple(pixels[20, 36]) == (200, 0, 0)
    assert 0 < pixels[20, 30, 1] < pixels[20, 22, 1]


def test_finish_keeps_size_and_content() -> None:
    gradient = make_gradient(64, 64, [(250, 240, 230), (20, 30, 60)], 0.0)
    for seed in range(20):
        finished = finish_picture(np.random.default_rng(seed), gradient.copy())
        assert finished.shape == gradient.shape and finished.dtype == np.uint8
        assert finished[:16].mean() - finished[48:].mean() > 60
