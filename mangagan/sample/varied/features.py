"""Noses and mouths of varied faces."""

from __future__ import annotations

import numpy as np

from mangagan.sample.strokes import WHITE, Paint, Points, bezier, ellipse, points, spline
from mangagan.sample.varied.brush import FaceBrush

MOUTH_CURVES = {
    "line": ((-1, 0.0), (0, 0.05), (1, 0.0)),
    "smile": ((-1, -0.22), (-0.5, 0.08), (0.5, 0.1), (1, -0.25)),
    "frown": ((-1, 0.25), (-0.4, -0.05), (0.4, -0.05), (1, 0.25)),
    "small": ((-0.35, 0.0), (0, 0.05), (0.35, 0.0)),
    "wavy": ((-1, 0.1), (-0.5, -0.12), (0, 0.12), (0.5, -0.12), (1, 0.1)),
    "side": ((-0.4, 0.08), (0.3, 0.05), (1, -0.25)),
}


def draw_nose(brush: FaceBrush) -> None:
    """Draw the nose."""
    traits = brush.traits
    y, w, kind = traits.nose_y, traits.nose_w, traits.nose
    top = traits.eye_y - 0.05
    if kind == "dot":
        brush.fill(ellipse(0, y, 0.025, 0.02, 8), brush.pen.style.ink)
    elif kind == "tick":
        brush.line(points((0.02, y - 0.08), (0.06, y), (-0.02, y + 0.03)), 0.8, taper=(0.5, 0.3))
    elif kind == "shade":
        brush.fill(points((0.0, y - 0.12), (0.09, y + 0.02), (-0.05, y + 0.03)), brush.skin_shade)
    elif kind in ("bridge", "hook"):
        bend = 0.12 if kind == "hook" else 0.02
        path = points((w * 0.4, top), (w * 0.35 + bend, (top + y) / 2), (w * 0.8, y - 0.04), (w * 0.4, y + 0.05),
                      (-w * 0.3, y + 0.05))  # fmt: skip
        brush.line(spline(path, steps=5), 0.9, taper=(0.5, 0.3))
    elif kind == "bulb":
        ball = spline(points((-0.6 * w, y - 0.08), (-w, y + 0.02), (-0.4 * w, y + 0.12), (0.4 * w, y + 0.12),
                             (w, y + 0.02), (0.6 * w, y - 0.08)), steps=5)  # fmt: skip
        brush.line(ball, 1.0, taper=(0.2, 0.2))
    if kind == "full":
        _draw_full_nose(brush, top, y, w)
    if kind in ("nostrils", "full", "bulb"):
        for side in (-1.0, 1.0):
            brush.fill(ellipse(side * 0.4 * w, y + 0.05, 0.17 * w, 0.02, 10), brush.pen.style.ink)


def _draw_full_nose(brush: FaceBrush, top: float, y: float, w: float) -> None:
    """Draw bridge, wings, tip and the shadow of one side."""
    if brush.person.seed % 2:
        shadow = points((0.1, top), (0.3 * w, y - 0.15), (w, y), (0.6 * w, y + 0.08), (0.0, y + 0.06), (0.08, y - 0.2))
        brush.fill(shadow, brush.skin_shade)
    brush.line(spline(points((0.45 * w, top), (0.3 * w, (top + y) / 2), (0.55 * w, y - 0.08)), steps=5), 0.8)
    for side in (-1.0, 1.0):
        wing = points((side * 0.7 * w, y - 0.1), (side * w, y), (side * 0.85 * w, y + 0.07), (side * 0.5 * w, y + 0.05))
        brush.line(spline(wing, steps=4), 0.9, taper=(0.4, 0.3))
    brush.line(bezier((-0.35 * w, y + 0.08), (0, y + 0.13), (0.35 * w, y + 0.08)), 0.8)


def draw_mouth(brush: FaceBrush) -> None:
    """Draw the mouth."""
    traits = brush.traits
    kind, y, w = traits.mouth, traits.mouth_y, traits.mouth_w
    if kind in MOUTH_CURVES:
        knots = np.array(MOUTH_CURVES[kind]) * (w, max(w, 0.18)) + (0, y)
        brush.line(spline(knots, steps=6), 1.1, taper=(0.2, 0.25))
        if traits.age in ("adult", "old") or brush.person.seed % 2:
            brush.line(points((-0.3 * w, y + 0.13), (0, y + 0.15), (0.3 * w, y + 0.13)), 0.6)
    elif kind == "lips":
        _draw_lips(brush, y, w)
    elif kind in ("grit", "grin"):
        _draw_teeth(brush, y, max(w, 0.22), curved=kind == "grin")
    else:
        _draw_open_mouth(brush, kind, y, w)


