"""Draw different pages that look alike, and screenshots of one page that look different."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from benchmarks.screen_drawing import encode_lossy
from mangagan.sample.character import STYLES, Expression, Pose, sample_character
from mangagan.sample.head import draw_head
from mangagan.sample.lettering import Balloon, draw_balloon, draw_glyph, draw_text
from mangagan.sample.manga import draw_story_page, sample_title_cast
from mangagan.sample.page import draw_cover
from mangagan.sample.strokes import WHITE, Canvas, ellipse, rectangle

Rng = np.random.Generator
WIDTH, HEIGHT = 830, 1170  # px
PLACES = ((0.3, 0.2), (0.72, 0.3), (0.3, 0.55), (0.7, 0.7), (0.35, 0.85))  # of balloons
MOUTHS = ("smile", "flat", "small", "frown", "wavy", "open")


def make_canvas() -> Canvas:
    """Return an empty page."""
    return Canvas(WIDTH, HEIGHT, colour=False, scale=1)


def draw_dialogue(seed: int, variant: int) -> np.ndarray:
    """Draw a page of balloons. Variants differ in the text only."""
    canvas, rng, text = make_canvas(), np.random.default_rng(seed), np.random.default_rng((seed, variant))
    canvas.contour(rectangle(40, 50, WIDTH - 80, 0.42 * HEIGHT), 3)
    canvas.contour(rectangle(40, 0.5 * HEIGHT, WIDTH - 80, 0.46 * HEIGHT), 3)
    for x, y in PLACES[: int(rng.integers(3, 6))]:
        size = float(rng.uniform(70, 110))
        canvas.fill(ellipse(x * WIDTH, y * HEIGHT, size, size * 1.1), WHITE)
        canvas.contour(ellipse(x * WIDTH, y * HEIGHT, size, size * 1.1), 2.5)
        box = (x * WIDTH - 0.6 * size, y * HEIGHT - 0.7 * size, 1.2 * size, 1.4 * size)
        draw_text(canvas, text, box, 15)
    return canvas.render(0.65)


def draw_volume(seed: int, variant: int) -> np.ndarray:
    """Draw a cover. Variants differ in the number of the volume."""
    style = replace(STYLES[seed % 3], colour=True)
    cover = draw_cover(np.random.default_rng(seed), style, WIDTH, HEIGHT, sample_title_cast(seed, style))[0].copy()
    centre = (WIDTH - 80, 80)
    cv2.circle(cover, centre, 46, (255, 255, 255), -1)
    cv2.putText(cover, str(variant + 1), (WIDTH - 98, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (40, 20, 20), 4, cv2.LINE_AA)
    return cover


def draw_series_cover(seed: int, variant: int) -> np.ndarray:
    """Draw a cover. Variants have the same frame and logo, and other people."""
    style = replace(STYLES[seed % 3], colour=True)
    cover = draw_cover(np.random.default_rng((seed, variant)), style, WIDTH, HEIGHT, sample_title_cast(seed, style))[
        0
    ].copy()
    logo = Canvas(WIDTH, 150, colour=True, scale=1)
    draw_text(logo, np.random.default_rng(seed), (40, 20, WIDTH - 80, 110), 90)
    cover[:150] = logo.render(0.5)
    return cover


def draw_chapter_opener(seed: int, variant: int) -> np.ndarray:
    """Draw the first page of a chapter. Variants differ in the number and in the heading."""
    canvas, rng, text = make_canvas(), np.random.default_rng(seed), np.random.default_rng((seed, variant))
    canvas.contour(rectangle(60, 60, WIDTH - 120, HEIGHT - 120), 4)
    draw_text(canvas, rng, (120, 120, WIDTH - 240, 120), 60)
    draw_text(canvas, text, (WIDTH / 2 - 20, 420, 40, 300), 28)
    draw_glyph(canvas, text, WIDTH / 2 - 30, 300, 50)
    return canvas.render(0.65)


def draw_nearly_blank(seed: int, variant: int) -> np.ndarray:
    """Draw a page with one line of text."""
    canvas, text = make_canvas(), np.random.default_rng((seed, variant))
    draw_text(canvas, text, (WIDTH / 2 - 30, HEIGHT - 80, 30 + 30 * (seed % 4), 24), 18)
    return canvas.render(0.65)


def draw_talking_head(seed: int, variant: int) -> np.ndarray:
    """Draw a large head. Variants differ in the mouth."""
    style = STYLES[seed % 2]
    canvas, rng = Canvas(WIDTH, HEIGHT, colour=False), np.random.default_rng(seed)
    person = sample_character(rng, style, "talker")
    unit = float(rng.uniform(60, 170))
    expression = Expression("talk", mouth=MOUTHS[variant % len(MOUTHS)])
    draw_head(canvas, style, person, expression, Pose(WIDTH / 2, 0.45 * HEIGHT, unit))
    return canvas.render(0.65)


def draw_same_balloon(seed: int, variant: int) -> np.ndarray:
    """Draw a story page with a balloon. Variants differ in the text of the balloon."""
    page = draw_story_page(seed, STYLES[seed % 2], 2)[0]
    rng, text = np.random.default_rng(seed), np.random.default_rng((seed, variant))
    canvas = Canvas(page.shape[1], page.shape[0], colour=False, scale=1)
    canvas.pixels[:] = page
    x, y = float(rng.uniform(0.25, 0.75)) * page.shape[1], float(rng.uniform(0.2, 0.8)) * page.shape[0]
    draw_balloon(canvas, np.random.default_rng(seed), Balloon(x, y, 45, 60), None, 13.5, (0, 0, 0))
    canvas.fill(ellipse(x, y, 38, 50), WHITE)
    draw_text(canvas, text, (x - 26, y - 40, 52, 80), 13.5)
    return canvas.pixels


def draw_repeated_panel(seed: int, variant: int) -> np.ndarray:
    """Draw a story page. Variants have the same lower part (58 %)."""
    pages = [draw_story_page(seed, STYLES[0], number)[0] for number in (2, 3 + variant)]
    result = pages[0].copy()
    cut = int(0.42 * len(result))
    result[:cut] = pages[1][:cut]
    return result


def draw_strip_piece(seed: int, variant: int) -> np.ndarray:
    """Draw a piece of a strip on a gradient. Variants differ in a small balloon."""
    canvas, text = make_canvas(), np.random.default_rng((seed, variant))
    canvas.pixels[:] = np.linspace(90, 230, HEIGHT).astype(np.uint8)[:, None]
    rng = np.random.default_rng(seed)
    for _ in range(40):
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        canvas.contour(ellipse(x, y, 18, 18), 2)
    canvas.fill(ellipse(WIDTH / 2, HEIGHT / 2, 110, 90), WHITE)
    canvas.contour(ellipse(WIDTH / 2, HEIGHT / 2, 110, 90), 2)
    draw_text(canvas, text, (WIDTH / 2 - 60, HEIGHT / 2 - 50, 120, 100), 16)
    return canvas.render(0.65)


DIFFERENT_PAGES: dict[str, Callable[[int, int], np.ndarray]] = {  # kind → draw a variant of a page
    "dialogue": draw_dialogue,
    "volume": draw_volume,
    "series cover": draw_series_cover,
    "chapter opener": draw_chapter_opener,
    "nearly blank": draw_nearly_blank,
    "mouth": draw_talking_head,
    "balloon": draw_same_balloon,
    "repeated panel": draw_repeated_panel,
    "strip": draw_strip_piece,
}


def replace_text(page: np.ndarray, rng: Rng) -> np.ndarray:
    """Return a page with other text in one place: a caption of about 7 x 6 % of the page is drawn over it."""
    result = page.copy()
    height, width = page.shape[:2]
    box_width, box_height = int(0.08 * width), int(0.06 * height)
    x, y = int(0.3 * width), int(0.4 * height)
    canvas = Canvas(box_width, box_height, colour=page.ndim == 3, scale=1)
    size = 0.016 * width
    draw_text(canvas, rng, (3, 3, box_width - 6, box_height - 6), size)
    result[y : y + box_height, x : x + box_width] = canvas.render(0.4)
    return result


def retake_page(page: np.ndarray, rng: Rng) -> np.ndarray:
    """Take another screenshot of a page: scrolled or cropped, zoomed, darkened, compressed."""
    height, width = page.shape[:2]
    top, bottom, left, right = 0, 0, 0, 0
    kind = rng.choice(["scroll up", "scroll down", "crop", "whole"])
    if kind == "scroll up":
        top = int(height * rng.uniform(0.01, 0.12))
    elif kind == "scroll down":
        bottom = int(height * rng.uniform(0.01, 0.12))
    elif kind == "crop":
        top, bottom, left, right = (int(side * rng.uniform(0, 0.05)) for side in (height, height, width, width))
    result = page[top : height - bottom, left : width - right]
    scale = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
    smaller, larger = (cv2.INTER_AREA, cv2.INTER_LINEAR), (cv2.INTER_CUBIC, cv2.INTER_LINEAR)
    method = (smaller if scale < 1 else larger)[int(rng.integers(2))]
    result = cv2.resize(result, None, fx=scale, fy=scale, interpolation=method)
    if rng.random() < 0.4:
        result = (result * float(rng.uniform(0.7, 1)) + float(rng.uniform(0, 15))).clip(0, 255).astype(np.uint8)
    return encode_lossy(result, int(rng.integers(40, 93))) if rng.random() < 0.7 else np.ascontiguousarray(result)
