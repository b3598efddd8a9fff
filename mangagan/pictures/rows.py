"""Rows of images with labels and captions."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from mangagan.core.images import to_pillow
from mangagan.pictures.grid import GAP
from mangagan.pictures.text import INK, MARGIN, TEXT_SIZE, draw_message, load_font


def draw_rows(rows: Sequence[np.ndarray], labels: Sequence[str], captions: Sequence[Sequence[str]] = ()) -> np.ndarray:
    """Arrange rows of images, each row with a label on its left.

    Args:
        rows: uint8 (K, C, H, W) each, with C 1 or 3. C, H and W are the same in all rows, K may differ.
        labels: One for each row. If all are empty, they take no space.
        captions: For each row, the captions of its images. Default: none.

    Returns:
        uint8 (height, width, C); a line of text if there are no rows.
    """
    if not rows:
        return draw_message("nothing here")
    font = load_font()
    height, width = rows[0].shape[2:]
    left = max(round(font.getlength(label)) for label in labels)
    left += 2 * MARGIN if left else 0
    pitch = height + GAP + (TEXT_SIZE + MARGIN if captions else 0)
    size = (left + max(len(row) for row in rows) * (width + GAP) - GAP, len(rows) * pitch - GAP)
    sheet = Image.new("L" if rows[0].shape[1] == 1 else "RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        top = index * pitch
        draw.text((left - MARGIN, top + height / 2), label, INK, font, anchor="rm")
        for column, image in enumerate(row):
            x = left + column * (width + GAP)
            sheet.paste(to_pillow(image.transpose(1, 2, 0)), (x, top))
            if captions:
                draw.text((x + width / 2, top + height + GAP), captions[index][column], INK, font, anchor="ma")
    return np.atleast_3d(np.asarray(sheet))
