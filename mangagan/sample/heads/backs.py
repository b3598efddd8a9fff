"""Heads that are turned away: from behind, from behind at an angle, from above, from below, bowed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from mangagan.sample.body import draw_body
from mangagan.sample.character import Character, Expression, Rng
from mangagan.sample.frontal_face import draw_ears, draw_frontal_face, outline_frontal_face
from mangagan.sample.hair import draw_back_hair, outline_cap
from mangagan.sample.pen import Pen, choose_hair_paint, choose_skin_paint, darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Points, bezier, ellipse, points, ribbon, spline

LENGTHS = {"spiky": 0.85, "short": 0.8, "bob": 1.2, "long": 3.4, "wavy": 2.5, "ponytail": 0.75, "twintails": 0.8,
           "buns": 0.78}  # y of the hair's lower edge from behind [head units]  # fmt: skip


def choose_strand_colour(pen: Pen, person: Character) -> Colour:
    """Return the colour of lines on the hair."""
    if pen.style.colour:
        return darken(person.hair, 0.4)
    return (110, 110, 110) if person.finish == "black" else pen.style.ink


def draw_back_of_head(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a head from behind with its upper body."""
    _draw_back_of_body(pen, person)
    draw_ears(pen, person)
    _draw_side_tails(pen, person, rng)
    cap = outline_cap(person, 0.0, rng)
    shape = np.concatenate([cap, _outline_nape(cap, person, rng)])
    pen.draw_halo(shape)
    pen.fill(shape, choose_hair_paint(pen, person))
    _shade_hair(pen, person, shape, (float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-1.15, -0.75))), rng)
    pen.contour(shape)
    if person.hairstyle == "ponytail":
        _draw_tail(
            pen, person, spline(points((0, -0.75), (0.1, -0.2), (-0.12, 0.9), (0.1, rng.uniform(1.6, 2.6)))), 0.8
        )


