"""Things of the sample manga: they are drawn where they should be, and faces stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mangagan.detector_training.labels import draw_sample_pages
from mangagan.detector_training.scenes import SCENE_SIZE, draw_scene
from mangagan.sample.character import STYLES, Style
from mangagan.sample.page import draw_page
from mangagan.sample.strokes import WHITE, Canvas
from mangagan.sample.things.backdrops import draw_backdrop
from mangagan.sample.things.brush import PALETTES, measure_ink, sample_colour
from mangagan.sample.things.kinds import KINDS, draw_thing, draw_thing_picture, sample_kind, sample_thing_style
from mangagan.sample.things.outlines import PETALS, petal
from mangagan.sample.things.scattered import draw_things_behind, draw_things_beside

SIDE, UNIT = 160, 40.0  # picture side and radius of the thing [px]


def draw_on_gray(kind: str, seed: int, colour: bool) -> np.ndarray:
    """Return a thing in the middle of a gray picture."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(SIDE, SIDE, colour, paper=(128, 128, 128))
    draw_thing(canvas, rng, sample_thing_style(rng, colour), kind, SIDE / 2, SIDE / 2, UNIT)
    return canvas.render()


def find_drawn_pixels(picture: np.ndarray) -> np.ndarray:
    """Return True where a picture is not its gray paper, bool (H, W)."""
    different = np.abs(picture.astype(int) - 128) > 3
    return different.any(-1) if different.ndim == 3 else different


