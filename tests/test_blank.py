"""Blank pages are recognised; pages with little on them are kept."""

import cv2
import numpy as np
import pytest

from mangagan.ingestion.blank import describe_blank
from tests.drawn_pages import compress, draw_page

HEIGHT, WIDTH = 1170, 830


def make_paper(level: int = 255, scale: int = 1) -> np.ndarray:
    return np.full((HEIGHT * scale, WIDTH * scale), level, np.uint8)


def add_noise(page: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, page.shape)
    return compress((page + noise).clip(0, 255).astype(np.uint8))


def add_dust(page: np.ndarray, count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    page = page.copy()
    for _ in range(count):
        row, column, size = rng.integers((5, 5, 1), (page.shape[0] - 5, page.shape[1] - 5, 3))
        page[row : row + size, column : column + size] = rng.integers(0, 150)
    return page


def write(page: np.ndarray, text: str, x: int, y: int, scale: float = 0.7, tone: int = 0) -> np.ndarray:
    return cv2.putText(page.copy(), text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, tone, max(1, int(2 * scale)))


def shade(page: np.ndarray) -> np.ndarray:
    """Return a page with the shading of a scan: a dark edge, and one end darker than the other."""
    rows, columns = np.mgrid[: page.shape[0], : page.shape[1]]
    return (page - 90 * np.exp(-columns / 6) - 40 * rows / page.shape[0]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (make_paper(), "blank page"),
        (make_paper(128), "blank page"),
        (add_noise(make_paper(225), 10), "blank page"),
        (add_dust(add_noise(make_paper(245), 3), 20), "blank page"),
        (shade(add_noise(make_paper(250), 4)), "blank page"),
        (write(make_paper(), "127", 400, 1140), "blank page"),
        (add_noise(write(make_paper(245), "127", 40, 1140, tone=30), 3), "blank page"),
        (write(make_paper(), "sample of a shop", 100, 600, 2, tone=235), "blank page"),
        (make_paper(250, 2), "blank page"),
        (np.full((HEIGHT, WIDTH, 3), (200, 30, 30), np.uint8), "blank page"),
        (make_paper(0), "all black page"),
        (add_noise(make_paper(14), 6), "all black page"),
        (np.full((HEIGHT, WIDTH, 3), (20, 16, 30), np.uint8), "all black page"),
    ],
)
def test_blank_pages(page: np.ndarray, reason: str) -> None:
    assert describe_blank(page) == reason


def test_a_small_drawing_is_a_page() -> None:
    for paper in (255, 0):
        page = make_paper(paper)
        page[500:560, 400:450] = draw_page(3, 50, 60, 2, paper)
        assert describe_blank(page) == ""


@pytest.mark.parametrize("paper", [255, 0, 128])
@pytest.mark.parametrize("scale", [1, 2])
def test_one_line_of_dialogue_is_a_page(paper: int, scale: int) -> None:
    page = make_paper(paper, scale)
    ink = 255 if paper == 0 else 0
    assert describe_blank(write(page, "Hm...", 400 * scale, 500 * scale, 0.9 * scale, ink)) == ""
    assert describe_blank(write(page, "to be continued", 300 * scale, 1130 * scale, 0.8 * scale, ink)) == ""


def test_a_drawing_of_two_colours_with_equal_gray_levels_is_a_page() -> None:
    page = np.full((HEIGHT, WIDTH, 3), (200, 100, 100), np.uint8)
    page[400:600, 300:500] = (100, 151, 100)
    assert describe_blank(page) == ""


def test_pages_and_small_images_are_not_blank() -> None:
    assert all(describe_blank(draw_page(seed, paper=paper)) == "" for seed in range(4) for paper in (255, 0))
    assert describe_blank(draw_page(1, 40, 60, 3)) == ""
    assert describe_blank(np.full((3, 2), 255, np.uint8)) in ("", "blank page")