def draw_turned_head(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a head from behind at an angle: hair, one ear and the edge of a cheek."""
    _draw_back_of_body(pen, person)
    c = person.chin
    cheek = spline(
        points(
            (0.5, -0.7),
            (0.98, -0.45),
            (1.0, -0.1),
            (0.97, 0.1),
            (1.03, 0.3),
            (0.98, 0.55),
            (0.8, 0.88 * c),
            (0.55, 0.95 * c),
            (0.2, 0.7),
            (0.1, 0.1),
        ),
        closed=True,
    )
    pen.fill(cheek, choose_skin_paint(pen, person))
    pen.line(cheek[8:70], taper=(0.1, 0.4))
    if rng.random() < 0.6:  # tip of the lashes
        pen.line(points((0.99, 0.02), (1.08, -0.02)), 0.05, taper=(0, 0.8))
    ear = spline(points((0.42, -0.1), (0.58, -0.14), (0.62, 0.1), (0.5, 0.38), (0.4, 0.3)), closed=True)
    cap = outline_cap(person, 0.0, rng) * (0.98, 1.0) - (0.08, 0)
    nape = _outline_nape(cap, person, rng)
    fringe = spline(
        points(
            (cap[-1][0], cap[-1][1]), (0.95, -0.35), (0.8, -0.05), (0.66, -0.3), (0.45, 0.1), (0.36, 0.4), (0.42, 0.7)
        ),
        steps=4,
    )
    shape = np.concatenate([cap, fringe, nape[nape[:, 0] < 0.36]])
    pen.draw_halo(shape)
    pen.fill(shape, choose_hair_paint(pen, person))
    _shade_hair(pen, person, shape, (-0.25, -0.9), rng)
    pen.contour(shape)
    if person.hairstyle not in ("long", "wavy", "bob"):
        pen.fill(ear, choose_skin_paint(pen, person))
        pen.contour(ear)
        pen.line(spline(points((0.46, 0.0), (0.54, 0.05), (0.48, 0.25))), 0.025)
    if person.hairstyle in ("ponytail", "twintails"):
        _draw_tail(pen, person, spline(points((-0.5, -0.9), (-1.2, -0.9), (-1.5, 0.0), (-1.4, 1.6))), 0.75)


def draw_head_from_above(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a head and its shoulders from above."""
    width = person.shoulder_width
    torso = ellipse(0, 0.25, 2.1 * width, 0.95)
    pen.draw_halo(torso)
    pen.fill(torso, person.cloth if pen.style.colour else pen.style.make_screentone(0.2 * (person.seed % 3)))
    pen.contour(torso)
    for side in (-1.0, 1.0):
        pen.line(bezier((side * 1.1 * width, -0.4), (side * 1.4 * width, 0.2), (side * 1.2 * width, 1.0)), 0.04)
    nose = points((-0.12, 1.0), (0.0, 1.32), (0.12, 1.0))
    pen.fill(nose, choose_skin_paint(pen, person))
    pen.contour(nose)
    angle = np.linspace(0, 2 * np.pi, 91)[:-1]
    ragged = {"spiky": 0.16, "short": 0.06}.get(person.hairstyle, 0.025)
    radius = 1 + ragged * np.abs(np.sin(angle * 5.5 + rng.uniform(0, 6))) * rng.uniform(0.5, 1, 90)
    shape = np.stack([1.06 * radius * np.cos(angle), 1.15 * radius * np.sin(angle)], axis=1)
    if person.hairstyle in ("twintails", "buns", "ponytail"):
        _draw_side_tails(pen, replace(person, hairstyle="twintails"), rng, 0.4)
    pen.draw_halo(shape)
    pen.fill(shape, choose_hair_paint(pen, person))
    whorl = (float(rng.uniform(-0.15, 0.15)), float(rng.uniform(-0.35, 0.0)))
    _shade_hair(pen, person, shape, whorl, rng)
    pen.contour(shape)


def draw_head_from_below(pen: Pen, person: Character, rng: Rng) -> Points:
    """Draw a head from below without visible eyes and return the outline of its face (n, 2) in head units."""
    draw_back_hair(pen, person)
    draw_body(pen, person)
    face = spline(
        points(
            (-0.92, -0.55),
            (-1.0, -0.1),
            (-0.85, 0.35),
            (-0.45, 0.72),
            (0, 0.82),
            (0.45, 0.72),
            (0.85, 0.35),
            (1.0, -0.1),
            (0.92, -0.55),
            (0, -0.85),
        ),
        closed=True,
    )
    neck = points((-0.5, 0.4), (0.5, 0.4), (0.62, 1.5), (-0.62, 1.5))
    for part in (neck, face):
        pen.fill(part, choose_skin_paint(pen, person))
    shade = darken(person.skin, 0.2) if pen.style.colour else pen.style.make_screentone(0.35)
    under = np.concatenate(
        [bezier((-0.85, 0.35), (0, 0.55), (0.85, 0.35)), spline(points((0.45, 0.75), (0, 0.86), (-0.45, 0.75)))]
    )
    pen.fill(under, shade, clip=face)
    for side in (-1, 1):
        pen.line(points((side * 0.5, 0.7), (side * 0.6, 1.5)))
        pen.fill(ellipse(side * 0.09, -0.02, 0.045, 0.03, 10), pen.style.ink)
    pen.line(face[:64], pen.style.line_weight * 1.15, taper=(0.1, 0.1))
    pen.line(bezier((-0.8, 0.38), (0, 0.58), (0.8, 0.38)), 0.035)
    pen.line(spline(points((-0.18, 0.02), (-0.08, -0.1), (0, -0.2), (0.08, -0.1), (0.18, 0.02))), 0.03)
    mouth = spline(points((-0.25, 0.22), (0, 0.12), (0.25, 0.22), (0, 0.28 + 0.12 * rng.random())), closed=True)
    pen.fill(mouth, (140, 60, 65) if pen.style.colour else (60, 60, 60))
    pen.contour(mouth, 0.03)
    locks = _outline_locks(-0.98, 0.98, -0.3, 0.18, 6, rng)
    cap = outline_cap(person, 0.0, rng) * (1, 0.86)
    shape = np.concatenate([cap, locks])
    pen.fill(shape, choose_hair_paint(pen, person))
    _shade_hair(pen, person, shape, (0.0, -1.2), rng)
    pen.contour(shape)
    return face


def draw_bowed_head(pen: Pen, person: Character, expression: Expression, rng: Rng) -> Points:
    """Draw a head that looks down, its eyes behind the fringe; return the face outline (n, 2) in head units."""
    draw_back_hair(pen, person)
    draw_body(pen, person)
    draw_ears(pen, person)
    draw_frontal_face(pen, person, replace(expression, eyes="none", mouth="small"))
    cap = outline_cap(person, 0.0, rng) + np.array([0, 0.12])
    low = float(rng.uniform(0.45, 0.62))
    shape = np.concatenate([cap, _outline_locks(-1.05, 1.05, low, 0.2, int(rng.integers(5, 8)), rng)])
    pen.draw_halo(cap)
    pen.fill(shape, choose_hair_paint(pen, person))
    _shade_hair(pen, person, shape, (0.3 * person.parting, -0.55), rng)
    pen.contour(shape)
    return outline_frontal_face(person, pen.pose.yaw)


def _outline_locks(left: float, right: float, low: float, depth: float, count: int, rng: Rng) -> Points:
    """Return the lower edge (n, 2) of `count` locks from the right to the left."""
    edges = np.linspace(right, left, count + 1)
    curve = []
    for start, end in pairwise(edges):
        tip = ((start + end) / 2 + rng.uniform(-0.1, 0.1), low + rng.uniform(-0.3, 0.5) * depth)
        top = low - depth
        curve += [
            bezier((start, top), (start, (top + tip[1]) / 2), tip, 5),
            bezier(tip, (end, (top + tip[1]) / 2), (end, top), 5),
        ]
    return np.concatenate(curve)


def _outline_nape(cap: Points, person: Character, rng: Rng) -> Points:
    """Return the lower edge (n, 2) of the hair from behind, from the right end of the cap to the left end."""
    length = LENGTHS[person.hairstyle] * rng.uniform(0.9, 1.1)
    width = 0.72 if length < 1 else (1.18 if length < 1.6 else 1.35)
    right = spline(
        points(
            tuple(cap[-1]), (1.1, 0.2), (width * (1.02 if length > 1 else 1.15), 0.6 * length), (width, 0.85 * length)
        )
    )
    left = spline(
        points(
            (-width, 0.85 * length), (-width * (1.02 if length > 1 else 1.15), 0.6 * length), (-1.1, 0.2), tuple(cap[0])
        )
    )
    return np.concatenate([right, _outline_locks(-width, width, length, 0.2 * min(length, 1.4), 6, rng), left])


def _shade_hair(pen: Pen, person: Character, shape: Points, whorl: tuple[float, float], rng: Rng) -> None:
    """Draw strands from the whorl to the edge, a shadow at the lower side and a ring of highlights."""
    low = shape[:, 1].max()
    side = spline(points((-1.6, 0.1), (0.0, 0.55), (1.6, 0.1), (1.6, low + 1), (-1.6, low + 1)), closed=True)
    if pen.style.colour:
        pen.fill(side, darken(person.hair, 0.16), clip=shape)
    elif person.finish != "black":
        pen.fill(side, pen.style.make_screentone(0.2 if person.finish == "white" else 0.5), clip=shape)
    colour = choose_strand_colour(pen, person)
    for index in rng.permutation(len(shape))[: int(rng.integers(14, 30))]:
        x, y = shape[index]
        middle = (0.75 * x + 0.25 * whorl[0], 0.45 * y + 0.55 * whorl[1])
        path = bezier((x, y), middle, whorl, 14)
        pen.line(path[1 : int(rng.integers(5, 13))], 0.028, colour, (0.1, 0.7))
    if person.finish == "white" and not pen.style.colour:
        return
    light = lighten(person.hair, 0.5) if pen.style.colour else WHITE
    for angle in np.linspace(-1.0, 1.0, 15):
        if rng.random() < 0.7:
            x, y = 0.82 * np.sin(angle) + 0.3 * whorl[0], -0.28 - 0.62 * np.cos(angle) + rng.uniform(-0.06, 0.06)
            pen.line(
                points((x * 1.06, y + 0.16), (x, y), (x * 0.9, y - 0.16)), rng.uniform(0.04, 0.1), light, (0.5, 0.5)
            )


def _draw_tail(pen: Pen, person: Character, path: Points, thickness: float) -> None:
    t = np.linspace(0, 1, len(path))
    outline = ribbon(path, thickness * np.interp(t, [0, 0.12, 0.45, 0.8, 1], [0.35, 0.75, 1.0, 0.62, 0.02]))
    pen.draw_halo(outline)
    pen.fill(outline, choose_hair_paint(pen, person))
    pen.contour(outline)
    for share in (-0.2, 0.15):
        pen.line(path[3:-6] + np.array([share * thickness, 0]), 0.03, choose_strand_colour(pen, person))
    band = ellipse(path[0, 0], path[0, 1] + 0.05, 0.22, 0.14)
    pen.fill(band, person.cloth if pen.style.colour else WHITE)
    pen.contour(band)


def _draw_side_tails(pen: Pen, person: Character, rng: Rng, top: float = -0.8) -> None:
    if person.hairstyle == "buns":
        for side in (-1.0, 1.0):
            ball = ellipse(side * 0.95, -1.2, 0.46, 0.44)
            pen.fill(ball, choose_hair_paint(pen, person))
            pen.contour(ball)
    if person.hairstyle == "twintails":
        end = float(rng.uniform(1.4, 2.4))
        for side in (-1.0, 1.0):
            _draw_tail(
                pen,
                person,
                spline(points((side * 1.0, top), (side * 1.6, top), (side * 1.8, 0.4), (side * 1.75, end))),
                0.7,
            )


def _draw_back_of_body(pen: Pen, person: Character) -> None:
    """Draw the body from behind: the collar of a T-shirt looks alike from both sides."""
    draw_body(pen, replace(person, clothes="turtleneck" if person.clothes == "turtleneck" else "tshirt"))