@pytest.mark.parametrize("colour", [False, True], ids=["ink", "colour"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_at_its_place_with_its_size(kind: str, colour: bool) -> None:
    pictures = [draw_on_gray(kind, seed, colour) for seed in range(4)]
    drawn = np.stack([find_drawn_pixels(picture) for picture in pictures])
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    distance = np.hypot(rows, columns)
    assert not drawn[:, distance > 2.2 * UNIT].any()
    assert drawn[:, distance < 1.1 * UNIT].mean() > 0.04
    assert all(mask.sum() > 0.08 * np.pi * UNIT**2 for mask in drawn)
    assert drawn[:, (distance > 0.55 * UNIT)].any()
    for index, one in enumerate(pictures):
        assert np.array_equal(one, draw_on_gray(kind, index, colour))
        for other in pictures[:index]:
            assert np.abs(one.astype(int) - other).mean() > 1.0


def test_things_in_colour_have_colour_and_things_in_ink_are_black_and_white() -> None:
    coloured = [draw_on_gray(kind, 5, True) for kind in KINDS]
    spread = [float(np.ptp(picture[find_drawn_pixels(picture)].astype(int), axis=1).mean()) for picture in coloured]
    assert np.median(spread) > 30
    inked = [draw_on_gray(kind, 5, False) for kind in KINDS]
    extremes = [float(((p < 40) | (p > 230))[find_drawn_pixels(p)].mean()) for p in inked]
    assert np.median(extremes) > 0.7


def test_draw_thing_picture_has_size_type_and_variety() -> None:
    for colour in (False, True):
        kinds = set()
        for seed in range(60):
            picture, kind = draw_thing_picture(np.random.default_rng(seed), 64, colour)
            assert picture.dtype == np.uint8 and picture.shape == ((64, 64, 3) if colour else (64, 64))
            assert picture.flags.c_contiguous
            assert picture[16:48, 16:48].std() > 2, (kind, seed)
            kinds.add(kind)
        assert kinds <= set(KINDS) and len(kinds) > 25
    again = [draw_thing_picture(np.random.default_rng(7), 300, True)[0] for _ in range(2)]
    assert again[0].shape == (300, 300, 3) and np.array_equal(again[0], again[1])
    with pytest.raises(ValueError, match="16"):
        draw_thing_picture(np.random.default_rng(0), 15, True)


def test_every_kind_is_sampled() -> None:
    rng = np.random.default_rng(0)
    assert {sample_kind(rng) for _ in range(3000)} == set(KINDS)


def test_things_beside_faces_change_no_pixel_of_a_face() -> None:
    style = sample_thing_style(np.random.default_rng(0), colour=True)
    faces = [(40.0, 30.0, 90.0, 95.0), (230.5, 140.2, 60.0, 66.0)]
    box = (0.0, 0.0, 400.0, 300.0)
    for seed in range(12):
        canvas = Canvas(400, 300, True)
        draw_things_beside(canvas, np.random.default_rng(seed), style, box, 8.0, faces)
        picture = canvas.render()
        for x, y, w, h in faces:
            assert (picture[int(y) : int(np.ceil(y + h)), int(x) : int(np.ceil(x + w))] == 255).all()
        assert (picture != 255).any(-1).mean() > 0.02


def test_no_things_without_an_expected_number() -> None:
    canvas = Canvas(200, 200, False)
    style = STYLES[0]
    draw_things_behind(canvas, np.random.default_rng(0), style, (0.0, 0.0, 200.0, 200.0), 0.0)
    draw_things_beside(canvas, np.random.default_rng(0), style, (0.0, 0.0, 200.0, 200.0), 0.0, [])
    assert (canvas.pixels == 255).all()


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.title)
def test_backdrops_fill_the_canvas_and_differ(style: Style) -> None:
    pictures = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        canvas = Canvas(120, 90, style.colour, paper=WHITE)
        draw_backdrop(canvas, rng, style, (120, 90))
        pictures.append(canvas.render().astype(int))
    differences = [np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[:i]]
    assert np.mean(np.array(differences) > 8) > 0.7


def test_palettes_give_the_named_colours() -> None:
    rng = np.random.default_rng(1)
    samples = {name: np.array([sample_colour(rng, name) for _ in range(200)]) for name in PALETTES}
    assert all(((colours >= 0) & (colours <= 255)).all() for colours in samples.values())
    assert (samples["leaf"].argmax(1) == 1).mean() > 0.9
    assert (samples["red"].argmax(1) == 0).all()
    assert samples["dark"].max() < 80 and samples["pale"].min() > 180
    assert measure_ink((0, 0, 0)) == 1 and measure_ink(WHITE) == pytest.approx(0)


@pytest.mark.parametrize("kind", PETALS)
def test_petals_have_length_one_and_the_given_width(kind: str) -> None:
    shape = petal(kind, 0.4)
    assert shape[:, 1].min() == pytest.approx(-1.0, abs=0.07) and shape[:, 1].max() == pytest.approx(0.0, abs=0.03)
    assert np.abs(shape[:, 0]).max() == pytest.approx(0.4, rel=0.4)
    assert shape[:, 0].sum() == pytest.approx(0.0, abs=0.4)


def draw_sprite() -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Return a sprite of one colour, with a face in its middle."""
    sprite = np.zeros((120, 80, 4), np.uint8)
    sprite[...] = (200, 90, 60, 255)
    sprite[30:60, 20:60, :3] = (250, 220, 200)
    return sprite, (20, 30, 40, 30)


def test_scenes_show_things_but_no_face_is_covered() -> None:
    background = np.full((300, 420, 3), 240, np.uint8)
    checked = busy = 0
    for seed in range(16):
        scene = draw_scene(np.random.default_rng(seed), [draw_sprite()], [background])
        assert scene.pixels.shape[:2] == SCENE_SIZE
        busy += float(np.abs(np.diff(scene.pixels.astype(int), axis=0)).mean()) > 1
        if scene.pixels.ndim == 2:
            continue
        for x, y, w, h in scene.faces[:, :4]:
            x0, y0, x1, y1 = (int(v) for v in (x + 0.2 * w, y + 0.2 * h, x + 0.8 * w, y + 0.8 * h))
            inside = scene.pixels[max(y0, 0) : y1, max(x0, 0) : x1].astype(int)
            if inside.size:
                checked += 1
                assert np.abs(inside - (250, 220, 200)).max() < 12
    assert checked > 8 and busy > 8


def test_sample_pages_for_training_show_things() -> None:
    pages = draw_sample_pages(3, 6, 420, 600)
    again = draw_sample_pages(3, 6, 420, 600)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(pages, again, strict=True))
    assert [page.pixels.ndim for page in pages] == [2, 2, 3, 2, 2, 3]
    assert sum(len(page.faces) for page in pages) > 12


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.title)
def test_things_on_a_page_change_neither_the_rows_nor_the_faces(style: Style) -> None:
    sharp = replace(style, softness=0.0)
    for seed in range(3):
        plain, rows = draw_page(np.random.default_rng(seed), sharp, 600, 850)
        full, rows_with_things = draw_page(np.random.default_rng(seed), sharp, 600, 850, things=2.5)
        assert rows and rows == rows_with_things
        assert (plain != full).mean() > 0.01
        for row in rows:
            # the middle of the box is inside the face; its corners may show the background
            x, y = (int(row[a] + 0.3 * row[s]) for a, s in (("x", "w"), ("y", "h")))
            x1, y1 = (int(row[a] + 0.7 * row[s]) for a, s in (("x", "w"), ("y", "h")))
            assert np.array_equal(plain[y:y1, x:x1], full[y:y1, x:x1])
