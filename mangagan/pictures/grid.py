"""Images side by side: sample grids and contact sheets."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAPER = 255
GAP = 2  # px between the images of a grid
LINE = 11  # px, a line of text in a contact sheet


def grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Lays images out in rows.

    Args:
        images: uint8 (N, C, H, W) with C 1 or 3, N at least 1.
        columns: images a row.

    Returns:
        uint8 (rows·(H+2)−2, columns·(W+2)−2, C), white where there is no image.
    """
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), PAPER, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return sheet


def contact_sheet(images: Sequence[np.ndarray], captions: Sequence[str], columns: int = 12) -> np.ndarray:
    """Lays images out in rows, each with text below it.

    Args:
        images: uint8 (H, W) or (H, W, 3), all of one height and width.
        captions: of each image; a line break begins another line, what is too wide is cut.
        columns: images a row.

    Returns:
        uint8 (height, width, 3). One line of text where there are no images.
    """
    if not images:
        sheet = Image.new("RGB", (240, 40), (PAPER,) * 3)
        ImageDraw.Draw(sheet).text((8, 12), "nothing here", fill=(90, 90, 90), font=ImageFont.load_default(11))
        return np.asarray(sheet)
    height, width = images[0].shape[:2]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(caption.count("\n") + 1 for caption in captions)
    cell_w, cell_h = width + 6, height + LINE * lines + 6
    sheet = Image.new("RGB", (columns * cell_w, rows * cell_h), (PAPER,) * 3)
    draw = ImageDraw.Draw(sheet)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = index % columns * cell_w + 3, index // columns * cell_h + 2
        sheet.paste(Image.fromarray(image).convert("RGB"), (left, top))
        for number, line in enumerate(caption.split("\n")):
            write_line(draw, (left, top + height + LINE * number), line, width)
    return np.asarray(sheet)


def write_line(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, width: int) -> None:
    """Writes one small line of text at most `width` px wide."""
    font = ImageFont.load_default(9)
    while text and draw.textlength(text, font=font) > width:
        text = text[:-1]
    draw.text(place, text, fill=(60, 60, 60), font=font)


def spread(count: int, most: int) -> list[int]:
    """At most `most` indices of `count` items, evenly spread, the first and the last among them."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, most))})
