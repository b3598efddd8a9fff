"""Eyes and brows of varied faces: large, almond-shaped, narrow, dots, circles, blank, closed, half closed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Paint, Points, bezier, ellipse, points, spline
from mangagan.sample.varied.brush import FaceBrush

Eye = Callable[[FaceBrush, float], None]


def draw_eyes(brush: FaceBrush) -> None:
    """Draw both eyes."""
    for side in (-1.0, 1.0):
        EYES[brush.traits.eyes](brush, side)


def locate_eyes(brush: FaceBrush) -> Points:
    """Return the placed centres (2, 2) of the eyes."""
    traits = brush.traits
    return brush.place(points((-traits.eye_x, traits.eye_y), (traits.eye_x, traits.eye_y)))


def _at(brush: FaceBrush, side: float, shape: Points) -> Points:
    """Return points in half-axes of an eye, x outwards, as points of the front view."""
    traits = brush.traits
    x = side * (traits.eye_x + shape[:, 0] * traits.eye_w)
    y = traits.eye_y + shape[:, 1] * traits.eye_h - traits.eye_tilt * shape[:, 0] * traits.eye_w
    return np.stack([x, y], axis=1)


def _outline_lids(brush: FaceBrush, openness: float, inner: float = 0.0) -> tuple[Points, Points]:
    """Return the upper and lower lid (n, 2) in half-axes; `inner` lowers the inner part of the upper lid."""
    upper = points((-1, 0.25), (-0.75, -0.4), (-0.2, -0.95), (0.45, -0.85), (0.85, -0.35), (1.05, 0.1))
    lower = points((-1, 0.25), (-0.65, 0.72), (0, 0.98), (0.55, 0.85), (0.9, 0.45), (1.05, 0.1))
    upper[:, 1] = 0.25 + (upper[:, 1] - 0.25) * openness + inner * np.clip(0.5 - upper[:, 0], 0, 1.5) * 0.5
    return spline(upper, steps=5), spline(lower, steps=5)


def _draw_open(brush: FaceBrush, side: float, upper: Points, lower: Points, iris: float, ry: float) -> None:
    """Draw an eye between its lids; `iris` and `ry` are the half-axes of the iris in those of the eye."""
    traits, style = brush.traits, brush.pen.style
    upper, lower = _at(brush, side, upper), _at(brush, side, lower)
    opening = np.concatenate([upper, lower[::-1]])
    brush.fill(opening, WHITE)
    flip = -1.0 if brush.pen.pose.mirror else 1.0
    centre = points((traits.gaze[0] * side * flip, 0.05 + traits.gaze[1]))
    clip = brush.place(opening)

    def part(dx: float, dy: float, width: float, height: float) -> Points:
        shape = ellipse(dx * iris, dy * ry, width * iris, height * ry, 20) + np.clip(centre, -0.6, 0.6)
        return _at(brush, side, shape)

    person, look = brush.person, person_look(brush)
    if style.colour:
        base, dark = person.iris, darken(person.iris, 0.65)
    else:
        gray = int(40 + 190 * look)
        base, dark = (gray, gray, gray), style.ink
    brush.fill(part(0, 0, 1, 1), dark, clip)
    if look > 0.25:
        brush.fill(part(0, 0.08, 0.8, 0.84), base, clip)
        brush.fill(part(0, 0, 0.42, 0.46), dark, clip)
    if style.colour and look > 0.5:
        brush.fill(part(0, 0.6, 0.5, 0.25), lighten(person.iris, 0.5), clip)
    if 0.15 < look < 0.9 and traits.eyes != "almond":
        brush.fill(part(-0.34 * side * flip, -0.4, 0.34, 0.3), WHITE)
        if look > 0.6:
            brush.fill(part(0.35 * side * flip, 0.4, 0.2, 0.17), WHITE)
    brush.line(upper[1:], traits.lash, taper=(0.4, 0.15))
    if traits.lash > 1.4:
        corner = upper[-1]
        flick = bezier(tuple(upper[-5]), tuple(corner), (corner[0] + side * 0.09, corner[1] - 0.06))
        brush.line(flick, 0.8 * traits.lash, taper=(0.0, 0.9))
    if traits.gaps < 0.3:
        brush.line(lower[6:-2], 0.6, taper=(0.4, 0.3))


def person_look(brush: FaceBrush) -> float:
    """Return a number [0, 1] that is the same for both eyes and selects the parts of the iris."""
    return (brush.person.seed % 97) / 96


def _draw_fold(brush: FaceBrush, side: float, height: float) -> None:
    fold = spline(points((-0.75, -0.45), (-0.1, -1.0), (0.6, -0.85), (1.1, -0.25)), steps=5)
    brush.line(_at(brush, side, fold) - (0, height), 0.6, taper=(0.4, 0.4))


def _draw_large(brush: FaceBrush, side: float) -> None:
    upper, lower = _outline_lids(brush, 1.0)
    _draw_open(brush, side, upper, lower, max(brush.traits.iris, 0.5), 0.92)
    if brush.person.seed % 3:
        _draw_fold(brush, side, 0.07)


def _draw_almond(brush: FaceBrush, side: float) -> None:
    upper, lower = _outline_lids(brush, 0.95)
    _draw_open(brush, side, upper, lower, brush.traits.iris * 0.75, 0.95)
    _draw_fold(brush, side, 0.05)
    if brush.person.seed % 2:  # shadow of the socket
        brush.line(_at(brush, side, points((-1.1, -0.2), (-1.35, -1.0), (-1.2, -1.8))), 0.8, taper=(0.4, 0.6))


def _draw_narrow(brush: FaceBrush, side: float) -> None:
    upper, lower = _outline_lids(brush, 0.9, inner=1.0)
    _draw_open(brush, side, upper, lower, min(brush.traits.iris, 0.5), 0.9)


def _draw_heavy(brush: FaceBrush, side: float) -> None:
    upper, lower = _outline_lids(brush, 0.25)
    lid = points((-0.95, 0.1), (-0.3, -0.9), (0.5, -0.8), (1.0, 0.0), (0.4, 0.1), (-0.4, 0.1))
    brush.fill(_at(brush, side, spline(lid, True, 5)), brush.skin_shade if brush.person.seed % 2 else brush.skin)
    _draw_open(brush, side, upper, lower, brush.traits.iris, 0.85)
    _draw_fold(brush, side, 0.0)


def _draw_sanpaku(brush: FaceBrush, side: float) -> None:
    upper, lower = _outline_lids(brush, 1.0, inner=0.3 * (brush.person.seed % 3))
    size = 0.14 + 0.3 * brush.traits.iris
    _draw_open(brush, side, upper, lower, size, size * brush.traits.eye_w / brush.traits.eye_h)


def _draw_dot(brush: FaceBrush, side: float) -> None:
    colour: Colour = darken(brush.person.iris, 0.75) if brush.pen.style.colour else brush.pen.style.ink
    brush.fill(_at(brush, side, ellipse(0, 0, 1, 1, 18)), colour)
    look = person_look(brush)
    if look > 0.55 and brush.traits.eye_w > 0.06:
        brush.fill(_at(brush, side, ellipse(0.25 * side, -0.4, 0.3, 0.25, 12)), WHITE)
    if look > 0.3 and look < 0.8:
        lid = _at(brush, side, points((-1.5, -0.9), (-0.3, -1.15), (0.8, -1.05), (1.8, -0.75)))
        brush.line(spline(lid, steps=4), 1.2, taper=(0.4, 0.3))


def _draw_circle(brush: FaceBrush, side: float) -> None:
    ring = _at(brush, side, ellipse(0, 0, 1, 1, 24))
    brush.fill(ring, WHITE)
    brush.line(np.concatenate([ring, ring[:2]]), 0.9, taper=(0.0, 0.0))
    size = 0.08 + 0.35 * person_look(brush)
    pupil = ellipse(0, 0, size, size, 12) + points(brush.traits.gaze) * (side, 1.0)
    brush.fill(_at(brush, side, pupil), brush.pen.style.ink)


def _draw_blank(brush: FaceBrush, side: float) -> None:
    upper, lower = _outline_lids(brush, 0.9, inner=0.4 * (brush.person.seed % 3))
    upper, lower = _at(brush, side, upper), _at(brush, side, lower)
    brush.fill(np.concatenate([upper, lower[::-1]]), WHITE)
    brush.line(upper, brush.traits.lash, taper=(0.2, 0.15))
    brush.line(lower, 0.7)


def _draw_closed(brush: FaceBrush, side: float) -> None:
    bow = 1.0 if brush.person.seed % 2 else -1.0
    arc = bezier((-1.0, -0.1 * bow), (0.0, 1.3 * bow), (1.0, -0.1 * bow), 10)
    brush.line(_at(brush, side, arc), max(brush.traits.lash, 1.0), taper=(0.25, 0.2))
    for index in range(brush.person.seed % 4 if brush.traits.lash > 1.3 else 0):
        x = 0.95 - 0.35 * index
        y = float(np.interp(x, arc[:, 0], arc[:, 1]))
        brush.line(_at(brush, side, points((x, y), (x + 0.12, y + 0.2), (x + 0.28, y + 0.35))), 0.8, taper=(0, 0.9))


def _draw_line(brush: FaceBrush, side: float) -> None:
    brush.line(_at(brush, side, spline(points((-1, 0), (0, -0.2), (1, 0.1)), steps=4)), 1.4, taper=(0.15, 0.2))
    if brush.person.seed % 3 == 0:
        _draw_fold(brush, side, 0.05)


def _draw_cross(brush: FaceBrush, side: float) -> None:
    edge = points((1.0, -0.9), (0.2, -0.35), (-0.8, 0.0), (0.2, 0.35), (1.0, 0.8))
    brush.line(_at(brush, side, edge), 1.5, taper=(0.2, 0.2))


EYES: dict[str, Eye] = {
    "large": _draw_large,
    "almond": _draw_almond,
    "narrow": _draw_narrow,
    "heavy": _draw_heavy,
    "sanpaku": _draw_sanpaku,
    "dot": _draw_dot,
    "circle": _draw_circle,
    "blank": _draw_blank,
    "closed": _draw_closed,
    "line": _draw_line,
    "cross": _draw_cross,
}


def draw_brows(brush: FaceBrush) -> None:
    """Draw the brows; thick ones are drawn as shapes with ragged ends."""
    traits = brush.traits
    if traits.brow <= 0:
        return
    colour = darken(brush.person.hair, 0.35) if brush.pen.style.colour else brush.pen.style.ink
    top = traits.eye_y - max(traits.eye_h, 0.05) - traits.brow_gap
    turn = traits.brow_tilt * 0.25
    hollow = not brush.pen.style.colour and traits.hair_level < 0.1 and traits.brow > 0.08
    for side in (-1.0, 1.0):
        inner = (side * (traits.eye_x - 1.1 * traits.eye_w - 0.05), top + turn)
        outer = (side * (traits.eye_x + 1.1 * traits.eye_w + 0.12), top - turn + 0.05)
        middle = (side * (traits.eye_x + 0.1), (inner[1] + outer[1]) / 2 - 0.1)
        path = bezier(inner, middle, outer, 10)
        width = traits.brow / brush.pen.style.line_weight
        brush.line(path, width, colour, (0.08, 0.6))
        if hollow:
            brush.line(path[1:-1], 0.6 * width, WHITE, (0.1, 0.6))
        elif traits.brow > 0.1:
            for x, y in path[1:-2]:
                hair = points((x, y + 0.03), (x + side * 0.04, y - 0.5 * traits.brow - 0.02))
                brush.line(hair, 0.7, colour, (0.0, 0.9))


def draw_glasses(brush: FaceBrush) -> None:
    """Draw glasses with free eyes: round, angular or half-rimmed, and narrow reflections beside the irises."""
    traits = brush.traits
    rx, ry = min(traits.eye_w + 0.12, traits.eye_x - 0.03), max(traits.eye_h + 0.08, 0.2)
    kind = brush.person.seed % 4
    weight = float(brush.rng.uniform(0.7, 1.8))
    for side in (-1.0, 1.0):
        lens = ellipse(0, 0, 1, 1, 24)
        if kind != 1:
            lens = np.sign(lens) * np.abs(lens) ** 0.5
        lens = lens * (rx, ry) + (side * traits.eye_x, traits.eye_y + 0.03)
        rim = lens if kind == 3 else np.concatenate([lens, lens[:1]])
        brush.line(rim[: 13 if kind == 3 else None], weight, taper=(0.0, 0.0))
        if kind == 2:
            x = side * traits.eye_x + 0.7 * rx
            glare = points((x, traits.eye_y - 0.8 * ry), (x + 0.06, traits.eye_y - 0.8 * ry),
                           (x - 0.04, traits.eye_y + 0.8 * ry), (x - 0.1, traits.eye_y + 0.8 * ry))  # fmt: skip
            brush.fill(glare, Paint(WHITE), brush.place(lens))
        temple = points((side * (traits.eye_x + rx), traits.eye_y - 0.05), (side * 1.02, traits.eye_y - 0.1))
        brush.line(temple, weight, taper=(0.0, 0.0))
    gap = traits.eye_x - rx
    brush.line(bezier((-gap, traits.eye_y), (0, traits.eye_y - 0.06), (gap, traits.eye_y)), weight, taper=(0, 0))
