"""Hair: the back hair, the cap with the fringe, twintails, ponytail, buns, strands and highlights."""

from __future__ import annotations

import numpy as np

from mangagan.sample.character import Character, Rng
from mangagan.sample.pen import Pen, choose_hair_paint, darken, lighten
from mangagan.sample.strokes import WHITE, Points, bezier, ellipse, points, ribbon, spline

EYE_TOP = -0.12  # y [head units]; above the eyes the fringe ends here


def make_hair_rng(person: Character) -> Rng:
    """Return the random generator of a character's locks; it is the same on every page."""
    return np.random.default_rng(person.seed)


def draw_back_hair(pen: Pen, person: Character) -> None:
    """Draw the hair behind the neck and shoulders."""
    is_profile = pen.pose.view == "profile"
    if not is_profile:
        pen.draw_halo(outline_cap(person, pen.pose.yaw, make_hair_rng(person)))
    rng = make_hair_rng(person)
    if person.hairstyle in ("twintails", "buns"):
        for side in (-1.0,) if is_profile else (-1.0, 1.0):
            _draw_twintail_or_bun(pen, person, side, rng)
    if person.hairstyle == "ponytail":
        _draw_ponytail(pen, person, rng)
    length, width = {"spiky": (0.62, 1.1), "short": (0.72, 1.08), "bob": (1.15, 1.22), "long": (3.3, 1.4),
                     "wavy": (2.3, 1.62), "ponytail": (0.6, 1.02), "twintails": (0.5, 1.02),
                     "buns": (0.7, 1.05)}[person.hairstyle]  # fmt: skip
    back, width = (-0.55, 0.72 * width) if is_profile else (-0.4 * pen.pose.yaw, width)
    outline = _outline_back_hair(length, width, back, rng, wavy=person.hairstyle == "wavy")
    pen.draw_halo(outline)
    if pen.style.colour:
        pen.fill(outline, darken(person.hair, 0.22))
    else:
        pen.fill(outline, choose_hair_paint(pen, person))
        if person.finish == "tone":
            pen.fill(outline, pen.style.make_screentone(0.5, 0.35))
    pen.contour(outline)
    if length > 1 and (pen.style.colour or person.finish != "black"):
        for x in np.linspace(-0.85, 0.85, 7) * width:
            end = length * rng.uniform(0.7, 0.95)
            pen.line(bezier((x * 0.9 + back, 0.1), (x * 1.05 + back, end / 2), (x + back, end)), 0.025)


def _outline_back_hair(length: float, width: float, back: float, rng: Rng, wavy: bool) -> Points:
    side = [(-1.0, -0.9), (-1.14, -0.2), (-width, 0.35 * length), (-width * 0.98, 0.75 * length)]
    left = spline(points(*side))
    tips: list[tuple[float, float]] = []
    count = 7 if length > 1 else 5
    for edge in np.linspace(-width, width, count + 1)[:-1]:
        step = 2 * width / count
        middle = 1 - 0.25 * abs((edge + step / 2) / width)
        tips.append((edge + step * rng.uniform(0.3, 0.6), length * middle * rng.uniform(1.0, 1.12)))
        tips.append((edge + step, length * middle * rng.uniform(0.78, 0.9)))
    right = (left * (-1, 1))[::-1]
    bottom = spline(np.array(tips[:-1]), steps=3)
    outline = np.concatenate([left, bottom, right])
    if wavy:
        low = np.clip(outline[:, 1] / length, 0, 1)
        outline[:, 0] += 0.09 * low * np.sin(outline[:, 1] * 5.5 + np.sign(outline[:, 0]))
    outline[:, 0] += back
    return outline


def _draw_twintail_or_bun(pen: Pen, person: Character, side: float, rng: Rng) -> None:
    shift = -0.35 * pen.pose.yaw
    root = (side * 1.02 + shift, -0.85)
    if person.hairstyle == "buns":
        ball = ellipse(root[0] * 0.92, root[1] - 0.35, 0.46, 0.44)
        pen.fill(ball, choose_hair_paint(pen, person))
        pen.contour(ball)
        light = pen.style.ink if person.finish != "black" or pen.style.colour else WHITE
        pen.line(spline(points((root[0] * 0.92 - 0.2, root[1] - 0.3), (root[0] * 0.92, root[1] - 0.5),
                               (root[0] * 0.92 + 0.22, root[1] - 0.25))), 0.03, light)  # fmt: skip
        return
    reach = rng.uniform(1.4, 2.6)
    path = spline(points(root, (side * 1.55 + shift, -0.75), (side * 1.85 + shift, 0.2),
                         (side * 1.7 + shift, reach * 0.7), (side * 1.95 + shift, reach)))  # fmt: skip
    _draw_lock(pen, person, path, 0.75)
    bow = np.array([[0, 0], [0.25, -0.24], [0.28, 0.24], [0, 0], [-0.25, -0.24], [-0.28, 0.24]]) * 1.1
    pen.fill(bow + root, person.cloth if pen.style.colour else WHITE)
    pen.contour(bow + root)


