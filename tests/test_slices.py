"""Slices of one strip are joined; pages are not."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from mangagan.ingestion.slices import Cut, SliceEdges, compare_edges, describe_slice, group_slices
from tests.drawn_pages import compress, draw_art, draw_page

WIDTH = 400


def cut(strip: np.ndarray, heights: list[int], quality: int = 80) -> list[SliceEdges]:
    """Return the edges of the slices of a strip, compressed one by one."""
    tops = np.cumsum([0, *heights])[:-1]
    return [
        describe_slice(compress(strip[top : top + height], quality)) for top, height in zip(tops, heights, strict=True)
    ]


def build_strip(panels: int, gutter: int = 60, height: int = 340) -> np.ndarray:
    """Return a strip of panels between gutters."""
    panel = [np.vstack([np.full((gutter, WIDTH), 255, np.uint8), draw_art(WIDTH, height, n)]) for n in range(panels)]
    return np.vstack(panel)


@pytest.mark.parametrize("quality", [60, 90])
def test_all_slices_of_a_strip_are_joined(quality: int) -> None:
    strip = build_strip(10)  # 4000 px
    assert group_slices(cut(strip, [490] * 8, quality)) == [list(range(8))]


def test_a_cut_in_a_gutter_is_joined_because_of_the_other_cuts() -> None:
    strip = build_strip(10)
    edges = cut(strip, [430, 870, 950, 970, 780])  # the first and the last cut lie in gutters
    found = [compare_edges(upper, lower) for upper, lower in pairwise(edges)]
    assert found == [Cut.UNKNOWN, Cut.CONTINUED, Cut.CONTINUED, Cut.UNKNOWN]
    assert group_slices(edges) == [list(range(5))]


def test_a_thin_slice_belongs_to_its_neighbours() -> None:
    strip = draw_art(WIDTH, 2300, 5)
    assert group_slices(cut(strip, [1000, 150, 1000, 150])) == [[0, 1, 2, 3]]


def test_two_strips_and_other_images_are_separate_groups() -> None:
    first, second = draw_art(WIDTH, 1500, 1), draw_art(WIDTH, 1500, 2)
    wide = describe_slice(draw_page(3, width=600))
    edges = [*cut(first, [500] * 3), *cut(second, [500] * 3), wide, describe_slice(draw_page(4, width=WIDTH))]
    assert group_slices(edges) == [[0, 1, 2], [3, 4, 5], [6], [7]]


def test_a_strip_in_colour_and_wider_than_the_description() -> None:
    art = np.repeat(draw_art(1500, 1200, 9)[..., None], 3, 2)
    edges = [describe_slice(art[:600]), describe_slice(art[600:])]
    assert group_slices(edges) == [[0, 1]]
    assert all(len(edge.top) + len(edge.bottom) <= 2048 for edge in edges)


def test_pages_are_never_joined() -> None:
    pages = [draw_page(seed, margin=margin, paper=paper) for seed in range(8) for margin, paper in ((25, 255), (20, 0))]
    bleeding = [draw_art(500, 710, seed) for seed in range(20, 32)]
    edges = [describe_slice(compress(page)) for page in [*pages, *bleeding]]
    assert len(edges) == 28
    assert not any(compare_edges(*pair) is Cut.CONTINUED for pair in permutations(edges, 2))
    assert group_slices(edges) == [[number] for number in range(28)]


def test_pages_of_a_regular_screentone_are_not_joined() -> None:
    columns = np.arange(500)
    pages = []
    for period in (4, 5, 6, 7, 8, 9):
        for phase in (0, 1, 2):
            page = draw_art(500, 700, period)
            page[:20] = page[-20:] = np.where((columns + phase) % period < period / 2, 0, 255)
            page[:20] = np.roll(page[:20], period // 2, axis=1)
            pages.append(page)
    assert group_slices([describe_slice(page) for page in pages]) == [[number] for number in range(18)]


def test_borders_that_all_images_have_are_no_evidence() -> None:
    pages = []
    for seed in range(6):
        page = np.full((710, 640), 90, np.uint8)
        page[:, 70:570] = draw_page(seed, margin=30)
        for column in (10, 30, 60, 575, 600, 620):
            page[:, column : column + 4] = 0
        pages.append(page)
    assert group_slices([describe_slice(page) for page in pages]) == [[number] for number in range(6)]


def test_the_last_tenth_of_a_page_is_joined_to_its_page_and_not_to_the_next_one() -> None:
    slices = []
    for seed in range(5):
        page = draw_page(seed)
        slices += cut(page, [639, 71])
    assert group_slices(slices) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_the_first_and_last_rows_describe_a_high_image() -> None:
    art = draw_art(WIDTH, 3000, 1)
    ends = describe_slice(np.vstack([art[:8], art[-8:]]), height=3000)
    whole = describe_slice(art)
    assert (ends.width, ends.height) == (whole.width, whole.height) == (WIDTH, 3000)
    np.testing.assert_array_equal(ends.top, whole.top)
    np.testing.assert_array_equal(ends.bottom, whole.bottom)
