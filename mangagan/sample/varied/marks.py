"""Shadows, wrinkles, beards, scars, freckles, sweat and other marks of varied faces."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken
from mangagan.sample.strokes import WHITE, Paint, Points, bezier, ellipse, points, spline
from mangagan.sample.varied.brush import FaceBrush

THIN_EYES = ("closed", "line", "dot", "cross", "heavy")  # drawn with few lines


def draw_shade(brush: FaceBrush, outline: Points) -> None:
    """Draw a shadow on the placed outline of the face, before the features: tone, hatching or both."""
    traits, rng, pen = brush.traits, brush.rng, brush.pen
    if traits.shade == "none":
        return
    low, high = outline[:, 1].min(), outline[:, 1].max()
    side = float(rng.choice([-1, 1]))
    edge = float(rng.uniform(-0.3, 0.5))
    areas = {
        "side": points((edge, low), (edge - 0.1, -0.2), (edge + 0.15, traits.nose_y), (edge, high), (2, high),
                       (2, low)),
        "top": points((-2, low - 1), (-2, edge), (0, edge + 0.1), (2, edge), (2, low - 1)),
        "all": points((-2, low - 1), (2, low - 1), (2, high + 1), (-2, high + 1)),
        "cheeks": points((0.62, low), (0.72, 0.1), (0.5, traits.mouth_y), (0.35, high), (2, high), (2, low)),
    }  # fmt: skip
    area = areas[traits.shade] * (side, 1.0)
    hatched = rng.random() < (0.25 if pen.style.colour else 0.5) and traits.shade != "all"
    if hatched and traits.eyes in THIN_EYES:  # lines would hide them
        area = np.maximum(area, (-2, traits.eye_y + 0.25)) if traits.shade != "top" else np.minimum(area, (2, -0.45))
    if not hatched or rng.random() < 0.3:
        level = traits.skin_level + float(rng.uniform(0.12, 0.5))
        pen.fill(
            area,
            brush.tone(
                min(level, 0.45 if traits.eyes in THIN_EYES else 0.65),
                darken(brush.person.skin, float(rng.uniform(0.1, 0.4))),
            ),
            outline,
        )
    if hatched:
        box = (max(area[:, 0].min(), -1.1), max(area[:, 1].min(), low), min(area[:, 0].max(), 1.1),
               min(area[:, 1].max(), high))  # fmt: skip
        angle, step = float(rng.uniform(0.3, 2.8)), float(rng.uniform(0.09, 0.2))
        brush.hatch(outline, box, angle, step)
        if rng.random() < 0.15:
            brush.hatch(outline, box, angle + 0.9, step)


def draw_wrinkles(brush: FaceBrush) -> None:
    """Draw wrinkles of forehead, eyes, cheeks and mouth, bags, cheekbones, furrows and a double chin."""
    traits, share, rng = brush.traits, brush.traits.wrinkles, brush.rng
    x, y, w, mouth = traits.eye_x, traits.eye_y, traits.eye_w, traits.mouth_y
    half = max(traits.mouth_w, 0.2)
    for height in (0.62, 0.74, 0.86):
        if rng.random() < share and traits.hair != "manga":
            top = y + height * (traits.forehead - y) - 0.05
            brush.line(spline(points((-0.45, top), (-0.15, top - 0.05), (0.2, top), (0.45, top - 0.02)), steps=4), 0.6)
    for side in (-1.0, 1.0):
        if rng.random() < share + 0.25 * (traits.age in ("adult", "old")):  # nasolabial fold
            fold = bezier((side * (traits.nose_w + 0.05), traits.nose_y), (side * (half + 0.12), mouth - 0.1),
                          (side * (half + 0.1), mouth + 0.1))  # fmt: skip
            brush.line(fold, 0.8, taper=(0.3, 0.5))
        if rng.random() < share:  # crow's feet
            for lift in (-0.05, 0.02, 0.08):
                brush.line(points((side * (x + w + 0.06), y + 0.5 * lift), (side * (x + w + 0.2), y + 2 * lift)), 0.6)
        if "bags" in traits.marks or rng.random() < 0.7 * share:
            low = y + traits.eye_h + 0.06
            brush.line(bezier((side * (x - w), low), (side * x, low + 0.12), (side * (x + w), low - 0.02)), 0.7)
        if "cheekbones" in traits.marks:
            bone = bezier((side * 0.95, y + 0.25), (side * 0.75, y + 0.45), (side * 0.55, mouth))
            brush.line(bone, 1.0, taper=(0.1, 0.6))
        if "furrow" in traits.marks:
            brush.line(bezier((side * 0.1, y - 0.35), (side * 0.05, y - 0.2), (side * 0.12, y - 0.08)), 0.8)
    if "double_chin" in traits.marks:
        c = traits.chin
        brush.line(bezier((-0.4, c - 0.16), (0, c - 0.02), (0.4, c - 0.16)), 0.8, taper=(0.4, 0.4))


def draw_beard(brush: FaceBrush, outline: Points) -> None:
    """Draw a beard; call it before the mouth. `outline` is that of the placed face."""
    traits, rng, kind = brush.traits, brush.rng, brush.traits.beard
    y, w, c = traits.mouth_y, max(traits.mouth_w, 0.22), traits.chin
    if kind == "none":
        return
    if kind == "stubble":
        _draw_stubble(brush, outline)
        return
    if kind in ("full", "long"):
        drop = float(rng.uniform(0.5, 1.2)) if kind == "long" else float(rng.uniform(0.0, 0.25))
        shape = spline(points((-1.0, traits.eye_y + 0.1), (-0.8, y - 0.1), (-w - 0.12, y - 0.16), (0, y - 0.2),
                              (w + 0.12, y - 0.16), (0.8, y - 0.1), (1.0, traits.eye_y + 0.1), (traits.jaw, 0.8 * c),
                              (0.45, c + drop), (0, c + 1.2 * drop + 0.04), (-0.45, c + drop), (-traits.jaw, 0.8 * c)),
                       True, 5)  # fmt: skip
        brush.solid(brush.place(shape), brush.hair, 0.8)
        brush.fill(ellipse(0, y + 0.02, w + 0.04, 0.12, 18), brush.skin)
        for x in np.linspace(-0.6, 0.6, 9):
            end = c + drop * rng.uniform(0.2, 0.9)
            brush.line(bezier((x, y + 0.2), (x * 0.95, 0.5 * (y + end) + 0.1), (x * 0.8, end)), 0.6, _strand(brush))
    if kind in ("goatee",):
        size = float(rng.uniform(0.1, 0.26))
        shape = spline(points((-size, y + 0.17), (0, y + 0.14), (size, y + 0.17), (0.7 * size, c + 0.03),
                              (0, c + rng.uniform(0.05, 0.3)), (-0.7 * size, c + 0.03)), True, 4)  # fmt: skip
        brush.solid(brush.place(shape), brush.hair, 0.7)
    if kind == "moustache" or (kind in ("full", "goatee", "long") and rng.random() < 0.6):
        _draw_moustache(brush, y, w)


def _strand(brush: FaceBrush) -> tuple[int, int, int] | None:
    if brush.pen.style.colour:
        return darken(brush.person.hair, 0.35)
    return (110, 110, 110) if brush.traits.hair_level > 0.8 else None


def _draw_moustache(brush: FaceBrush, y: float, w: float) -> None:
    reach, curl = float(brush.rng.uniform(0.7, 1.5)) * w, float(brush.rng.uniform(-0.1, 0.14))
    for side in (-1.0, 1.0):
        shape = points((0, y - 0.17), (side * 0.5 * reach, y - 0.15), (side * reach, y - 0.02 + curl),
                       (side * 0.6 * reach, y - 0.04), (0, y - 0.06))  # fmt: skip
        brush.solid(brush.place(spline(shape, True, 4)), brush.hair, 0.7)


def _draw_stubble(brush: FaceBrush, outline: Points) -> None:
    traits, rng = brush.traits, brush.rng
    if rng.random() < 0.5:
        y, c = traits.mouth_y, traits.chin
        area = spline(points((-0.9, y - 0.3), (-0.4, y - 0.05), (0, y - 0.2), (0.4, y - 0.05), (0.9, y - 0.3),
                             (0.9, c), (0, c + 0.1), (-0.9, c)), True, 4)  # fmt: skip
        brush.fill(area, brush.skin_shade, outline)
        return
    for x, y in rng.uniform((-0.6, 0.1), (0.6, 0.95), (26, 2)):
        place = (x * traits.jaw, traits.mouth_y + y * (traits.chin - traits.mouth_y))
        brush.line(points(place, (place[0] + 0.01, place[1] + 0.04)), 0.6, taper=(0, 0))


def draw_marks(brush: FaceBrush) -> None:
    """Draw scars, freckles, moles, blush, sweat, tears and earrings; nothing covers an eye."""
    traits, rng = brush.traits, brush.rng
    cheek = 0.5 * (traits.eye_y + traits.eye_h + traits.mouth_y)
    if "blush" in traits.marks:
        _draw_blush(brush, cheek)
    if "freckles" in traits.marks:
        for x, y in rng.uniform((-0.65, -0.1), (0.65, 0.1), (12, 2)):
            brush.fill(ellipse(x, cheek + y, 0.018, 0.018, 8), brush.tone(0.6, darken(brush.person.skin, 0.35)))
    if "mole" in traits.marks:
        brush.fill(ellipse(float(rng.uniform(-0.6, 0.6)), cheek, 0.03, 0.03, 10), brush.pen.style.ink)
    if "scar" in traits.marks:
        start = rng.uniform((-0.75, cheek - 0.1), (0.75, cheek + 0.15))
        _draw_scar(brush, start, start + rng.uniform((-0.3, -0.1), (0.3, 0.3)))
    if "tears" in traits.marks:
        for side in (-1.0, 1.0):
            x, y = side * (traits.eye_x + 0.3 * traits.eye_w), traits.eye_y + traits.eye_h + 0.1
            _draw_drop(brush, x, y, float(rng.uniform(0.05, 0.1)))
    if "sweat" in traits.marks:
        for _ in range(int(rng.integers(1, 4))):
            side = float(rng.choice([-1, 1]))
            _draw_drop(brush, side * float(rng.uniform(0.75, 0.95)), float(rng.uniform(-0.6, 0.8)), 0.07)
    if "vein" in traits.marks:
        x, y = float(rng.choice([-0.55, 0.55])), traits.forehead + 0.1
        for turn in range(4):
            dx, dy = ((1, 1), (1, -1), (-1, 1), (-1, -1))[turn]
            bend = bezier(
                (x + 0.03 * dx, y + 0.13 * dy), (x + 0.03 * dx, y + 0.03 * dy), (x + 0.13 * dx, y + 0.03 * dy)
            )
            brush.line(bend, 0.9, taper=(0.2, 0.2))


def _draw_blush(brush: FaceBrush, y: float) -> None:
    kind = int(brush.rng.integers(3))
    for side in (-1.0, 1.0):
        x = side * (brush.traits.eye_x + 0.12)
        if kind != 0:
            brush.fill(ellipse(x, y, 0.2, 0.1, 18), brush.tone(brush.traits.skin_level + 0.2, (250, 178, 165)))
        for step in (-0.12, -0.04, 0.04, 0.12) if kind != 1 else ():
            path = points((x + step + 0.03, y - 0.06), (x + step - 0.03, y + 0.06))
            brush.line(path, 0.6, (225, 105, 100) if brush.pen.style.colour else None)


def _draw_scar(brush: FaceBrush, start: Points, end: Points) -> None:
    brush.line(np.linspace(start, end, 4), 1.0)
    across = 0.3 * np.array([start[1] - end[1], end[0] - start[0]])
    for share in (0.25, 0.5, 0.75) if brush.rng.random() < 0.6 else ():
        middle = start + share * (end - start)
        brush.line(np.array([middle - across, middle + across]), 0.7)


def _draw_drop(brush: FaceBrush, x: float, y: float, size: float) -> None:
    drop = points(
        (x, y - 1.6 * size), (x + 0.8 * size, y + 0.3 * size), (x, y + size), (x - 0.8 * size, y + 0.3 * size)
    )
    shape = brush.place(spline(drop, True, 4))
    brush.pen.fill(shape, Paint((205, 230, 250)) if brush.pen.style.colour else Paint(WHITE))
    brush.pen.contour(shape, 0.6 * brush.pen.style.line_weight)