def _draw_ponytail(pen: Pen, person: Character, rng: Rng) -> None:
    end = rng.uniform(1.0, 2.2)
    path = spline(points((-0.5, -1.25), (-1.25, -1.45), (-1.75, -0.7), (-1.6, 0.3), (-1.95, end)))
    _draw_lock(pen, person, path, 0.85)


def _draw_lock(pen: Pen, person: Character, path: Points, thickness: float) -> None:
    t = np.linspace(0, 1, len(path))
    outline = ribbon(path, thickness * np.interp(t, [0, 0.12, 0.45, 0.8, 1], [0.35, 0.75, 1.0, 0.62, 0.02]))
    pen.draw_halo(outline)
    pen.fill(outline, choose_hair_paint(pen, person))
    pen.contour(outline)
    black = person.finish == "black" and not pen.style.colour
    for share in (-0.22, 0.05, 0.25):
        inner = path.copy()
        inner[:, 0] += share * thickness * np.sin(np.pi * t)
        pen.line(inner[3:-6], 0.03, WHITE if black else pen.style.ink)


def outline_fringe(person: Character, rng: Rng) -> tuple[Points, list[Points]]:
    """Return the lower edge of the fringe and the start points of its strands, in head units of the front view.

    The edge (n, 2) runs from the right to the left temple and does not cover the eyes.
    """
    count = {"straight": 7, "ragged": 6, "parted": 6, "swept": 5, "spikes": 5}[person.fringe]
    edges = np.linspace(0.88, -0.88, count + 1)
    edges[1:-1] += rng.uniform(-0.06, 0.06, count - 1)
    curve, notches = [], []
    lean = np.sign(person.parting) or 1.0
    for index in range(count):
        start, end = edges[index], edges[index + 1]
        middle = (start + end) / 2
        tip_x, tip_y = _sample_lock_tip(person, middle, lean, rng)
        deep = {"straight": 0.07, "ragged": 0.22, "parted": 0.2, "swept": 0.2, "spikes": 0.42}[person.fringe]
        base_0, base_1 = (
            _limit_notch(person, start, tip_y - deep),
            _limit_notch(person, end, tip_y - deep * rng.uniform(0.8, 1.3)),
        )
        curve.append(bezier((start, base_0), (start + (tip_x - middle) * 0.3, (base_0 + tip_y) / 2), (tip_x, tip_y)))
        curve.append(bezier((tip_x, tip_y), (end + (tip_x - middle) * 0.3, (base_1 + tip_y) / 2), (end, base_1)))
        notches.append(points((end, base_1)))
        notches.append(points((tip_x, tip_y - 0.04)))
    return np.concatenate(curve), notches


def _limit_notch(person: Character, x: float, y: float) -> float:
    """Return the height of a notch between two locks; at the parting it is raised so that the forehead is visible."""
    if person.fringe == "parted":
        return min(y, -0.3 - 0.5 * np.exp(-(((x - person.parting * 0.8) / 0.28) ** 2)))
    return y


def _sample_lock_tip(person: Character, middle: float, lean: float, rng: Rng) -> tuple[float, float]:
    low = EYE_TOP + person.fringe_length
    if person.fringe == "straight":
        return middle, low - 0.05 + rng.uniform(-0.03, 0.03)
    if person.fringe == "parted":
        away = middle - person.parting * 0.8
        return middle + 0.16 * np.sign(away), low - 0.42 + min(abs(away), 0.9) * 0.55
    if person.fringe == "swept":
        return middle + 0.24 * lean, low - 0.18 + 0.16 * lean * middle + rng.uniform(-0.04, 0.04)
    if person.fringe == "spikes" and abs(middle) < 0.2:
        return middle * 0.5, 0.12 + person.fringe_length
    return middle + rng.uniform(-0.1, 0.1), low - 0.05 + rng.uniform(-0.1, 0.06)


def outline_cap(person: Character, yaw: float, rng: Rng) -> Points:
    """Return the outer edge (61, 2) of the hair from the left to the right temple, in head units."""
    angle = np.linspace(np.pi * 1.06, -np.pi * 0.06, 61)
    ragged = {"spiky": 0.26, "short": 0.1, "wavy": 0.05}.get(person.hairstyle, 0.0)
    count = 9 if person.hairstyle == "spiky" else 7
    phase = (angle / np.pi * count + rng.uniform()) % 1.0
    heights = rng.uniform(0.4, 1.3, count + 4)[(angle / np.pi * count + 2).astype(int)]
    spikes = ragged * heights * np.where(phase < 0.75, phase / 0.75, (1 - phase) / 0.25) ** 1.6
    radius = person.volume * (1 + spikes * (0.3 + 0.7 * np.abs(np.sin(angle))))
    x = 1.13 * radius * np.cos(angle)
    x = np.where(x < 0, x * (1 + 0.3 * yaw), x) - 0.12 * yaw
    return np.stack([x, -0.28 - 1.2 * radius * np.sin(angle)], axis=1)


