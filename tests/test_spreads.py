"""Spreads are split at the gutter; single pictures stay whole."""

import numpy as np
import pytest
from PIL import Image

from mangagan.ingestion.boxes import Box
from mangagan.ingestion.reduction import reduce_image
from mangagan.ingestion.spreads import find_gutter, split_page, split_spread
from tests.drawn_pages import HEIGHT, WIDTH, compress, draw_art, draw_page

ASPECT = WIDTH / HEIGHT


def join(seed: int, gutter: int = 0, level: int = 255, margin: int = 25, paper: int = 255) -> np.ndarray:
    """Return two pages with an empty gutter between them."""
    left, right = (draw_page(2 * seed + side, margin=margin, paper=paper) for side in (0, 1))
    return np.hstack([left, np.full((HEIGHT, gutter), level, np.uint8), right])


def add_shadow(spread: np.ndarray) -> np.ndarray:
    distance = np.abs(np.arange(spread.shape[1]) - spread.shape[1] / 2)
    return (spread * (1 - 0.7 * np.exp(-distance / 12))).astype(np.uint8)


def rotate(spread: np.ndarray, degrees: float) -> np.ndarray:
    return np.asarray(Image.fromarray(spread).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255))


def is_right(spread: np.ndarray, gutter: float, aspect: float | None = ASPECT) -> bool:
    found = find_gutter(spread, aspect)
    return found is not None and abs(found - gutter) <= 0.02 * spread.shape[1]


@pytest.mark.parametrize("aspect", [ASPECT, None])
@pytest.mark.parametrize("seed", range(2))
def test_spreads_with_margins(seed: int, aspect: float | None) -> None:
    plain = join(seed)
    assert is_right(compress(plain), WIDTH, aspect)
    assert is_right(compress(join(seed, 30)), WIDTH + 15, aspect)
    assert is_right(compress(add_shadow(plain)), WIDTH, aspect)
    assert is_right(compress(join(seed, paper=0)), WIDTH, aspect)
    for degrees in (-2, 1):
        assert is_right(compress(rotate(add_shadow(plain), degrees)), WIDTH, aspect)


def test_a_dark_fold_between_margins() -> None:
    for seed in range(3):
        assert is_right(compress(join(seed, 8, 20)), WIDTH + 4)


def test_unequal_margins_and_a_gutter_off_the_middle() -> None:
    spread = join(5)
    assert is_right(spread[:, 15:], WIDTH - 15)
    assert is_right(spread[:, :-20], WIDTH)


def test_full_bleed_pages_are_split_at_the_seam() -> None:
    right = 0
    for seed in range(10):
        spread = np.hstack([draw_art(WIDTH, HEIGHT, 2 * seed), draw_art(WIDTH, HEIGHT, 2 * seed + 1)])
        found = find_gutter(compress(spread), ASPECT)
        right += found is not None and abs(found - WIDTH) <= 4
    assert right >= 9


def test_a_bleeding_page_beside_a_page_with_margins() -> None:
    for seed in range(5):
        spread = np.hstack([draw_art(WIDTH, HEIGHT, seed), draw_page(seed)])
        assert is_right(compress(spread), WIDTH)


def test_a_cover_beside_a_blank_page() -> None:
    blank = np.full((HEIGHT, WIDTH), 250, np.uint8)
    assert is_right(compress(np.hstack([blank, draw_art(WIDTH, HEIGHT, 1)])), WIDTH)
    assert is_right(compress(np.hstack([draw_page(1), blank])), WIDTH)


def test_a_drawing_across_the_gutter_stays_whole() -> None:
    for seed in range(5):
        drawing = draw_art(2 * WIDTH, HEIGHT, seed)
        assert find_gutter(compress(drawing), ASPECT) is None
        assert find_gutter(compress(drawing), None) is None
    spread = join(3)
    spread[:240, 100:900] = draw_art(800, 240, 5)  # the upper tier crosses the gutter
    assert find_gutter(spread, ASPECT) is None


def test_a_row_of_panels_stays_whole() -> None:
    row = np.full((350, 1000), 255, np.uint8)
    for number in range(4):
        row[20:-20, 250 * number + 20 : 250 * number + 230] = draw_art(210, 310, number)
    assert find_gutter(row, ASPECT) is None
    assert find_gutter(row, None) is None


def test_other_landscape_pictures_stay_whole() -> None:
    gradient = np.repeat(np.linspace(40, 220, 1000).astype(np.uint8)[None], 700, 0)
    card = np.full((700, 1000), 255, np.uint8)
    card[300:400, 350:650] = draw_art(300, 100, 1)
    for picture in (gradient, gradient[:, ::-1], card, np.full((700, 1000), 255, np.uint8), draw_page(1, 1000, 700)):
        assert find_gutter(picture, ASPECT) is None
        assert find_gutter(picture, None) is None
    assert find_gutter(draw_art(1280, 560, 2), ASPECT) is None  # too wide
    assert find_gutter(join(1), 0.4) is None  # no page of the title has this aspect
    assert find_gutter(np.full((5, 9), 255, np.uint8), None) is None


def test_colour_is_read_and_the_size_does_not_matter() -> None:
    spread = join(2)
    large = np.asarray(Image.fromarray(spread).resize((4 * WIDTH, 2 * HEIGHT)).convert("RGB"))
    assert is_right(large, 2 * WIDTH)
    small = np.asarray(Image.fromarray(spread).resize((WIDTH, HEIGHT // 2)))
    assert is_right(small, WIDTH / 2)


def test_pages_come_in_reading_order() -> None:
    left, right = Box(0, 0, 40, 90), Box(40, 0, 60, 90)
    assert split_spread(100, 90, 40, right_to_left=True) == [right, left]
    assert split_spread(100, 90, 40, right_to_left=False) == [left, right]


def test_modes() -> None:
    spread, drawing, page = join(1), draw_art(2 * WIDTH, HEIGHT, 1), draw_page(1)
    halves = [Box(WIDTH, 0, WIDTH, HEIGHT), Box(0, 0, WIDTH, HEIGHT)]
    whole, single = [Box(0, 0, 2 * WIDTH, HEIGHT)], [Box(0, 0, WIDTH, HEIGHT)]
    assert split_page(spread, "auto", True, ASPECT) == halves
    assert split_page(spread, "always", True, ASPECT) == halves
    assert split_page(spread, "never", True, ASPECT) == whole
    assert split_page(drawing, "auto", True, ASPECT) == whole
    assert split_page(drawing, "always", False) == halves[::-1]
    assert all(split_page(page, mode, True, ASPECT) == single for mode in ("auto", "always", "never"))


def test_bands_of_a_large_image_are_reduced_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mangagan.ingestion.reduction.BAND_PIXELS", 20_000)
    pixels = np.random.default_rng(0).integers(0, 256, (1003, 701, 3), np.uint8)
    for factor in (1, 2, 7):
        whole = Image.fromarray(pixels).reduce(factor)
        assert (reduce_image(pixels, factor, gray=False) == np.asarray(whole)).all()
        gray = Image.fromarray(pixels).convert("L").reduce(factor)
        assert (reduce_image(pixels, factor, gray=True) == np.asarray(gray)).all()
