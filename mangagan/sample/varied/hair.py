"""Hair and hats of varied faces: bald, shaved, receding, combed, curly, long; caps, hoods, headscarves, helmets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mangagan.sample import hair as manga_hair
from mangagan.sample.character import Character
from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Paint, Points, bezier, ellipse, points, spline
from mangagan.sample.varied.brush import FaceBrush, outline_skull

CLEARANCE = 0.09  # distance of hair and hats from the eyes [head units]
WRAPS = ("scarf", "hood", "helmet")  # they hide the hair


def draw_back(brush: FaceBrush) -> None:
    """Draw what is behind neck and face: long hair, a bun, a hood or a headscarf."""
    traits, pen, rng = brush.traits, brush.pen, brush.rng
    shift = -0.3 * pen.pose.yaw
    if traits.hat in ("scarf", "hood"):
        wide, low = (1.3, traits.chin + 0.5) if traits.hat == "scarf" else (1.5, traits.chin + 0.8)
        top = -traits.crown - (0.1 if traits.hat == "scarf" else 0.35)
        shape = spline(points((-wide * 0.8, low), (-wide, 0.2), (-0.8 * wide, top + 0.45), (shift, top),
                              (0.8 * wide, top + 0.45), (wide, 0.2), (wide * 0.8, low)), True, 6)  # fmt: skip
        brush.solid(shape, choose_cloth(brush) if traits.hat == "scarf" else choose_cloth(brush, 0.25))
        return
    if traits.hair == "manga" and traits.hat not in WRAPS:
        manga_hair.draw_back_hair(pen, make_manga_person(brush))
    elif traits.hair == "bun":
        brush.solid(ellipse(shift, -traits.crown - 0.15, 0.42, 0.36), brush.hair)
    elif traits.hair in ("curtain", "curly", "bowl"):
        low = {"curtain": float(rng.uniform(0.7, 3.0)), "curly": 0.9, "bowl": 0.55}[traits.hair]
        wide = float(rng.uniform(1.05, 1.35))
        tips = [(x * wide + shift, low + float(rng.uniform(-0.1, 0.1))) for x in np.linspace(0.95, -0.95, 9)]
        shape = np.concatenate([spline(points((-wide + shift, low), (-wide + shift, 0.0), (-0.9, -0.9), (0.9, -0.9),
                                              (wide + shift, 0.0), (wide + shift, low)), steps=5), tips])  # fmt: skip
        paint = Paint(darken(brush.person.hair, 0.2)) if pen.style.colour else brush.hair
        brush.solid(shape, paint)


def make_manga_person(brush: FaceBrush) -> Character:
    """Return the character with a fringe that ends above the eyes, and a finish that fits the hair level."""
    traits = brush.traits
    level = traits.hair_level
    finish = "black" if level > 0.9 else ("tone" if level > 0.1 else "white")
    lid = traits.eye_y - traits.eye_h - CLEARANCE + 0.8 * 0.17 * traits.pitch
    length = min(lid - manga_hair.EYE_TOP - 0.1, 0.25)
    fringe = "swept" if brush.person.fringe == "spikes" else brush.person.fringe
    return replace(brush.person, finish=finish, fringe=fringe, fringe_length=length)


def choose_cloth(brush: FaceBrush, extra: float = 0.0) -> Paint:
    """Return the paint of a hat or scarf; `extra` darkens it [0, 1]."""
    level = (0.0, 0.2, 0.45, 1.0)[brush.person.seed % 4]
    return brush.tone(min(level + extra, 1.0), darken(brush.person.cloth, extra))


def draw_hair(brush: FaceBrush) -> None:
    """Draw the hair over the forehead."""
    traits, pen = brush.traits, brush.pen
    if traits.hat in WRAPS or traits.hair == "bald":
        if traits.hair == "bald" and traits.hat == "none" and pen.style.colour:
            shine = ellipse(-0.3, -0.75 * traits.crown, 0.22, 0.12, 16)
            brush.pen.fill(shine, lighten(brush.person.skin, 0.5))
        return
    if traits.hair == "manga":
        manga_hair.draw_front_hair(pen, make_manga_person(brush))
        return
    if traits.hair == "sides":
        _draw_side_hair(brush)
        return
    volume = {"buzz": 1.01, "slick": 1.04, "receding": 1.02, "bun": 1.04}.get(
        traits.hair, float(brush.rng.uniform(1.05, 1.22))
    )
    outer = _roughen(brush, outline_skull(traits, pen.pose.yaw, volume))
    edge = brush.place(_make_hairline(brush))
    edge[:, 0] = np.clip(edge[:, 0], -1.0, 0.97)
    shape = np.concatenate([outer, edge])
    if traits.hair_level > 0.9 and not pen.style.colour:  # an open halo: a closed one would cross the eyes
        pen.canvas.polyline(pen.pose.to_pixels(outer), 2 * pen.scale_line_width(pen.style.line_weight) + 2, WHITE)
    pen.fill(shape, brush.hair)
    brush.outline(outer, 1.0)
    if traits.hair != "buzz" or brush.rng.random() < 0.5:
        brush.outline(edge, 0.8)
    _draw_texture(brush, shape, outer, edge)
    if traits.hair in ("ragged", "curtain", "side_part") and brush.rng.random() < 0.4:
        _draw_loose_locks(brush)


def _roughen(brush: FaceBrush, outer: Points) -> Points:
    """Return an outer edge with spikes, curls or neither."""
    rng, kind = brush.rng, brush.traits.hair
    centre = points((0.0, -0.3))
    if kind == "ragged":
        spikes = np.zeros(len(outer))
        spikes[2:-2:3] = rng.uniform(0.02, 0.3, len(spikes[2:-2:3]))
        return np.asarray(centre + (outer - centre) * (1 + spikes[:, None]))
    if kind == "curly":
        t = np.linspace(0, np.pi * rng.integers(6, 12), 121)
        fine = spline(outer, steps=3)[:121]
        return np.asarray(centre + (fine - centre) * (1.05 + 0.1 * np.abs(np.sin(t[: len(fine)])))[:, None])
    return outer


def _make_hairline(brush: FaceBrush) -> Points:
    """Return the lower edge of the hair (n, 2) from the right to the left temple; it ends above the eyes."""
    traits, rng = brush.traits, brush.rng
    x = np.linspace(0.98, -0.98, 29)
    top, wide = traits.forehead, np.abs(x)
    temple = np.clip(wide - 0.72, 0, 1)
    lid = traits.eye_y - traits.eye_h - CLEARANCE - 0.05
    part = float(rng.uniform(-0.5, 0.5))
    away = np.abs(x - part)
    y: NDArray[np.float64]
    if traits.hair == "receding":
        y = top - 0.2 - 0.3 * np.exp(-(((wide - 0.45) / 0.2) ** 2)) + 2.4 * temple
    elif traits.hair == "side_part":
        y = top - 0.25 + rng.uniform(0.2, 0.6) * away**0.8 + 1.5 * temple
    elif traits.hair == "curtain":
        y = top - 0.4 + rng.uniform(0.6, 1.6) * away**0.9 + np.where(wide > 0.88, 1.2, 0)
    elif traits.hair == "bowl":
        y = np.full(29, lid) + rng.uniform(-0.25, 0.0) + rng.uniform(-0.02, 0.02, 29) + 2.0 * temple
    elif traits.hair == "ragged":
        y = np.full(29, min(lid, -0.1)) - rng.uniform(0.0, 0.3) + 1.5 * temple
        y[::3] -= rng.uniform(0.1, 0.45, len(y[::3]))
    elif traits.hair == "curly":
        y = top + 0.12 * np.abs(np.sin(np.linspace(0, 22, 29))) + 1.8 * temple
    else:
        y = top - 0.05 + 0.08 * x**2 + 1.7 * temple + (0.06 if traits.hair == "bun" else 0)
    near = wide < traits.eye_x + traits.eye_w + 0.06
    limit = np.where(near, lid, traits.eye_y + (0.9 if traits.hair == "curtain" else 0.35))
    return np.stack([x, np.minimum(y, limit)], axis=1)


def _draw_texture(brush: FaceBrush, shape: Points, outer: Points, edge: Points) -> None:
    """Draw strands from the hairline to the crown, stubble on shaved heads, and highlights."""
    traits, rng, pen = brush.traits, brush.rng, brush.pen
    dark = traits.hair_level > 0.8 and not pen.style.colour
    colour: Colour | None = darken(brush.person.hair, 0.4) if pen.style.colour else ((120, 120, 120) if dark else None)
    if traits.hair == "buzz":
        for x, y in rng.uniform((-0.9, -traits.crown), (0.9, traits.forehead - 0.05), (30, 2)):
            pen.line(points((x, y), (x * 1.03, y - 0.04)), 0.4 * pen.style.line_weight, colour, (0, 0))
        return
    if traits.hair == "curly":
        for x, y in rng.uniform((-0.9, -1.1 * traits.crown), (0.9, traits.forehead - 0.1), (12, 2)):
            curl = ellipse(x, y, 0.12, 0.1, 14)[: int(rng.integers(6, 12))]
            pen.line(curl, 0.6 * pen.style.line_weight, colour)
        return
    crown = (float(rng.uniform(-0.3, 0.3)), -traits.crown * 1.02)
    for index in rng.permutation(len(edge))[: int(rng.integers(4, 16))]:
        start = edge[index]
        path = bezier(tuple(start), (1.15 * start[0], -0.75 * traits.crown), crown, 10)
        brush.stroke(path[: int(rng.integers(4, 10))], 0.6, colour, (0.02, 0.8))
    if traits.hair_level > 0.1 and rng.random() < 0.5:
        for x in np.linspace(-0.7, 0.7, 9):
            path = bezier((x, -0.55), (1.15 * x, -1.0), crown, 12)
            start = int(rng.integers(3, 6))
            streak = lighten(brush.person.hair, 0.5) if pen.style.colour else WHITE
            pen.line(path[start : start + 4], float(rng.uniform(0.04, 0.09)), streak, (0.5, 0.5))


def _draw_loose_locks(brush: FaceBrush) -> None:
    """Draw thin locks that hang between the eyes or beside them."""
    traits, rng = brush.traits, brush.rng
    free = traits.eye_x - traits.eye_w - 0.04
    for _ in range(int(rng.integers(1, 4))):
        x = float(rng.uniform(-0.6, 0.6)) * free if rng.random() < 0.6 else float(rng.choice([-0.93, 0.93]))
        end = float(rng.uniform(traits.eye_y - 0.1, traits.nose_y))
        lock = points((1.3 * x - 0.05, traits.forehead - 0.1), (x, end), (1.3 * x + 0.07, traits.forehead - 0.1))
        shape = brush.place(lock)
        brush.pen.fill(shape, brush.hair)
        brush.stroke(shape, 0.7, taper=(0.1, 0.1))


def _draw_side_hair(brush: FaceBrush) -> None:
    """Draw hair only at the temples, as on half-bald heads, and sometimes a few combed strands."""
    traits, rng, pen = brush.traits, brush.rng, brush.pen
    wide, high = float(rng.uniform(1.12, 1.4)), float(rng.uniform(-0.95, -0.55))
    for side in (-1.0, 1.0):
        shape = spline(points((side * 0.9, high), (side * wide, -0.4), (side * 1.08 * wide, -0.05), (side * 1.05, 0.3),
                              (side * 0.96, 0.05), (side * 0.85, -0.25)), True, 5)  # fmt: skip
        shape[:, 0] -= 0.1 * pen.pose.yaw
        brush.solid(shape, brush.hair)
    if rng.random() < 0.4:
        for x in np.linspace(-0.3, 0.3, int(rng.integers(1, 5))):
            brush.stroke(bezier((x, -traits.crown), (x + 0.2, -traits.crown - 0.2), (x + 0.35, -traits.crown + 0.1)))


def draw_hat(brush: FaceBrush) -> None:
    """Draw the hat over the hair; it ends above the eyes."""
    traits, pen, rng, hat = brush.traits, brush.pen, brush.rng, brush.traits.hat
    if hat == "none":
        return
    cloth = choose_cloth(brush)
    lid = traits.eye_y - traits.eye_h - CLEARANCE - 0.07
    base = min(lid, traits.forehead + float(rng.uniform(-0.1, 0.2)))
    x = np.linspace(1.0, -1.0, 15)
    volume = {"band": 1.03, "scarf": 1.1, "hood": 1.12, "helmet": 1.16, "beanie": 1.14}.get(hat, 1.1)
    sides = {"scarf": 0.75, "hood": 0.75, "helmet": 0.65}.get(hat, 0.0)
    drop = np.where(np.abs(x) > traits.eye_x + traits.eye_w + 0.06, sides * np.abs(x) ** 6, 0)
    edge = brush.place(np.stack([x, base - 0.1 + 0.1 * x**2 + drop], axis=1))
    outer = outline_skull(traits, pen.pose.yaw, volume)
    if hat == "band":
        high = edge - (0, float(rng.uniform(0.2, 0.4)))
        brush.solid(np.concatenate([edge, high[::-1]]), cloth)
        return
    if hat in ("cap", "brim", "beanie"):
        outer = outer[outer[:, 1] < edge[0, 1] + 0.15]
    brush.solid(np.concatenate([outer, edge]), cloth)
    if hat == "beanie" or hat == "helmet":
        rim = edge - (0, 0.24)
        brush.solid(np.concatenate([edge * (1.06, 1.0), (rim * (1.06, 1.0))[::-1]]), choose_cloth(brush, 0.15))
    elif hat == "cap":
        visor = spline(points((-0.95, base), (-0.6, base - 0.2), (0.6, base - 0.2), (0.95, base), (0.5, base + 0.03),
                              (0, base + 0.06), (-0.5, base + 0.03)), True, 4)  # fmt: skip
        brush.solid(brush.place(visor), choose_cloth(brush, 0.3))
    elif hat == "brim":
        reach = float(rng.uniform(1.3, 2.0))
        brim = spline(points((-reach, base - 0.1), (0, base - 0.35), (reach, base - 0.1), (0, base + 0.02)), True, 8)
        brush.solid(brim + points((0, 0.17 * traits.pitch)), cloth)
        ribbon_edge = edge - (0, 0.25)
        brush.stroke(ribbon_edge, float(rng.uniform(1, 3)))
    else:
        for side in (-1.0, 1.0):
            fold = bezier((side * 0.2, -traits.crown), (side * 0.9, -1.0), (side * 1.05, float(rng.uniform(-0.4, 0.4))))
            brush.stroke(fold, 0.7)