def draw_front_hair(pen: Pen, person: Character) -> None:
    """Draw the cap of hair, its fringe and the side locks."""
    rng = make_hair_rng(person)
    cap = outline_cap(person, pen.pose.yaw, rng)
    edge, notches = outline_fringe(person, rng)
    edge = pen.rotate_fringe(edge)
    right = _outline_side_lock(cap[-1], edge[0], person.side_locks)
    left = _outline_side_lock(cap[0], edge[-1], person.side_locks * rng.uniform(0.9, 1.1))[::-1]
    shape = np.concatenate([cap, right, edge, left])
    paint = choose_hair_paint(pen, person)
    pen.fill(shape, paint)
    _draw_cap_shadow(pen, person, cap, shape)
    pen.contour(shape)
    _draw_highlight(pen, person, shape, rng)
    _draw_strands(pen, person, list(pen.rotate_fringe(np.concatenate(notches))), rng)
    if person.ahoge:
        top = cap[len(cap) // 2]
        path = spline(points((top[0], top[1] + 0.1), (top[0] + 0.12, top[1] - 0.3), (top[0] + 0.5, top[1] - 0.33)))
        pen.line(path, 0.1, person.hair if pen.style.colour else None, (0.0, 0.8))


def _outline_side_lock(outer: Points, inner: Points, length: float) -> Points:
    """Return the outline of a lock in front of the ear, from the cap (`outer`) down and up to the fringe (`inner`)."""
    side = np.sign(outer[0] - inner[0]) or 1.0
    tip = (inner[0] + 0.1 * side, max(length, outer[1] + 0.2))
    down = bezier((outer[0], outer[1]), (outer[0] + 0.04 * side, (outer[1] + tip[1]) / 2), tip)
    up = bezier(tip, (inner[0] + 0.0 * side, (tip[1] + inner[1]) / 2), (inner[0], inner[1]))
    return np.concatenate([down, up])


def _locate_crown(pen: Pen, person: Character) -> tuple[float, float]:
    return 0.35 * person.parting - 0.3 * pen.pose.yaw, -0.28 - 1.12 * person.volume


def _draw_strands(pen: Pen, person: Character, notches: list[Points], rng: Rng) -> None:
    """Draw lines from the notches towards the crown."""
    dark = person.finish == "black" and not pen.style.colour
    colour = (90, 90, 90) if dark else (darken(person.hair, 0.45) if pen.style.colour else pen.style.ink)
    crown = _locate_crown(pen, person)
    for notch in notches:
        path = bezier((notch[0], notch[1]), (notch[0] * 1.12, -0.95), crown, 12)
        pen.line(path[: int(rng.integers(4, 9))], 0.03, colour, (0.02, 0.8))


def _draw_highlight(pen: Pen, person: Character, shape: Points, rng: Rng) -> None:
    """Draw a band of highlights around the crown."""
    if person.finish == "white" and not pen.style.colour:
        return
    crown = _locate_crown(pen, person)
    streak = lighten(person.hair, 0.55) if pen.style.colour else WHITE
    for x in np.linspace(-0.8, 0.8, 17):
        if rng.random() < 0.25:
            continue
        path = bezier((x * 1.1 - 0.3 * pen.pose.yaw, -0.2), (x * 1.3 - 0.3 * pen.pose.yaw, -1.0), crown, 20)
        start = int(7 + 2.0 * np.cos(x * 7) + rng.integers(0, 2))
        pen.line(path[start : start + int(rng.integers(4, 7))], rng.uniform(0.05, 0.11), streak, (0.5, 0.5))


def _draw_cap_shadow(pen: Pen, person: Character, cap: Points, shape: Points) -> None:
    """Draw a crescent-shaped shadow on the back of the head."""
    edge = cap[:46]
    depth = np.sin(np.linspace(0, np.pi, len(edge)))[:, None]
    crescent = np.concatenate([edge, (edge * (1 - 0.12 * depth) + depth * (0.14, 0.1))[::-1]])
    if pen.style.colour:
        pen.fill(crescent, darken(person.hair, 0.2), clip=shape)
    elif person.finish != "black":
        pen.fill(crescent, pen.style.make_screentone(0.18 if person.finish == "white" else 0.6), clip=shape)
