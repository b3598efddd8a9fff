"""Rows of images with names and captions: snapshots in time, samples beside their neighbours."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mangagan.pictures.grid import GAP

INK = "#282828"
TEXT = 16  # px; still legible where a phone shows the picture at half its size
MARGIN = 8  # px


@cache
def font(size: int = TEXT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own face: the same letters on every machine."""
    return ImageFont.load_default(size)


def labelled_rows(
    rows: Sequence[np.ndarray], labels: Sequence[str], captions: Sequence[Sequence[str]] = ()
) -> np.ndarray:
    """Lays out one row of images a label.

    Args:
        rows: uint8 (K, C, H, W) each, with C 1 or 3 and one H and W; K may differ.
        labels: one short text a row; a column is kept for them unless all are empty.
        captions: for each row one short text an image; no space is kept where there are none.

    Returns:
        uint8 (height, width, C) with the C of the rows, text included. One line of text where there are no rows.
    """
    if not rows:
        return message("nothing here")
    height, width = rows[0].shape[2:]
    left = max(round(font().getlength(label)) for label in labels)
    left += 2 * MARGIN if left else 0
    pitch = height + GAP + (TEXT + MARGIN if captions else 0)
    size = (left + max(len(row) for row in rows) * (width + GAP) - GAP, len(rows) * pitch - GAP)
    sheet = Image.new("L" if rows[0].shape[1] == 1 else "RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        top = index * pitch
        draw.text((left - MARGIN, top + height / 2), label, INK, font(), anchor="rm")
        for column, image in enumerate(row):
            x = left + column * (width + GAP)
            sheet.paste(Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)), (x, top))
            if captions:
                draw.text((x + width / 2, top + height + GAP), captions[index][column], INK, font(), anchor="ma")
    pixels = np.asarray(sheet)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def message(text: str) -> np.ndarray:
    """One line of text as a picture, uint8 (height, width, 1)."""
    size = (round(font().getlength(text)) + 2 * MARGIN, TEXT + 3 * MARGIN)
    sheet = Image.new("L", size, "white")
    ImageDraw.Draw(sheet).text((MARGIN, size[1] / 2), text, INK, font(), anchor="lm")
    return np.asarray(sheet)[:, :, None]
