"""Grids of two generators side by side, each with a name above."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from mangagan.core.images import to_pillow
from mangagan.pictures.text import INK, MARGIN, TEXT_SIZE, cut_text, load_font

HEADER = TEXT_SIZE + 2 * MARGIN  # height of a name [px]
SPACING = 4 * MARGIN  # between the grids; larger than the gaps inside them [px]


def draw_side_by_side(grids: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Arrange grids in a row, aligned at the top.

    Args:
        grids: At least one; uint8 (H, W, C) with C 1 or 3. Shapes may differ.
        names: One for each grid; cut to the width of the grid.

    Returns:
        uint8 (height, width, C); C is 3 if any grid has 3 channels.
    """
    width = sum(grid.shape[1] for grid in grids) + SPACING * (len(grids) - 1)
    height = HEADER + max(grid.shape[0] for grid in grids)
    is_colour = any(grid.shape[2] == 3 for grid in grids)
    sheet = Image.new("RGB" if is_colour else "L", (width, height), "white")
    draw, font = ImageDraw.Draw(sheet), load_font()
    left = 0
    for grid, name in zip(grids, names, strict=True):
        draw.text((left, MARGIN), cut_text(name, grid.shape[1], font), INK, font)
        sheet.paste(to_pillow(grid), (left, HEADER))
        left += grid.shape[1] + SPACING
    return np.atleast_3d(np.asarray(sheet))
