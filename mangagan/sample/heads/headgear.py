"""Headgear that hides a face or its eyes: helmets, hoods, masks, blindfolds, bandages, sunglasses."""

from __future__ import annotations

import cv2
import numpy as np

from mangagan.sample.body import draw_body
from mangagan.sample.character import Character, Rng
from mangagan.sample.frontal_face import EYE_X, EYE_Y, outline_frontal_face
from mangagan.sample.hair import draw_back_hair, outline_cap
from mangagan.sample.pen import Pen, choose_hair_paint, choose_skin_paint, darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Paint, Points, bezier, ellipse, points, rectangle, spline


def choose_paint(pen: Pen, colour: Colour, level: float) -> Paint:
    """Return a flat colour, or in black and white a screentone with ink density `level` [0, 1]; above 0.9: ink."""
    if pen.style.colour:
        return Paint(colour)
    return Paint(pen.style.ink) if level > 0.9 else pen.style.make_screentone(level)


def draw_helmet(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a closed helmet: with a dark visor, or of steel with slits."""
    draw_body(pen, person)
    level = float(rng.choice([0.0, 0.15, 0.4, 0.97]))
    top = spline(points((-1.1, 0.5), (-1.25, -0.2), (-1.1, -0.95), (-0.6, -1.4), (0, -1.52), (0.6, -1.4), (1.1, -0.95),
                        (1.25, -0.2), (1.1, 0.5), (0.75, 1.1), (0, 1.3), (-0.75, 1.1)), closed=True)  # fmt: skip
    pen.draw_halo(top)
    pen.fill(top, choose_paint(pen, person.cloth, level))
    pen.contour(top, pen.style.line_weight * 1.2)
    if rng.random() < 0.55:
        visor = spline(
            points(
                (-1.05, -0.15),
                (-0.8, -0.55),
                (0, -0.68),
                (0.8, -0.55),
                (1.05, -0.15),
                (0.95, 0.35),
                (0.6, 0.6),
                (0, 0.66),
                (-0.6, 0.6),
                (-0.95, 0.35),
            ),
            closed=True,
        )
        pen.fill(visor, choose_paint(pen, (60, 70, 90), 0.97 if level < 0.9 else 0.3))
        pen.contour(visor)
        for x in (-0.55, -0.38):
            pen.line(bezier((x, -0.4), (x - 0.2, -0.05), (x - 0.1, 0.35)), 0.12, WHITE)
        pen.line(points((-1.0, 0.7), (0, 0.86), (1.0, 0.7)), 0.05)
        return
    pen.fill(points((-0.08, -1.5), (0.08, -1.5), (0.06, 1.2), (-0.06, 1.2)), choose_paint(pen, (210, 180, 90), 0.3))
    for side in (-1.0, 1.0):
        slit = points((side * 0.12, 0.02), (side * 0.85, -0.1), (side * 0.85, 0.06), (side * 0.12, 0.16))
        pen.fill(slit, pen.style.ink if level < 0.9 else WHITE)
        for y in np.arange(0.45, 0.95, 0.14):
            pen.fill(ellipse(side * 0.35, y, 0.12, 0.035, 10), pen.style.ink if level < 0.9 else WHITE)
    pen.line(bezier((-1.15, -0.3), (0, -0.55), (1.15, -0.3)), 0.05)


def draw_hood(pen: Pen, person: Character, rng: Rng, with_mouth: bool) -> Points:
    """Draw a hood over a dark face and return the outline of its opening (n, 2) in head units.

    With `with_mouth` the mouth and chin are visible; otherwise there is only darkness.
    """
    draw_body(pen, person)
    level = float(rng.choice([0.0, 0.2, 0.45]))
    cloth = choose_paint(pen, person.cloth, level)
    hood = spline(
        points(
            (-1.25, 1.75),
            (-1.45, 0.6),
            (-1.35, -0.5),
            (-0.85, -1.35),
            (0, -1.75),
            (0.85, -1.35),
            (1.35, -0.5),
            (1.45, 0.6),
            (1.25, 1.75),
            (0, 2.0),
        ),
        closed=True,
    )
    pen.draw_halo(hood)
    pen.fill(hood, cloth)
    pen.contour(hood)
    opening = spline(
        points(
            (-0.75, 1.2),
            (-0.98, 0.4),
            (-0.9, -0.4),
            (-0.5, -0.95),
            (0, -1.15),
            (0.5, -0.95),
            (0.9, -0.4),
            (0.98, 0.4),
            (0.75, 1.2),
            (0, 1.45),
        ),
        closed=True,
    )
    dark = choose_paint(pen, darken(person.cloth, 0.75), 0.97)
    pen.fill(opening, dark)
    if with_mouth:
        chin = outline_frontal_face(person, 0.0) * (0.86, 1.0)
        pen.fill(chin, choose_skin_paint(pen, person), clip=opening)
        pen.line(chin[chin[:, 1] > 0.3])
        pen.fill(
            spline(points((-1, -1.2), (-1, 0.3), (-0.4, 0.5), (0, 0.42), (0.4, 0.5), (1, 0.3), (1, -1.2)), True),
            dark,
            opening,
        )
        pen.line(bezier((-0.25, 0.8), (0, 0.8 + rng.uniform(-0.08, 0.14)), (0.25, 0.8)), 0.045)
    pen.contour(opening, pen.style.line_weight)
    for side in (-1.0, 1.0):
        for x, y in ((1.15, -0.7), (1.3, 0.3), (1.1, 1.2)):
            pen.line(bezier((side * x, y), (side * (x - 0.1), y + 0.2), (side * (x - 0.25), y + 0.35)), 0.03)
    return opening


def draw_mask_object(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a mask: of a fox, of the theatre, or plain, on a head with hair or hanging alone."""
    worn = rng.random() < 0.5
    if worn:
        draw_back_hair(pen, person)
        draw_body(pen, person)
        cap = outline_cap(person, 0.0, rng)
        pen.fill(cap, choose_hair_paint(pen, person))
        pen.contour(cap)
    kind = int(rng.integers(3))
    shape = spline(
        points(
            (-0.85, -0.75),
            (-1.0, 0.0),
            (-0.75, 0.65),
            (0, 1.25 if kind == 0 else 1.05),
            (0.75, 0.65),
            (1.0, 0.0),
            (0.85, -0.75),
            (0, -1.0),
        ),
        closed=True,
    )
    paint = choose_paint(
        pen, (246, 242, 234) if rng.random() < 0.7 else (190, 60, 50), float(rng.choice([0.0, 0.0, 0.4]))
    )
    red: Colour = (200, 50, 50)
    if kind == 0:
        for side in (-1.0, 1.0):
            ear = points((side * 0.3, -0.8), (side * 0.75, -1.65), (side * 0.95, -0.55))
            pen.fill(ear, paint)
            pen.contour(ear)
            pen.fill(ear * (0.9, 0.9) + (side * 0.05, -0.1), choose_paint(pen, red, 0.5), clip=ear)
    pen.fill(shape, paint)
    pen.contour(shape, pen.style.line_weight * 1.2)
    for side in (-1.0, 1.0):
        lift = 0.18 if kind == 0 else -0.08
        slit = spline(
            points((side * 0.18, 0.1), (side * 0.45, -0.04 - lift), (side * 0.75, 0.0 - lift), (side * 0.45, 0.14)),
            True,
        )
        pen.fill(slit, pen.style.ink)
        for y in (0.45, 0.57, 0.69) if kind == 0 else ():
            pen.line(points((side * 0.35, y), (side * 0.75, y - 0.08)), 0.04, red if pen.style.colour else None)
        pen.line(bezier((side * 0.2, -0.3), (side * 0.5, -0.5), (side * 0.8, -0.25)), 0.1 if kind else 0.04)
        if kind == 2:
            pen.fill(ellipse(side * 0.6, 0.45, 0.16, 0.16), choose_paint(pen, (230, 120, 120), 0.3))
    if kind == 0:
        pen.fill(points((-0.12, 0.85), (0.12, 0.85), (0, 1.0)), pen.style.ink)
    else:
        grin = np.concatenate(
            [bezier((-0.45, 0.55), (0, 0.75), (0.45, 0.55)), bezier((0.45, 0.55), (0, 1.0), (-0.45, 0.55))]
        )
        pen.fill(grin, choose_paint(pen, red, 0.97))
        pen.line(points((0.0, -0.05), (-0.08, 0.35), (0.06, 0.38)), 0.04)
    if worn:
        pen.line(bezier((-0.95, -0.3), (-1.15, -0.4), (-1.2, -0.6)), 0.04)


def draw_half_mask(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a mask with dark eye holes over the upper half of a face."""
    outline = outline_frontal_face(person, pen.pose.yaw)
    shape = pen.rotate(
        spline(
            points(
                (-1.04, -0.3),
                (-1.02, 0.3),
                (-0.6, 0.55),
                (-0.2, 0.42),
                (0, 0.5),
                (0.2, 0.42),
                (0.6, 0.55),
                (1.02, 0.3),
                (1.04, -0.3),
                (0.5, -0.42),
                (0, -0.34),
                (-0.5, -0.42),
            ),
            True,
        )
    )
    level = float(rng.choice([0.0, 0.3, 0.97]))
    pen.fill(shape, choose_paint(pen, person.cloth, level), clip=outline)
    pen.contour(shape)
    for side in (-1.0, 1.0):
        hole = spline(points((side * 0.2, 0.16), (side * 0.45, 0.02), (side * 0.74, 0.06), (side * 0.48, 0.22)), True)
        pen.fill(pen.rotate(hole), (24, 20, 24) if level < 0.9 else (240, 240, 240))


def draw_blindfold(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a band of cloth over the eyes."""
    tilt = float(rng.uniform(-0.12, 0.12))
    band = points((-1.02, -0.24 + tilt), (1.02, -0.24 - tilt), (1.02, 0.46 - tilt), (-1.02, 0.46 + tilt))
    band = np.concatenate([np.linspace(a, b, 7)[:-1] for a, b in zip(band, np.roll(band, -1, 0), strict=True)])
    band[:, 1] += 0.06 * (1 - band[:, 0] ** 2)
    band = pen.rotate(band)
    pen.fill(
        band,
        choose_paint(pen, person.cloth, float(rng.choice([0.0, 0.2, 0.5, 0.97]))),
        clip=outline_frontal_face(person, pen.pose.yaw),
    )
    pen.contour(band)
    for y in (-0.05, 0.12, 0.28):
        start = float(rng.uniform(-0.9, 0.2))
        pen.line(pen.rotate(points((start, y + tilt), (start + 0.6, y + 0.05))), 0.025)


def draw_bandages(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw strips of bandage across the eyes, and sometimes over the mouth."""
    outline = outline_frontal_face(person, pen.pose.yaw)
    paper = Paint((248, 246, 238)) if pen.style.colour else Paint(WHITE)
    rows = list(np.linspace(-0.35, 0.45, int(rng.integers(3, 6))))
    rows += list(np.linspace(0.55, 0.8, 3)) if rng.random() < 0.3 else []
    for y in rng.permutation(rows):
        a, b, wide = y + rng.uniform(-0.2, 0.2), y + rng.uniform(-0.2, 0.2), 0.16
        strip = points((-1.1, a - wide), (0, (a + b) / 2 - wide + 0.06), (1.1, b - wide), (1.1, b + wide),
                       (0, (a + b) / 2 + wide + 0.06), (-1.1, a + wide))  # fmt: skip
        pen.fill(strip, paper, clip=outline)
        for edge in (strip[:3], strip[3:]):
            pen.line(_keep_inside(spline(edge), outline), 0.03, taper=(0.05, 0.05))


def _keep_inside(path: Points, outline: Points) -> Points:
    """Return the points of a path (n, 2) that are inside a closed outline (m, 2)."""
    shape = outline.astype(np.float32)
    return path[[cv2.pointPolygonTest(shape, (float(x), float(y)), False) >= 0 for x, y in path]]


def draw_opaque_glasses(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw glasses with dark lenses, or lenses that are white with reflections."""
    dark = rng.random() < 0.6
    round_lens = rng.random() < 0.5
    for side in (-1.0, 1.0):
        x = side * EYE_X
        if round_lens:
            lens = ellipse(x, EYE_Y + 0.02, 0.43, 0.38)
        else:
            lens = spline(
                points(
                    (x - 0.43, EYE_Y - 0.27),
                    (x + 0.43, EYE_Y - 0.27),
                    (x + 0.38, EYE_Y + 0.25),
                    (x, EYE_Y + 0.34),
                    (x - 0.38, EYE_Y + 0.25),
                ),
                True,
            )
        lens = pen.rotate(lens)
        pen.fill(lens, choose_paint(pen, (45, 45, 60), 0.97) if dark else choose_paint(pen, (225, 238, 246), 0.0))
        pen.contour(lens, 0.05)
        for shift in (-0.18, 0.02):
            glare = points(
                (x + shift, EYE_Y - 0.26),
                (x + shift + 0.1, EYE_Y - 0.26),
                (x + shift - 0.1, EYE_Y + 0.3),
                (x + shift - 0.2, EYE_Y + 0.3),
            )
            pen.fill(pen.rotate(glare), lighten((45, 45, 60), 0.6) if dark else WHITE, clip=lens)
        pen.line(pen.rotate(points((side * 0.86, EYE_Y - 0.1), (side * 1.04, EYE_Y - 0.16))), 0.04, taper=(0, 0))
    pen.line(pen.rotate(bezier((-0.08, EYE_Y), (0, EYE_Y - 0.07), (0.08, EYE_Y))), 0.045)


def draw_blackout_bar(pen: Pen) -> None:
    """Draw a black bar over both eyes, as in censored photographs."""
    pen.fill(pen.rotate(rectangle(-0.95, EYE_Y - 0.3, 1.9, 0.6)), pen.style.ink)
