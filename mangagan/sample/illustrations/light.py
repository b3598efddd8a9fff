"""Lighting of a drawn head: soft eyes with reflections, blush, and strands, highlights and shadows of the hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mangagan.sample.character import Character, Expression, Pose, Rng, Style
from mangagan.sample.frontal_face import EYE_X, EYE_Y, draw_glasses, outline_eyelids
from mangagan.sample.illustrations.shading import ShadedCanvas, add_light
from mangagan.sample.pen import Pen, darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Points, bezier, ellipse, points

MAX_SHADED_HAIR = 200  # smallest channel; a soft shadow on lighter hair would also darken a white background


@dataclass(frozen=True)
class EyeLook:
    """How the eyes of one illustration are drawn; sizes are shares of the iris."""

    depth: float  # darkness at the top of the iris [0, 1]
    shine: float  # lightness at the bottom of the iris [0, 1]
    pupil: float  # 0: none
    slit: bool
    gloss: float  # size of the highlight
    lash: float  # width of the lashes in line weights
    lash_colour: Colour
    flicks: int  # lashes at the outer corner, 0 to 3
    reflections: tuple[tuple[float, float, float], ...]  # x, y, size
    second: Colour | None = None  # colour of the other eye. Default: the same


def sample_eye_look(rng: Rng, person: Character, style: Style) -> EyeLook:
    """Return random eyes for a character."""
    ink = style.ink if rng.random() < 0.6 else darken(person.hair, 0.65)
    spots = tuple(
        (float(x), float(y), float(size))
        for x, y, size in rng.uniform((-0.5, 0.1, 0.06), (0.5, 0.6, 0.2), (int(rng.integers(0, 5)), 3))
    )
    red, green, blue = (int(value) for value in rng.integers(40, 230, 3))
    return EyeLook(
        float(rng.uniform(0.35, 0.8)),
        float(rng.uniform(0.1, 0.65)),
        float(rng.choice([0.0, rng.uniform(0.3, 0.55)], p=[0.2, 0.8])),
        bool(rng.random() < 0.1),
        float(rng.uniform(0.2, 0.42)),
        float(rng.uniform(1.5, 2.8)),
        ink,
        int(rng.integers(0, 4)),
        spots,
        (red, green, blue) if rng.random() < 0.05 else None,
    )


def light_head(
    canvas: ShadedCanvas, rng: Rng, person: Character, expression: Expression, pose: Pose, style: Style
) -> None:
    """Draw soft eyes, blush and shine over a head that was just drawn."""
    pen = Pen(canvas, pose, style)
    if pose.view != "profile":
        if expression.blush or rng.random() < 0.4:
            _add_blush(pen, person, rng)
        look = sample_eye_look(rng, person, style)
        if expression.eyes not in ("shut", "happy", "none") and rng.random() < 0.85:
            for side in (-1.0, 1.0):
                if not (expression.eyes == "wink" and side < 0):
                    _draw_soft_eye(pen, person, expression, side, look)
            if person.glasses:
                draw_glasses(pen)
        if rng.random() < 0.5:
            _spot(pen, pen.rotate(points((0.05, 0.5 * person.chin))), 0.1, WHITE, 0.7)
        if rng.random() < 0.7:
            _draw_strands(pen, person, rng)
    _add_hair_light(pen, person, rng)
    if rng.random() < 0.3:  # rim light
        side = float(rng.choice([-1, 1]))
        _spot(pen, points((side * 1.1, -0.5)), 1.3, lighten(person.hair, 0.7), 0.45, person.hair)


def _spot(pen: Pen, place: Points, radius: float, colour: Colour, share: float, near: Colour | None = None) -> None:
    """Blend a soft spot at a place (1, 2) in head units; with `near`, only into pixels of a similar colour."""
    scale = pen.canvas.scale
    x, y = pen.pose.to_pixels(place)[0] * scale
    add_light(pen.canvas.pixels, float(x), float(y), max(radius * pen.pose.unit * scale, 1.5), colour, share, near=near)


def _add_blush(pen: Pen, person: Character, rng: Rng) -> None:
    share = float(rng.uniform(0.25, 0.6))
    for side in (-1.0, 1.0):
        for x in (0.5, 0.62, 0.72):
            _spot(pen, pen.rotate(points((side * x, 0.5))), 0.26, (250, 130, 130), share * 0.6, person.skin)


def _draw_soft_eye(pen: Pen, person: Character, expression: Expression, side: float, look: EyeLook) -> None:
    """Draw an open eye over the eye of `draw_head`: the iris as a gradient with reflections, dark lashes."""
    canvas = pen.canvas
    upper, lower = outline_eyelids(pen, person, expression, side)
    opening = np.concatenate([upper, lower[::-1]])
    pen.fill(opening, (252, 250, 252))
    pen.fill(np.concatenate([upper, upper[::-1] + np.array([0, 0.1])]), (206, 204, 222), clip=opening)
    shrink = 0.72 if expression.eyes == "wide" else 1.0
    rx = pen.style.eye_width * person.eye_scale * pen.style.iris_share * shrink
    ry = pen.style.eye_height * person.eye_scale * 0.95 * shrink
    flip = -1.0 if pen.pose.mirror else 1.0
    x, y = side * EYE_X * 0.98 + expression.gaze[0] * rx * flip * 2, EYE_Y + 0.02 + expression.gaze[1] * ry
    colour = look.second if side > 0 and look.second else person.iris

    def part(dx: float, dy: float, width: float, height: float) -> Points:
        return pen.rotate(ellipse(x + dx * rx, y + dy * ry, width * rx, height * ry))

    pen.fill(part(0, 0, 1.0, 1.0), darken(colour, 0.65), clip=opening)
    inner = pen.pose.to_pixels(part(0, 0, 0.9, 0.92))
    top, bottom = np.array(darken(colour, look.depth), np.float64), np.array(lighten(colour, look.shine), np.float64)
    if isinstance(canvas, ShadedCanvas):
        canvas.fill_ramp(inner, top, bottom, pen.pose.to_pixels(opening))
    if look.pupil > 0:
        pen.fill(
            part(0, 0.02, look.pupil * (0.4 if look.slit else 1.0), look.pupil * 1.15),
            darken(colour, 0.8),
            clip=opening,
        )
    for dx, dy, size in look.reflections:
        pen.fill(part(dx * flip, dy, size, size * 1.1), lighten(colour, 0.75), clip=opening)
    pen.fill(part(-0.36 * flip, -0.4, look.gloss, look.gloss * 0.9), WHITE)
    pen.fill(part(0.4 * flip, 0.42, look.gloss * 0.5, look.gloss * 0.45), WHITE)
    weight = pen.style.line_weight * look.lash
    pen.line(upper[2:] - (0, weight * 0.2), weight, look.lash_colour, (0.45, 0.1))
    corner = upper[-1]
    for reach, rise in ((0.14, 0.1), (0.1, -0.02), (0.06, 0.14))[: look.flicks]:
        flick = points(tuple(upper[-6]), tuple(corner), (corner[0] + side * reach, corner[1] - rise))
        pen.line(flick, weight * 0.7, look.lash_colour, (0.0, 0.9))
    pen.line(lower[8:-3], pen.style.line_weight * 0.7, look.lash_colour, (0.5, 0.3))


def _draw_strands(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw thin light and dark strands from the crown to the fringe, in the colours of the hair."""
    shift = -0.3 * pen.pose.yaw
    crown = (0.35 * person.parting + shift, -1.3)
    for x in rng.uniform(-1.0, 1.0, int(rng.integers(8, 34))):
        low = float(rng.uniform(-0.62, -0.3))
        path = bezier((x * 1.02 + shift, low), (x * 1.15 + shift, -0.95), crown, 12)
        colour = (
            lighten(person.hair, float(rng.uniform(0.2, 0.6)))
            if rng.random() < 0.45
            else darken(person.hair, float(rng.uniform(0.15, 0.4)))
        )
        start = int(rng.integers(0, 4))
        pen.line(path[start : start + int(rng.integers(4, 8))], float(rng.uniform(0.02, 0.07)), colour, (0.4, 0.6))


def _add_hair_light(pen: Pen, person: Character, rng: Rng) -> None:
    """Blend a soft band of light around the crown and a shadow at the ends of the hair."""
    shift = -0.3 * pen.pose.yaw
    light, share = lighten(person.hair, 0.75), float(rng.uniform(0.15, 0.5))
    for x in np.linspace(-0.75, 0.75, 7):
        _spot(pen, points((x + shift, -0.72 - 0.38 * np.cos(x * 1.6))), 0.3, light, share, person.hair)
    for side in (-1.0, 1.0) if min(person.hair) < MAX_SHADED_HAIR else ():
        _spot(pen, points((side * 1.12 + shift, 0.1)), 0.35, darken(person.hair, 0.5), 0.3, person.hair)
