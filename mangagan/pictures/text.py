"""Text in pictures."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK = "#282828"
TEXT_SIZE = 16  # legible when a phone shows the picture at half its size [px]
MARGIN = 8  # around text [px]


@cache
def load_font(size: int = TEXT_SIZE) -> Font:
    """Return the font that Pillow contains: text looks the same on every machine."""
    return ImageFont.load_default(size)


def cut_text(text: str, width: int, font: Font) -> str:
    """Return the text, cut to at most `width` px."""
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text


def draw_message(text: str) -> np.ndarray:
    """Return one line of text as a picture, uint8 (height, width, 1)."""
    font = load_font()
    size = (round(font.getlength(text)) + 2 * MARGIN, TEXT_SIZE + 3 * MARGIN)
    sheet = Image.new("L", size, "white")
    ImageDraw.Draw(sheet).text((MARGIN, size[1] / 2), text, INK, font, anchor="lm")
    return np.asarray(sheet)[:, :, None]
