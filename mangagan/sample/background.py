"""Backgrounds of panels: rooms, skies, streets, trees, the sea, screentones, speed and focus lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mangagan.sample.character import Rng, Style, pick
from mangagan.sample.pen import darken
from mangagan.sample.strokes import WHITE, Canvas, Colour, Paint, bezier, ellipse, points, rectangle, spline

Size = tuple[int, int]  # width, height of the panel [px]


def _make_paint(style: Style, colour: Colour, level: float, end: float | None = None) -> Paint:
    return Paint(colour) if style.colour else style.make_screentone(level, end)


def draw_background(canvas: Canvas, rng: Rng, style: Style, size: Size, centre: tuple[float, float]) -> None:
    """Draw a random background over the whole panel; focus lines point to `centre` [px]."""
    scenes = ["plain", "gradient", "room", "sky", "city", "trees", "sea", "speed", "focus", "tone", "sparkles", "night"]
    dark = style.dark_background_weight
    weights = (2.2, 1.3 + dark, 1.6, 1.2, 1.2, 1.0, 0.8, 0.7, 0.9, 0.5 + dark, 0.8, dark)
    draw_scene(canvas, rng, style, size, centre, pick(rng, scenes, weights))


def draw_scene(canvas: Canvas, rng: Rng, style: Style, size: Size, centre: tuple[float, float], kind: str) -> None:
    """Draw the named background over the whole panel; focus lines point to `centre` [px]."""
    if kind in ("speed", "focus"):
        (_draw_speed_lines if kind == "speed" else _draw_focus_lines)(canvas, rng, style, size, centre)
        return
    scenes: dict[str, Callable[[Canvas, Rng, Style, Size], None]] = {
        "gradient": _draw_gradient, "room": _draw_room, "sky": _draw_sky, "city": _draw_city, "trees": _draw_trees,
        "sea": _draw_sea, "tone": _draw_tone, "sparkles": _draw_sparkles, "night": _draw_night,
    }  # fmt: skip
    if kind in scenes:
        scenes[kind](canvas, rng, style, size)
    elif style.colour:
        canvas.fill(rectangle(0, 0, *size), (255, 248, 236))


def _draw_gradient(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    w, h = size
    if style.colour:
        top = np.array(rng.choice([(255, 214, 190), (196, 224, 250), (250, 222, 232)]))
        for index in range(24):
            tone = tuple(int(v) for v in top + (255 - top) * index / 23)
            canvas.fill(rectangle(0, h * index / 24, w, h / 24 + 1), (tone[0], tone[1], tone[2]))
        return
    up = rng.random() < 0.5
    level = rng.uniform(0.3, 0.6)
    canvas.fill(
        rectangle(0, 0 if up else h * 0.4, w, h * 0.6), style.make_screentone(level if up else 0, 0 if up else level)
    )


def _draw_room(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    w, h = size
    if style.colour:
        canvas.fill(rectangle(0, 0, w, h), (246, 232, 208))
    floor = h * rng.uniform(0.72, 0.85)
    canvas.fill(rectangle(0, floor, w, h - floor), _make_paint(style, (214, 178, 136), 0.2))
    canvas.polyline(points((0, floor), (w, floor)), 1.2, style.ink)
    wx, wy, ww, wh = w * rng.uniform(0.05, 0.5), h * 0.12, w * rng.uniform(0.28, 0.42), h * 0.4
    canvas.fill(rectangle(wx, wy, ww, wh), _make_paint(style, (190, 224, 246), 0.12, 0.0))
    for frame in (rectangle(wx, wy, ww, wh), rectangle(wx, wy, ww / 2, wh), rectangle(wx, wy + wh / 2, ww, wh / 2)):
        canvas.contour(frame, 1.1, style.ink)
    canvas.contour(rectangle(wx - 6, wy - 6, ww + 12, wh + 12), 1.3, style.ink)
    for side in (-1, 1):
        x = wx - 4 if side < 0 else wx + ww + 4
        folds = spline(points((x, wy - 10), (x + side * 16, wy + wh * 0.5), (x + side * 4, wy + wh + 16)))
        canvas.line(folds, 2.0, style.ink)
        canvas.line(folds + np.array([side * 10, 0]), 1.5, style.ink)
    sx = (wx + ww + 40) if wx < w * 0.3 else w * 0.02
    for row in range(3):
        y = h * (0.2 + 0.2 * row)
        canvas.polyline(points((sx, y), (sx + w * 0.25, y)), 1.4, style.ink)
        for book in np.arange(sx + 2, sx + w * 0.24, 9):
            tall = h * rng.uniform(0.09, 0.15)
            if rng.random() < 0.8:
                shade = _make_paint(style, (170, 110, 90), 0.5) if rng.random() < 0.4 else Paint(WHITE)
                canvas.fill(rectangle(book, y - tall, 8, tall), shade)
                canvas.contour(rectangle(book, y - tall, 8, tall), 0.8, style.ink)


def _draw_cloud(canvas: Canvas, rng: Rng, style: Style, x: float, y: float, size: float) -> None:
    bumps = [(x + dx * size, y, size * rng.uniform(0.2, 0.3)) for dx in (-0.8, -0.4, 0.0, 0.4, 0.8)]
    bumps += [
        (x + dx * size, y - size * rng.uniform(0.18, 0.28), size * rng.uniform(0.22, 0.36)) for dx in (-0.35, 0.2)
    ]
    for bx, by, radius in bumps:
        canvas.contour(ellipse(bx, by, radius, radius * 0.72), 2.4, style.ink)
    for bx, by, radius in bumps:
        canvas.fill(ellipse(bx, by, radius, radius * 0.72), WHITE)


def _draw_sky(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    w, h = size
    canvas.fill(rectangle(0, 0, w, h), _make_paint(style, (156, 206, 244), rng.uniform(0.2, 0.4), 0.02))
    for _ in range(int(rng.integers(2, 5))):
        _draw_cloud(canvas, rng, style, rng.uniform(0, w), h * rng.uniform(0.1, 0.75), w * rng.uniform(0.12, 0.25))


def _draw_city(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    w, h = size
    if style.colour:
        canvas.fill(rectangle(0, 0, w, h), (204, 228, 244))
    x = -10.0
    while x < w:
        wide, top = w * rng.uniform(0.12, 0.26), h * rng.uniform(0.08, 0.45)
        level = float(rng.choice([0.0, 0.12, 0.3]))
        canvas.fill(rectangle(x, top, wide, h), _make_paint(style, (226 - int(level * 120), 214, 204), level))
        canvas.contour(rectangle(x, top, wide, h), 1.2, style.ink)
        columns = max(int(wide / 20), 2)
        for cx in np.linspace(x + 5, x + wide - 13, columns):
            for cy in np.arange(top + 10, h, 22):
                window = rectangle(cx, cy, 8, 12)
                canvas.fill(window, _make_paint(style, (120, 150, 180), 0.7) if rng.random() < 0.5 else Paint(WHITE))
                canvas.contour(window, 0.7, style.ink)
        x += wide + w * rng.uniform(0.0, 0.04)


def _draw_trees(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    w, h = size
    ground = h * rng.uniform(0.6, 0.75)
    if style.colour:
        canvas.fill(rectangle(0, 0, w, h), (208, 234, 250))
    canvas.fill(rectangle(0, ground, w, h - ground), _make_paint(style, (168, 206, 128), 0.12))
    canvas.polyline(points((0, ground), (w, ground)), 1.1, style.ink)
    for x in np.linspace(0.05, 0.95, int(rng.integers(3, 6))) * w:
        tall, wide = h * rng.uniform(0.3, 0.45), h * rng.uniform(0.14, 0.24)
        trunk = rectangle(x - wide * 0.12, ground - tall, wide * 0.24, tall * 1.05)
        canvas.fill(trunk, _make_paint(style, (140, 100, 70), 0.5))
        canvas.contour(trunk, 1.0, style.ink)
        angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        radius = 1 + 0.12 * np.abs(np.sin(angle * 4.5 + x))
        crown = np.stack(
            [x + wide * radius * np.cos(angle), ground - tall + wide * 1.1 * radius * np.sin(angle)], axis=1
        )
        canvas.fill(crown, _make_paint(style, (104, 160, 84), rng.uniform(0.2, 0.5)))
        canvas.contour(crown, 1.3, style.ink)
        for _ in range(7):
            leaf = np.array([x, ground - tall]) + rng.uniform(-0.6, 0.6, 2) * wide
            canvas.line(bezier((leaf[0] - 5, leaf[1]), (leaf[0], leaf[1] + 6), (leaf[0] + 5, leaf[1])), 1.4, style.ink)


def _draw_sea(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    w, h = size
    horizon = h * rng.uniform(0.4, 0.6)
    canvas.fill(rectangle(0, 0, w, horizon), _make_paint(style, (190, 226, 250), 0.15, 0.0))
    canvas.fill(rectangle(0, horizon, w, h - horizon), _make_paint(style, (84, 150, 196), 0.25, 0.5))
    canvas.polyline(points((0, horizon), (w, horizon)), 1.2, style.ink)
    for _ in range(16):
        x, y = rng.uniform(0, w), rng.uniform(horizon, h)
        canvas.line(points((x, y), (x + w * rng.uniform(0.05, 0.15), y)), 2.0, WHITE)
    for _ in range(int(rng.integers(1, 3))):
        x, s = rng.uniform(0.1, 0.9) * w, min(w, h) * rng.uniform(0.08, 0.14)
        hull = points(
            (x - s, horizon), (x + s, horizon), (x + s * 0.7, horizon + s * 0.4), (x - s * 0.8, horizon + s * 0.4)
        )
        canvas.fill(hull, style.ink)
        sail = points((x, horizon - s * 1.5), (x + s * 0.8, horizon - 3), (x, horizon - 3))
        canvas.fill(sail, WHITE)
        canvas.contour(sail, 1.0, style.ink)


def _draw_speed_lines(canvas: Canvas, rng: Rng, style: Style, size: Size, centre: tuple[float, float]) -> None:
    w, h = size
    if style.colour:
        canvas.fill(rectangle(0, 0, w, h), (255, 240, 214))
    lean = rng.uniform(-0.12, 0.12)
    for y in np.sort(rng.uniform(-0.1 * h, 1.1 * h, int(h / 5))):
        start, length = rng.uniform(-0.2, 0.5) * w, rng.uniform(0.4, 1.0) * w
        canvas.line(points((start, y), (start + length, y + lean * length)), rng.uniform(0.7, 2.4), style.ink)


def _draw_focus_lines(canvas: Canvas, rng: Rng, style: Style, size: Size, centre: tuple[float, float]) -> None:
    w, h = size
    if style.colour:
        canvas.fill(rectangle(0, 0, w, h), (255, 244, 222))
    far = float(np.hypot(w, h))
    inner = 0.34 * min(w, h)
    for angle in np.sort(rng.uniform(0, 2 * np.pi, 130)):
        step = np.array([np.cos(angle), np.sin(angle)])
        start = inner * rng.uniform(1.0, 1.7)
        path = np.array(centre) + step * np.linspace(far, start, 6)[:, None]
        canvas.line(path, rng.uniform(1.5, 6.0), style.ink, (0.0, 1.0))


def _draw_tone(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    colours: list[Colour] = [(188, 170, 214), (150, 190, 200), (230, 190, 150)]
    level = float(rng.choice([0.15, 0.25, 0.4, 0.97], p=[0.35, 0.3, 0.2, 0.15]))
    colour = colours[int(rng.integers(3))]
    canvas.fill(rectangle(0, 0, *size), Paint(colour) if style.colour else style.make_screentone(level))


def _draw_sparkles(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    w, h = size
    canvas.fill(rectangle(0, 0, w, h), _make_paint(style, (252, 224, 232), 0.1))
    for _ in range(int(rng.integers(10, 18))):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.02, 0.09) * min(w, h)
        if rng.random() < 0.5:
            canvas.fill(ellipse(x, y, r, r), WHITE)
            canvas.contour(ellipse(x, y, r, r), 0.8, style.ink)
            continue
        star = points((x, y - r), (x + r * 0.15, y - r * 0.15), (x + r, y), (x + r * 0.15, y + r * 0.15), (x, y + r),
                      (x - r * 0.15, y + r * 0.15), (x - r, y), (x - r * 0.15, y - r * 0.15))  # fmt: skip
        canvas.fill(star, WHITE)
        canvas.contour(star, 0.8, style.ink)


def _draw_night(canvas: Canvas, rng: Rng, style: Style, size: Size) -> None:
    w, h = size
    night: Colour = darken((70, 80, 140), 0.3)
    canvas.fill(rectangle(0, 0, w, h), night if style.colour else style.ink)
    for x, y, r in rng.uniform((0, 0, 0.5), (w, h, 1.8), (60, 3)):
        canvas.fill(ellipse(x, y, r, r, 8), WHITE)
    x, y, r = w * rng.uniform(0.1, 0.9), h * 0.22, 0.12 * min(w, h)
    canvas.fill(ellipse(x, y, r, r), WHITE)
