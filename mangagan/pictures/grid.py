"""Grids of images, and contact sheets with captions."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from mangagan.core.images import to_pillow
from mangagan.pictures.text import cut_text, load_font

PAPER = 255  # gray level of the background
GAP = 2  # between the images of a grid [px]
LINE_HEIGHT = 11  # of a caption in a contact sheet [px]
CAPTION_SIZE = 9  # of the text of a caption [px]


def draw_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Arrange images in rows.

    Args:
        images: uint8 (N, C, H, W) with C 1 or 3 and N at least 1.
        columns: Images per row.

    Returns:
        uint8 (rows·(H+2)−2, columns·(W+2)−2, C) on white.
    """
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), PAPER, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return sheet


def draw_contact_sheet(images: Sequence[np.ndarray], captions: Sequence[str], columns: int = 12) -> np.ndarray:
    """Arrange images in rows, each with a caption below.

    Args:
        images: uint8 (H, W) or (H, W, 3), all of the same height and width.
        captions: One for each image. Lines are separated by newlines; lines that are too wide are cut.
        columns: Images per row. Default: 12.

    Returns:
        uint8 (height, width, 3); a line of text if there are no images.
    """
    if not images:
        sheet = Image.new("RGB", (240, 40), (PAPER,) * 3)
        ImageDraw.Draw(sheet).text((8, 12), "nothing here", fill=(90, 90, 90), font=load_font(11))
        return np.asarray(sheet)
    height, width = images[0].shape[:2]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(caption.count("\n") + 1 for caption in captions)
    cell_width, cell_height = width + 6, height + LINE_HEIGHT * lines + 6
    sheet = Image.new("RGB", (columns * cell_width, rows * cell_height), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(sheet), load_font(CAPTION_SIZE)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = index % columns * cell_width + 3, index // columns * cell_height + 2
        sheet.paste(to_pillow(image).convert("RGB"), (left, top))
        for number, line in enumerate(caption.split("\n")):
            place = (left, top + height + LINE_HEIGHT * number)
            draw.text(place, cut_text(line, width, font), fill=(60, 60, 60), font=font)
    return np.asarray(sheet)


def choose_evenly(count: int, limit: int) -> list[int]:
    """Return at most `limit` evenly spaced indices of `count` items, including the first and the last."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, limit))})
