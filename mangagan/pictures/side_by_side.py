"""Grids of two generators side by side, each with a name above it."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from mangagan.pictures.rows import INK, MARGIN, TEXT, font

HEAD = TEXT + 2 * MARGIN  # px above each grid
BETWEEN = 4 * MARGIN  # px; wider than any gap inside a grid


def side_by_side(grids: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Sets pictures in a row, top edges level.

    Args:
        grids: uint8 (H, W, C) each, with C 1 or 3; sizes and channels may differ. At least one.
        names: one short text each; cut where it is wider than its picture.

    Returns:
        uint8 (height, width, C), RGB when any of them is.
    """
    width = sum(grid.shape[1] for grid in grids) + BETWEEN * (len(grids) - 1)
    height = HEAD + max(grid.shape[0] for grid in grids)
    colour = any(grid.shape[2] == 3 for grid in grids)
    sheet = Image.new("RGB" if colour else "L", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    left = 0
    for grid, name in zip(grids, names, strict=True):
        draw.text((left, MARGIN), fitting(name, grid.shape[1]), INK, font())
        sheet.paste(Image.fromarray(grid[:, :, 0] if grid.shape[2] == 1 else grid), (left, HEAD))
        left += grid.shape[1] + BETWEEN
    pixels = np.asarray(sheet)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def fitting(text: str, width: int) -> str:
    """The text, cut to at most `width` px."""
    while font().getlength(text) > width:
        text = text[:-1]
    return text
