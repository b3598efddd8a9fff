"""Webtoon strips are cut in their gutters."""

from itertools import pairwise

import numpy as np
import pytest

from mangagan.ingestion.strips import OVERLAP, cut_strip, find_gutters, is_strip, measure_rows
from tests.drawn_pages import compress, draw_art

WIDTH = 400


def build_strip(heights: list[int], gutters: list[int], paper: int = 255) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return a strip of panels with a gutter before each and after the last one, and the rows of each panel."""
    parts, rows, top = [], [], 0
    for number, (height, gutter) in enumerate(zip([*heights, 0], gutters, strict=True)):
        parts.append(np.full((gutter, WIDTH), paper, np.uint8))
        if height:
            panel = np.full((height, WIDTH), paper, np.uint8)
            panel[:, 10:-10] = draw_art(WIDTH - 20, height, number)
            parts.append(panel)
            rows.append((top + gutter, top + gutter + height))
        top += gutter + height
    return np.vstack(parts), rows


def cut(strip: np.ndarray, band: int = 1000) -> list[tuple[int, int]]:
    return cut_strip(measure_rows(strip[top : top + band] for top in range(0, len(strip), band)))


@pytest.mark.parametrize("paper", [255, 0, 128])
@pytest.mark.parametrize("quality", [60, 95])
def test_no_panel_is_cut_and_none_is_lost(paper: int, quality: int) -> None:
    rng = np.random.default_rng(0)
    strip, panels = build_strip(rng.integers(150, 700, 20).tolist(), rng.integers(12, 200, 21).tolist(), paper)
    pieces = cut(compress(strip, quality))
    for top, bottom in panels:
        assert sum(start <= top and bottom <= stop for start, stop in pieces) == 1
    assert all(upper[1] <= lower[0] for upper, lower in pairwise(pieces))
    heights = [(bottom - top) / WIDTH for top, bottom in pieces]
    assert min(heights) >= 0.8 and max(heights) <= 2.4
    assert 1.2 <= np.median(heights) <= 1.8


def test_colour_gutters_are_found_and_equal_gray_levels_of_two_colours_are_not() -> None:
    strip, panels = build_strip([700, 700, 700], [0, 40, 40, 0])
    colour = np.repeat(strip[..., None], 3, 2)
    colour[700:740] = (200, 100, 100)
    colour[1440:1480] = (200, 100, 100)
    colour[1440:1480, ::2] = (100, 151, 100)  # the same gray level
    assert cut(colour) == [(0, 720), (720, len(strip))]
    assert len(panels) == 3


def test_long_blank_stretches_are_left_out() -> None:
    strip, panels = build_strip([700, 700], [3000, 2500, 1000])
    pieces = cut(compress(strip, 80))
    assert len(pieces) == 2
    for (top, bottom), (start, stop) in zip(panels, pieces, strict=True):
        assert 0 <= top - start <= 0.08 * WIDTH and 0 <= stop - bottom <= 0.08 * WIDTH


def test_a_blank_strip_gives_no_piece() -> None:
    assert cut(np.full((3000, WIDTH, 3), 250, np.uint8)) == []
    assert cut_strip(measure_rows([])) == []


def test_a_stretch_without_a_gutter_is_cut_into_pieces_that_overlap() -> None:
    strip = draw_art(WIDTH, 20 * WIDTH, 3)
    pieces = cut(strip)
    assert pieces[0][0] == 0 and pieces[-1][1] == len(strip)
    for (_, above), (below, _) in pairwise(pieces):
        assert OVERLAP * WIDTH <= above - below <= 1.3 * WIDTH
    assert max(bottom - top for top, bottom in pieces) <= 2.5 * WIDTH


def test_a_stretch_of_some_widths_without_a_gutter_stays_whole() -> None:
    strip, _ = build_strip([3 * WIDTH, 300, 300, 300], [0, 30, 30, 30, 0])
    assert cut(strip)[0] == (0, 3 * WIDTH + 15)


def test_a_gradient_is_no_gutter() -> None:
    strip, _ = build_strip([1000, 1000], [0, 600, 0])
    strip[1000:1600] = np.linspace(0, 255, 600).astype(np.uint8)[:, None]
    assert find_gutters(measure_rows([strip])) == []
    assert all(above > below for (_, above), (below, _) in pairwise(cut(strip)))


def test_dust_in_a_gutter_does_not_hide_it() -> None:
    strip, _ = build_strip([700, 700], [0, 40, 0])
    strip[715, 100] = 0
    assert cut(strip) == [(0, 720), (720, 1440)]


def test_a_strip_in_bands_gives_the_same_pieces() -> None:
    strip, _ = build_strip([300] * 12, [20] * 13)
    assert cut(strip, 7) == cut(strip, 331) == cut(strip, len(strip))


def test_only_tall_images_are_strips() -> None:
    assert is_strip(800, 3201) and is_strip(690, 16000)
    assert not is_strip(800, 3200) and not is_strip(1080, 2400) and not is_strip(5000, 800)
