"""Speech balloons, thought clouds, captions and sound effects, with strokes that look like Japanese text."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mangagan.sample.character import Rng
from mangagan.sample.strokes import BLACK, WHITE, Canvas, Colour, Points, bezier, ellipse, points

# Katakana of sound effects: strokes in the unit square
_DAKUTEN = [[(0.72, 0.02), (0.8, 0.17)], [(0.88, -0.04), (0.96, 0.11)]]
SOUND_STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "do": [[(0.35, 0.05), (0.35, 0.97)], [(0.35, 0.4), (0.75, 0.62)], *_DAKUTEN],
    "go": [[(0.12, 0.25), (0.78, 0.25), (0.76, 0.88)], [(0.12, 0.86), (0.8, 0.86)], *_DAKUTEN],
    "ba": [[(0.38, 0.3), (0.08, 0.9)], [(0.58, 0.3), (0.92, 0.9)], *_DAKUTEN],
    "za": [
        [(0.05, 0.38), (0.92, 0.38)],
        [(0.28, 0.12), (0.28, 0.62)],
        [(0.64, 0.12), (0.62, 0.6), (0.35, 0.97)],
        *_DAKUTEN,
    ],
    "n": [[(0.12, 0.2), (0.36, 0.36)], [(0.9, 0.25), (0.6, 0.7), (0.15, 0.92)]],
    "long": [[(0.5, 0.05), (0.5, 0.95)]],
}
SOUND_EFFECTS: tuple[tuple[str, ...], ...] = (
    ("do", "n"), ("go", "go", "go"), ("ba", "n"), ("za", "za"), ("do", "do", "do"), ("za", "long"), ("ba", "long", "n"),
)  # fmt: skip

Box = tuple[float, float, float, float]  # x, y, width, height


@dataclass(frozen=True)
class Balloon:
    """Centre, half-axes and kind of a balloon."""

    x: float  # centre [px]
    y: float
    rx: float  # half-axes [px]
    ry: float
    kind: str = "speech"  # speech, shout, thought or caption


def draw_glyph(canvas: Canvas, rng: Rng, x: float, y: float, size: float, colour: Colour = BLACK) -> None:
    """Draw one invented character in a square of `size` pixels with the upper left corner (x, y)."""
    width = max(size * 0.075, 0.8)
    if rng.random() < 0.45:  # like kana: curved strokes
        for _ in range(int(rng.integers(1, 4))):
            a, b, c = rng.uniform(0.12, 0.88, (3, 2))
            canvas.polyline(bezier((x + size * a[0], y + size * a[1]), (x + size * b[0], y + size * b[1]),
                                   (x + size * c[0], y + size * c[1]), 6), width, colour)  # fmt: skip
        return
    # like kanji: horizontal, vertical and diagonal strokes
    for share in np.linspace(0.15, 0.85, int(rng.integers(2, 5))):
        left, right = rng.uniform(0.05, 0.3), rng.uniform(0.7, 0.95)
        canvas.polyline(
            points((x + size * left, y + size * share), (x + size * right, y + size * share)), width, colour
        )
    for _ in range(int(rng.integers(1, 3))):
        post, top, low = rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.3), rng.uniform(0.65, 0.95)
        canvas.polyline(points((x + size * post, y + size * top), (x + size * post, y + size * low)), width, colour)
    if rng.random() < 0.5:
        canvas.polyline(points((x + size * 0.5, y + size * 0.5), (x + size * 0.1, y + size * 0.95)), width, colour)


def draw_text(canvas: Canvas, rng: Rng, box: Box, size: float, colour: Colour = BLACK) -> None:
    """Fill a box with columns of invented characters of `size` pixels; the last column is shorter."""
    x, y, width, height = box
    columns = max(int(width / (size * 1.25)), 1)
    left = x + (width - columns * size * 1.25) / 2
    rows = max(int(height / (size * 1.04)), 1)
    for column in range(columns):
        count = rows if column < columns - 1 and columns > 1 else max(1, int(rows * rng.uniform(0.4, 1.0)))
        for row in range(count):
            glyph_x = left + (columns - 1 - column) * size * 1.25
            draw_glyph(canvas, rng, glyph_x, y + row * size * 1.04, size, colour)


def outline_balloon(balloon: Balloon, rng: Rng) -> Points:
    """Return the outline (n, 2) of a balloon without its tail."""
    x, y, rx, ry = balloon.x, balloon.y, balloon.rx, balloon.ry
    if balloon.kind == "caption":
        return points((x - rx, y - ry), (x + rx, y - ry), (x + rx, y + ry), (x - rx, y + ry))
    angle = np.linspace(0, 2 * np.pi, 97)[:-1]
    if balloon.kind == "shout":
        spikes = 14
        phase = angle / (2 * np.pi) * spikes % 1.0
        radius = (
            1.0
            + 0.28
            * (np.abs(2 * phase - 1) ** 2 - 0.3)
            * rng.uniform(0.7, 1.3, spikes)[(angle / (2 * np.pi) * spikes).astype(int) % spikes]
        )
    elif balloon.kind == "thought":
        radius = 0.94 + 0.1 * np.abs(np.sin(angle * 5))
    else:
        radius = 1.0 + 0.02 * np.sin(angle * 3 + rng.uniform(0, 6))
    square = 0.86  # exponent below 1: slightly squarer than an ellipse
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([x + rx * radius * np.sign(cos) * np.abs(cos) ** square,
                     y + ry * radius * np.sign(sin) * np.abs(sin) ** square], axis=1)  # fmt: skip


def draw_balloon(
    canvas: Canvas, rng: Rng, balloon: Balloon, mouth: tuple[float, float] | None, size: float, ink: Colour
) -> None:
    """Draw a balloon with a tail towards `mouth` (None: no tail) and letters of `size` pixels."""
    outline = outline_balloon(balloon, rng)
    tail = _outline_tail(balloon, mouth, rng) if mouth and balloon.kind in ("speech", "shout") else None
    line = 1.6 if balloon.kind != "shout" else 2.2
    for shape in [outline] if tail is None else [outline, tail]:
        canvas.contour(shape, line * 2, ink)
    for shape in [outline] if tail is None else [outline, tail]:
        canvas.fill(shape, WHITE)
    if balloon.kind == "thought" and mouth:
        for share, radius in ((1.12, 5.0), (1.32, 3.0)):
            step = np.array([mouth[0] - balloon.x, mouth[1] - balloon.y])
            step = step / max(float(np.hypot(*step)), 1.0) * (balloon.rx, balloon.ry) * share
            bubble = ellipse(balloon.x + step[0], balloon.y + step[1], radius, radius)
            canvas.fill(bubble, WHITE)
            canvas.contour(bubble, line, ink)
    inset = 0.66 if balloon.kind != "caption" else 0.84
    text = (
        balloon.x - balloon.rx * inset,
        balloon.y - balloon.ry * inset,
        balloon.rx * 2 * inset,
        balloon.ry * 2 * inset,
    )
    draw_text(canvas, rng, text, size, ink)


def _outline_tail(balloon: Balloon, mouth: tuple[float, float], rng: Rng) -> Points:
    """Return the outline (n, 2) of a balloon's tail that points towards the mouth."""
    aim = np.array([mouth[0] - balloon.x, mouth[1] - balloon.y])
    distance = max(float(np.hypot(*(aim / (balloon.rx, balloon.ry)))), 1e-6)
    edge = aim / distance  # point of the ellipse in the direction of the mouth
    away = aim - edge
    reach = min(float(np.hypot(*away)) * 0.45, 0.55 * min(balloon.rx, balloon.ry) + 8)
    direction = aim / max(float(np.hypot(*aim)), 1e-6)
    across = np.array([-direction[1], direction[0]]) * min(balloon.rx, balloon.ry) * 0.2
    tip = edge + direction * reach + across * rng.uniform(-1, 1)
    base = edge * 0.9
    centre = np.array([balloon.x, balloon.y])
    return np.concatenate([
        bezier(tuple(centre + base + across), tuple(centre + edge + across * 0.4), tuple(centre + tip)),
        bezier(tuple(centre + tip), tuple(centre + edge - across * 0.2), tuple(centre + base - across)),
    ])  # fmt: skip


