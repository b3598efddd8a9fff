"""Draw phone screenshots of pages: the bars, the border, and the page in its box."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mangagan.ingestion.boxes import Box

Rng = np.random.Generator
ICONS = 4  # in a status bar


@dataclass(frozen=True)
class Style:
    """Look of a reader app.

    Attributes:
        name: Name in the report.
        bar: Gray level of the status bar and of the navigation bar.
        border: Gray level around the page.
        header: Gray level of the bar with the title. None: no such bar.
        footer: "slider", "number" or "".
        navigation: "buttons", "pill" or "".
        has_status: False in full screen.
    """

    name: str
    bar: int
    border: int
    header: int | None = None
    footer: str = ""
    navigation: str = ""
    has_status: bool = True


STYLES = (
    Style("dark, slider", 0, 0, None, "slider", "buttons"),
    Style("light bars on white", 242, 255, None, "number", "pill"),
    Style("dark gray header", 18, 0, 48, "number", "pill"),
    Style("white", 255, 255, None, "number", "pill"),
    Style("full screen, black", 0, 0, None, "", "", False),
    Style("light bars on black", 250, 0, 250, "slider", "buttons"),
    Style("night", 18, 30, None, "slider", "pill"),
    Style("white bars on gray", 255, 224, None, "slider", "pill"),
    Style("full screen, number", 0, 0, None, "number", "", False),
)
SCREENS = {"19.5:9": (1080, 2340), "16:9": (1080, 1920), "4:3": (1536, 2048)}  # width, height [px]


def draw_screenshot(
    page: np.ndarray, screen: tuple[int, int], style: Style, position: float, rng: Rng
) -> tuple[np.ndarray, Box]:
    """Draw a screenshot of a page in a reader app.

    Args:
        page: uint8 (H, W) or (H, W, 3).
        screen: Width and height [px].
        style: Look of the app.
        position: Position of the page in the book [0, 1].
        rng: Random generator of clock, battery and icons.

    Returns:
        The screenshot, with as many channels as the page, and the box of the page in it.
    """
    width, height = screen
    unit = width / 360 if width < 1.4 * height / 1.5 and height / width > 1.6 else width / 640
    top, bottom = round(24 * unit) * style.has_status, 0
    status_end = top
    top += round(48 * unit) * (style.header is not None)
    bottom = round({"buttons": 44, "pill": 20, "": 0}[style.navigation] * unit)
    footer_height = round({"slider": 40, "number": 26, "": 0}[style.footer] * unit)
    image = Image.new("L", screen, style.border)
    draw = ImageDraw.Draw(image)
    if style.has_status:
        draw.rectangle((0, 0, width, status_end - 1), fill=style.bar)
        draw_status(draw, width, unit, style.bar, rng)
    if style.header is not None:
        draw.rectangle((0, status_end, width, top - 1), fill=style.header)
        draw_text(draw, (56 * unit, status_end + 14 * unit), "Chapter 7", 16 * unit, choose_text_level(style.header))
        draw_arrow(draw, 20 * unit, status_end + 24 * unit, unit, choose_text_level(style.header))
    draw_footer(draw, screen, style, unit, (height - bottom - footer_height, height - bottom), position)
    draw_navigation(draw, screen, style, unit, bottom)
    pixels = np.asarray(image).copy()
    return place_page(pixels, page, Box(0, top, width, height - top - bottom - footer_height))


def place_page(screen: np.ndarray, page: np.ndarray, area: Box) -> tuple[np.ndarray, Box]:
    """Show a page in the middle of an area, as large as possible."""
    scale = min(area.width / page.shape[1], area.height / page.shape[0])
    size = (min(area.width, round(page.shape[1] * scale)), min(area.height, round(page.shape[0] * scale)))
    shown = cv2.resize(page, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    box = Box(area.left + (area.width - size[0]) // 2, area.top + (area.height - size[1]) // 2, *size)
    result = screen if page.ndim == 2 else np.repeat(screen[..., None], 3, axis=2)
    result[box.top : box.top + box.height, box.left : box.left + box.width] = shown
    return result, box


def choose_text_level(level: int) -> int:
    """Return the gray level of text on a background."""
    return 235 if level < 128 else 40


def draw_text(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: float, colour: int) -> None:
    """Draw a line of text; `at` is its upper left corner."""
    draw.text(at, text, fill=colour, font=ImageFont.load_default(size))


def draw_status(draw: ImageDraw.ImageDraw, width: int, unit: float, bar: int, rng: Rng) -> None:
    """Draw clock, icons and battery."""
    colour = choose_text_level(bar)
    clock = f"{rng.integers(8, 12):02d}:{rng.integers(0, 60):02d}"
    draw_text(draw, (14 * unit, 6 * unit), clock, 12 * unit, colour)
    for icon in range(int(rng.integers(0, ICONS))):
        left = (60 + 16 * icon) * unit
        draw.ellipse((left, 8 * unit, left + 9 * unit, 17 * unit), outline=colour, width=max(1, round(unit)))
    right = width - 14 * unit
    draw.rectangle((right - 18 * unit, 8 * unit, right, 17 * unit), outline=colour, width=max(1, round(unit)))
    charge = float(rng.uniform(0.1, 1))
    draw.rectangle((right - 18 * unit, 8 * unit, right - 18 * unit + 18 * unit * charge, 17 * unit), fill=colour)
    for bar_index in range(4):
        left = right - (52 - 6 * bar_index) * unit
        draw.rectangle((left, (15 - 2 * bar_index) * unit, left + 3 * unit, 17 * unit), fill=colour)


def draw_arrow(draw: ImageDraw.ImageDraw, x: float, y: float, unit: float, colour: int) -> None:
    """Draw the arrow of the back button."""
    line = [(x + 8 * unit, y - 8 * unit), (x, y), (x + 8 * unit, y + 8 * unit)]
    draw.line(line, fill=colour, width=max(1, round(2 * unit)))


def draw_footer(
    draw: ImageDraw.ImageDraw,
    screen: tuple[int, int],
    style: Style,
    unit: float,
    rows: tuple[int, int],
    position: float,
) -> None:
    """Draw the slider, or the page number."""
    width, middle = screen[0], (rows[0] + rows[1]) / 2
    background = style.bar if style.footer == "slider" else style.border
    draw.rectangle((0, rows[0], width, rows[1] - 1), fill=background) if rows[1] > rows[0] else None
    colour = choose_text_level(background)
    if style.footer == "slider":
        start, end = 24 * unit, width - 24 * unit
        knob = start + (end - start) * position
        faded = (colour + background) // 2
        draw.rectangle((start, middle - unit, end, middle + unit), fill=faded)
        draw.rectangle((start, middle - 1.5 * unit, knob, middle + 1.5 * unit), fill=colour)
        draw.ellipse((knob - 7 * unit, middle - 7 * unit, knob + 7 * unit, middle + 7 * unit), fill=colour)
    if style.footer == "number":
        text = f"{1 + round(179 * position)} / 180"
        font = ImageFont.load_default(12 * unit)
        draw.text((width / 2 - font.getlength(text) / 2, rows[0] + 6 * unit), text, fill=colour, font=font)


def draw_navigation(
    draw: ImageDraw.ImageDraw, screen: tuple[int, int], style: Style, unit: float, bar_height: int
) -> None:
    """Draw the navigation bar."""
    if not style.navigation:
        return
    width, height = screen
    colour, middle = choose_text_level(style.bar), height - bar_height / 2
    draw.rectangle((0, height - bar_height, width, height), fill=style.bar)
    if style.navigation == "pill":
        pill = (width / 2 - 54 * unit, middle - 2 * unit, width / 2 + 54 * unit, middle + 2 * unit)
        draw.rounded_rectangle(pill, radius=2 * unit, fill=colour)
        return
    line, radius = max(1, round(1.5 * unit)), 7 * unit
    draw_arrow(draw, width / 4 - 4 * unit, middle, unit, colour)
    draw.ellipse((width / 2 - radius, middle - radius, width / 2 + radius, middle + radius), outline=colour, width=line)
    square = (width * 0.75 - radius, middle - radius, width * 0.75 + radius, middle + radius)
    draw.rectangle(square, outline=colour, width=line)


def encode_lossy(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Return an image after JPEG compression."""
    stored = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    data = cv2.imencode(".jpg", np.ascontiguousarray(stored), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    if pixels.ndim == 2:
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def vary_style(style: Style, rng: Rng) -> Style:
    """Return a style with slightly different gray levels, as different apps have."""
    shift = int(rng.integers(0, 6))
    return replace(style, bar=min(255, style.bar + shift if style.bar < 128 else style.bar - shift))