def _draw_lips(brush: FaceBrush, y: float, w: float) -> None:
    upper = spline(points((-w, y), (-0.35 * w, y - 0.09), (0, y - 0.06), (0.35 * w, y - 0.09), (w, y)), steps=4)
    lower = spline(points((w, y), (0.5 * w, y + 0.1), (0, y + 0.13), (-0.5 * w, y + 0.1), (-w, y)), steps=4)
    level = float(brush.rng.choice([0.0, 0.25, 0.55]))
    lips = np.concatenate([upper, lower[1:-1]])
    brush.fill(lips, brush.tone(max(level, brush.traits.skin_level), (205, 110, 105)))
    if level < 0.1:
        brush.line(upper, 0.6)
        brush.line(lower[5:-5], 0.7)
    brush.line(spline(points((-w, y), (-0.3 * w, y + 0.02), (0, y), (0.3 * w, y + 0.02), (w, y)), steps=4), 1.1)


def _draw_teeth(brush: FaceBrush, y: float, w: float, curved: bool) -> None:
    """Draw a mouth with closed teeth."""
    lift = 0.12 if curved else -0.05
    high = float(brush.rng.uniform(0.06, 0.14))
    top = bezier((-w, y - lift), (0, y - high + 0.5 * lift), (w, y - lift), 10)
    low = bezier((w, y - 0.5 * lift), (0, y + high + 1.3 * lift), (-w, y - 0.5 * lift), 10)
    shape = np.concatenate([top, low])
    brush.fill(shape, WHITE)
    clip = brush.place(shape)
    middle = (top + low[::-1]) / 2
    brush.line(middle, 0.6, taper=(0, 0))
    for x in np.linspace(-0.8, 0.8, int(brush.rng.integers(4, 10))) * w:
        tooth = points((x - 0.008, y - 0.3), (x + 0.008, y - 0.3), (x + 0.008, y + 0.4), (x - 0.008, y + 0.4))
        brush.fill(tooth, brush.pen.style.ink, clip)
    brush.line(np.concatenate([shape, shape[:1]]), 1.0, taper=(0, 0))


def _outline_open_mouth(brush: FaceBrush, kind: str, y: float, w: float) -> Points:
    room = brush.traits.chin - y
    if kind == "round":
        return ellipse(0, y, 0.5 * w + 0.05, min(0.7 * w + 0.05, 0.6 * room), 20)
    if kind == "triangle":
        return spline(points((-0.7 * w, y + 0.12), (0, y - 0.1), (0.7 * w, y + 0.12), (0, y + 0.15)), True, 4)
    drop, rise = (0.78 * room, 0.2) if kind == "shout" else (0.55 * room, 0.03)
    half = max(w, 0.26) if kind == "shout" else w
    corner = float(brush.rng.uniform(-0.08, 0.1))
    top = bezier((-half, y + corner), (0, y - rise), (half, y + corner), 8)
    low = spline(points((half, y + corner), (0.75 * half, y + 0.7 * drop), (0, y + drop),
                        (-0.75 * half, y + 0.7 * drop), (-half, y + corner)), steps=5)  # fmt: skip
    return np.concatenate([top, low[1:-1]])


def _draw_open_mouth(brush: FaceBrush, kind: str, y: float, w: float) -> None:
    shape = _outline_open_mouth(brush, kind, y, w)
    level = float(brush.rng.choice([0.0, 0.4, 0.7, 1.0], p=[0.12, 0.28, 0.25, 0.35]))
    inside: Paint = brush.tone(level, (140, 50, 55) if level > 0.2 else (235, 150, 140))
    brush.fill(shape, inside)
    clip, (low, high) = brush.place(shape), (shape[:, 1].min(), shape[:, 1].max())
    looks = brush.rng.random(3)
    if looks[0] < 0.6 and kind != "round":
        tongue = ellipse(0, high, 0.65 * w, 0.4 * (high - low), 18)
        brush.fill(tongue, brush.tone(0.3, (228, 125, 128)), clip)
    if looks[1] < 0.55 and kind in ("open", "shout"):
        row = points((-2 * w, low - 0.2), (2 * w, low - 0.2), (0.8 * w, low + 0.32 * (high - low)),
                     (-0.8 * w, low + 0.32 * (high - low)))  # fmt: skip
        brush.fill(row, WHITE, clip)
    if looks[2] < 0.3 and kind == "shout":
        row = points((-0.7 * w, high - 0.05), (0.7 * w, high - 0.05), (w, high + 0.2), (-w, high + 0.2))
        brush.fill(row, WHITE, clip)
    brush.line(np.concatenate([shape, shape[:1]]), 1.0, taper=(0, 0))
