"""Cropping of a square face from a page."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import pandas as pd  # the GPU benchmarks run without it


@dataclass(frozen=True)
class Square:
    """A square on a page. It may extend past the edges of the page.

    Attributes:
        left: Left edge [px]; may be negative.
        top: Top edge [px]; may be negative.
        side: Width and height [px], at least 1.
    """

    left: int
    top: int
    side: int


def expand_to_square(box: np.ndarray, margin: float) -> Square:
    """Return the square around a box.

    Args:
        box: Left, top, width and height [px].
        margin: Space added on each side, as a share of the longer side of the box; negative values crop the box.
    """
    left, top, width, height = (float(value) for value in box)
    side = max(1, round(max(width, height) * (1 + 2 * margin)))
    return Square(round(left + width / 2 - side / 2), round(top + height / 2 - side / 2), side)


def measure_padding(square: Square, height: int, width: int) -> float:
    """Return the share of the square's area that is outside a page of this height and width [0, 1]."""
    inside_x = max(0, min(square.left + square.side, width) - max(square.left, 0))
    inside_y = max(0, min(square.top + square.side, height) - max(square.top, 0))
    return 1 - inside_x * inside_y / square.side**2


def find_insides(faces: "pd.DataFrame") -> np.ndarray:
    """Return the part of each crop that is on its page, float32 (N, 4): left, top, right, bottom as shares of the crop.

    Args:
        faces: N faces with the columns x, y, w, h, crop_margin, page_width and page_height.
    """
    insides = np.zeros((len(faces), 4), np.float32)
    columns = [*"xywh", "crop_margin", "page_width", "page_height"]
    for row, (*box, margin, width, height) in enumerate(faces[columns].itertuples(index=False, name=None)):
        square = expand_to_square(np.array(box), margin)
        edges = np.array([-square.left, -square.top, width - square.left, height - square.top])
        insides[row] = (edges / square.side).clip(0, 1)
    return insides


def crop_square(page: np.ndarray, square: Square) -> np.ndarray:
    """Crop a square from a page. Outside the page, the page is mirrored at its edges (`reflect` padding).

    Args:
        page: uint8 (H, W) or (H, W, 3).
        square: At least partly on the page.

    Returns:
        uint8 (side, side) or (side, side, 3).
    """
    height, width = page.shape[:2]
    rows = mirror_indices(np.arange(square.top, square.top + square.side), height)
    columns = mirror_indices(np.arange(square.left, square.left + square.side), width)
    return np.ascontiguousarray(page[rows[:, None], columns])


def mirror_indices(indices: np.ndarray, size: int) -> np.ndarray:
    """Map indices outside [0, size − 1] into that range by mirroring at the outermost pixels (`reflect` padding)."""
    if size == 1:
        return np.zeros_like(indices)
    indices = np.abs(indices) % (2 * size - 2)
    return np.minimum(indices, 2 * size - 2 - indices)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resize a square image without aliasing: by area if it shrinks, by cubic interpolation if it grows."""
    method = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_CUBIC
    return image if image.shape[0] == size else cv2.resize(image, (size, size), interpolation=method)
