"""From a box on a page to a square face of one size."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Square:
    """A square on a page, in px; it may reach past the page's edges.

    Attributes:
        left: may be negative.
        top: may be negative.
        side: at least 1.
    """

    left: int
    top: int
    side: int


def square_around(box: np.ndarray, margin: float) -> Square:
    """The square around a box.

    Args:
        box: left, top, width, height in px.
        margin: added on each side, as a share of the box's longer side; may be negative down to −0.4.
    """
    left, top, width, height = (float(value) for value in box)
    side = max(1, round(max(width, height) * (1 + 2 * margin)))
    return Square(round(left + width / 2 - side / 2), round(top + height / 2 - side / 2), side)


def pad_fraction(square: Square, height: int, width: int) -> float:
    """The share of the square's area that lies outside a page of that height and width, 0 to 1."""
    inside_x = max(0, min(square.left + square.side, width) - max(square.left, 0))
    inside_y = max(0, min(square.top + square.side, height) - max(square.top, 0))
    return 1 - inside_x * inside_y / square.side**2


def crop_square(page: np.ndarray, square: Square) -> np.ndarray:
    """Cuts the square out of a page, mirroring the page at its edges where the square reaches past them.

    Args:
        page: uint8 (H, W) or (H, W, 3).
        square: at least partly on the page.

    Returns:
        uint8 (side, side) or (side, side, 3).
    """
    height, width = page.shape[:2]
    rows = mirrored(np.arange(square.top, square.top + square.side), height)
    columns = mirrored(np.arange(square.left, square.left + square.side), width)
    return np.ascontiguousarray(page[rows[:, None], columns])


def mirrored(index: np.ndarray, size: int) -> np.ndarray:
    """Folds indices that lie outside 0…size−1 back in, as in a mirror at the outermost pixel (`reflect` padding)."""
    if size == 1:
        return np.zeros_like(index)
    index = np.abs(index) % (2 * size - 2)
    return np.minimum(index, 2 * size - 2 - index)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes a square image without aliasing: by area when it shrinks, by cubic interpolation when it grows."""
    method = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_CUBIC
    return image if image.shape[0] == size else cv2.resize(image, (size, size), interpolation=method)