def draw_sound_effect(
    canvas: Canvas, rng: Rng, x: float, y: float, size: float, sound: tuple[str, ...], ink: Colour
) -> None:
    """Draw a column of letters of SOUND_STROKES, `size` pixels each, from (x, y) down, with a white outline."""
    strokes = []
    lean = rng.uniform(-0.25, 0.25)
    for index, letter in enumerate(sound):
        tall = size * rng.uniform(0.85, 1.15)
        for stroke in SOUND_STROKES[letter]:
            shape = np.array(stroke, np.float64)
            shape[:, 0] += lean * (0.5 - shape[:, 1])
            # intermediate points, because a stroke is tapered from point to point
            path = np.concatenate([np.linspace(a, b, 6) for a, b in pairwise(shape)])
            strokes.append(path * tall + (x + rng.uniform(-0.05, 0.05) * size, y + index * size * 1.05))
    for path in strokes:
        canvas.line(path, size * 0.36, WHITE, (0.05, 0.2))
    for path in strokes:
        canvas.line(path, size * 0.23, ink, (0.02, 0.35))


def overlaps(box: Box, others: list[Box], margin: float = 0.0) -> bool:
    """Return True if the box is within `margin` pixels of any of the others."""
    x, y, w, h = box
    return any(
        x < ox + ow + margin and ox - margin < x + w and y < oy + oh + margin and oy - margin < y + h
        for ox, oy, ow, oh in others
    )


def find_free_place(rng: Rng, panel: Box, rx: float, ry: float, occupied: list[Box]) -> tuple[float, float] | None:
    """Return a random centre for a balloon with half-axes (rx, ry), or None if no free place was found.

    Args:
        rng: Source of the 24 places that are tried.
        panel: The balloon is inside this box.
        rx: Horizontal half-axis [px].
        ry: Vertical half-axis [px].
        occupied: Boxes that the balloon must not overlap.
    """
    x, y, w, h = panel
    if w < 2 * rx or h < 2 * ry:
        return None
    tries = rng.random((24, 2))
    tries[::2] = np.round(tries[::2])  # half of the tries are at the left or right edge, the usual place of balloons
    tries[::2, 1] *= 0.35
    for across, down in tries:
        cx, cy = x + rx + across * (w - 2 * rx), y + ry + down * (h - 2 * ry)
        if not overlaps((cx - rx, cy - ry, 2 * rx, 2 * ry), occupied, 4.0):
            return float(cx), float(cy)
    return None
