"""Make pages that are no screenshots although they have bars, borders or the size of a screen."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mangagan.sample.lettering import draw_text
from mangagan.sample.strokes import Canvas

Pages = Sequence[np.ndarray]  # each uint8 (H, W) or (H, W, 3)


def resize(page: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a page of this size."""
    return cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA)


def pad(page: np.ndarray, rows: int, columns: int, level: int) -> np.ndarray:
    """Return a page with borders of a gray level."""
    return np.pad(page, ((rows, rows), (columns, columns), (0, 0))[: page.ndim], constant_values=level)


def add_white_margins(page: np.ndarray) -> np.ndarray:
    """Return a page of the size of a tablet with constant white margins."""
    return pad(resize(page, 1400, 2360), 100, 100, 255)


def add_header(page: np.ndarray, number: int) -> np.ndarray:
    """Return a page of 16:9 with a running header and a page number in its white margins."""
    result = pad(resize(page, 960, 1600), 160, 60, 255)
    canvas = Canvas(result.shape[1], result.shape[0], colour=page.ndim == 3, scale=1)
    canvas.pixels[:] = result
    draw_text(canvas, np.random.default_rng(1), (460, 90, 160, 30), 24)
    draw_text(canvas, np.random.default_rng(number), (500, 1820, 60, 30), 24)
    return canvas.pixels


def draw_four_panels(page: np.ndarray, number: int) -> np.ndarray:
    """Return a page of four-panel comics: the same frames, heading and page number on each page."""
    result = np.full((2048, 1536), 255, np.uint8)
    gray = page if page.ndim == 2 else np.ascontiguousarray(page[..., 1])
    for row in range(4):
        for column in range(2):
            top, left = 180 + 440 * row, 110 + 680 * column
            source = gray[(row * 2 + column) * 60 :][:400, :600]
            result[top : top + 400, left : left + 636] = resize(source, 636, 400)
            cv2.rectangle(result, (left, top), (left + 635, top + 399), 0, 4)
    canvas = Canvas(1536, 2048, colour=False, scale=1)
    canvas.pixels[:] = result
    draw_text(canvas, np.random.default_rng(1), (700, 60, 140, 50), 40)
    draw_text(canvas, np.random.default_rng(number), (750, 1980, 60, 30), 26)
    return canvas.pixels


def make_slices(pages: Pages, level: int) -> list[np.ndarray]:
    """Return the slices, 720 x 1280 px, of a strip of panels on a background of one gray level."""
    rng = np.random.default_rng(len(pages))
    parts = []
    for page in pages[:20]:
        gray = page if page.ndim == 2 else np.ascontiguousarray(page[..., 1])
        panel = resize(gray[: int(rng.integers(300, 700))], int(rng.choice([600, 720])), int(rng.integers(400, 900)))
        side = (720 - panel.shape[1]) // 2
        parts += [np.pad(panel, ((0, 0), (side, side)), constant_values=level)]
        parts += [np.full((int(rng.integers(60, 500)), 720), level, np.uint8)]
    strip = np.concatenate(parts)
    return [strip[top : top + 1280] for top in range(0, len(strip) - 1280, 1280)]


SCAN_VARIANTS: dict[str, Callable[[Pages], list[np.ndarray]]] = {  # name → pages that must stay whole
    "as they are": lambda pages: list(pages),
    "three pages": lambda pages: list(pages[:3]),
    "size of a tablet": lambda pages: [resize(page, 1536, 2048) for page in pages],
    "size of an e-reader": lambda pages: [resize(page, 1072, 1448) for page in pages],
    "size of a phone": lambda pages: [resize(page, 1080, 1920) for page in pages],
    "white margins": lambda pages: [add_white_margins(page) for page in pages],
    "padded, white": lambda pages: [pad(page, 140, 20, 255) for page in pages],
    "padded, black": lambda pages: [pad(page, 60, 40, 0) for page in pages],
    "cropped": lambda pages: [page[20 + 3 * (n % 5) : -25, 15 : -10 - 2 * (n % 7)] for n, page in enumerate(pages)],
    "header and page number": lambda pages: [add_header(page, n) for n, page in enumerate(pages)],
    "four panels": lambda pages: [draw_four_panels(page, n) for n, page in enumerate(pages)],
    "slices, white": lambda pages: make_slices(pages, 255),
    "slices, black": lambda pages: make_slices(pages, 0),
}
