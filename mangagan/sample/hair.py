"""Hair as locks: the mass behind the head, the cap with its fringe, tails and buns, strands and highlights."""

from __future__ import annotations

import numpy as np

from mangagan.sample.character import Character
from mangagan.sample.pen import Pen, darker, hair_paint, lighter
from mangagan.sample.strokes import WHITE, Points, bezier, ellipse, points, ribbon, spline

EYE_TOP = -0.12  # locks of the fringe stay above this line, except between and beside the eyes
Rng = np.random.Generator


def locks_rng(person: Character) -> Rng:
    """A generator that gives this person the same locks on every page."""
    return np.random.default_rng(person.seed)


def draw_back_hair(pen: Pen, person: Character) -> None:
    """Draw what hangs behind the neck and shoulders."""
    side_on = pen.pose.view == "profile"
    if not side_on:
        pen.rim(cap_outline(person, pen.pose.yaw, locks_rng(person)))
    rng = locks_rng(person)
    if person.hairstyle in ("twintails", "buns"):
        for side in (-1.0,) if side_on else (-1.0, 1.0):
            _draw_tail(pen, person, side, rng)
    if person.hairstyle == "ponytail":
        _draw_ponytail(pen, person, rng)
    length, width = {"spiky": (0.62, 1.1), "short": (0.72, 1.08), "bob": (1.15, 1.22), "long": (3.3, 1.4),
                     "wavy": (2.3, 1.62), "ponytail": (0.6, 1.02), "twintails": (0.5, 1.02),
                     "buns": (0.7, 1.05)}[person.hairstyle]  # fmt: skip
    back, width = (-0.55, 0.72 * width) if side_on else (-0.4 * pen.pose.yaw, width)
    outline = _back_outline(length, width, back, rng, wavy=person.hairstyle == "wavy")
    pen.rim(outline)
    if pen.style.colour:
        pen.fill(outline, darker(person.hair, 0.22))
    else:
        pen.fill(outline, hair_paint(pen, person))
        if person.finish == "tone":
            pen.fill(outline, pen.shade(0.5, 0.35))
    pen.contour(outline)
    if length > 1 and (pen.style.colour or person.finish != "black"):
        for x in np.linspace(-0.85, 0.85, 7) * width:
            end = length * rng.uniform(0.7, 0.95)
            pen.line(bezier((x * 0.9 + back, 0.1), (x * 1.05 + back, end / 2), (x + back, end)), 0.025)


def _back_outline(length: float, width: float, back: float, rng: Rng, wavy: bool) -> Points:
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


def _draw_tail(pen: Pen, person: Character, side: float, rng: Rng) -> None:
    shift = -0.35 * pen.pose.yaw
    root = (side * 1.02 + shift, -0.85)
    if person.hairstyle == "buns":
        ball = ellipse(root[0] * 0.92, root[1] - 0.35, 0.46, 0.44)
        pen.fill(ball, hair_paint(pen, person))
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


def _draw_lock(pen: Pen, person: Character, path: Points, thick: float) -> None:
    t = np.linspace(0, 1, len(path))
    outline = ribbon(path, thick * np.interp(t, [0, 0.12, 0.45, 0.8, 1], [0.35, 0.75, 1.0, 0.62, 0.02]))
    pen.rim(outline)
    pen.fill(outline, hair_paint(pen, person))
    pen.contour(outline)
    black = person.finish == "black" and not pen.style.colour
    for share in (-0.22, 0.05, 0.25):
        inner = path.copy()
        inner[:, 0] += share * thick * np.sin(np.pi * t)
        pen.line(inner[3:-6], 0.03, WHITE if black else pen.style.ink)


def fringe_edge(person: Character, rng: Rng) -> tuple[Points, list[Points]]:
    """The lower edge of the fringe from the right temple to the left, and the places between locks where strands begin.

    In head units of the front view; the edge leaves both eyes free.
    """
    count = {"straight": 7, "ragged": 6, "parted": 6, "swept": 5, "spikes": 5}[person.fringe]
    edges = np.linspace(0.88, -0.88, count + 1)
    edges[1:-1] += rng.uniform(-0.06, 0.06, count - 1)
    curve, notches = [], []
    lean = np.sign(person.part) or 1.0
    for index in range(count):
        start, end = edges[index], edges[index + 1]
        middle = (start + end) / 2
        tip_x, tip_y = _lock_tip(person, middle, lean, rng)
        deep = {"straight": 0.07, "ragged": 0.22, "parted": 0.2, "swept": 0.2, "spikes": 0.42}[person.fringe]
        base_0, base_1 = _base(person, start, tip_y - deep), _base(person, end, tip_y - deep * rng.uniform(0.8, 1.3))
        curve.append(bezier((start, base_0), (start + (tip_x - middle) * 0.3, (base_0 + tip_y) / 2), (tip_x, tip_y)))
        curve.append(bezier((tip_x, tip_y), (end + (tip_x - middle) * 0.3, (base_1 + tip_y) / 2), (end, base_1)))
        notches.append(points((end, base_1)))
        notches.append(points((tip_x, tip_y - 0.04)))
    return np.concatenate(curve), notches


def _base(person: Character, x: float, y: float) -> float:
    """How low a notch between two locks may be: at the parting the forehead shows."""
    if person.fringe == "parted":
        return min(y, -0.3 - 0.5 * np.exp(-(((x - person.part * 0.8) / 0.28) ** 2)))
    return y


def _lock_tip(person: Character, middle: float, lean: float, rng: Rng) -> tuple[float, float]:
    low = EYE_TOP + person.fringe_length
    if person.fringe == "straight":
        return middle, low - 0.05 + rng.uniform(-0.03, 0.03)
    if person.fringe == "parted":
        away = middle - person.part * 0.8
        return middle + 0.16 * np.sign(away), low - 0.42 + min(abs(away), 0.9) * 0.55
    if person.fringe == "swept":
        return middle + 0.24 * lean, low - 0.18 + 0.16 * lean * middle + rng.uniform(-0.04, 0.04)
    if person.fringe == "spikes" and abs(middle) < 0.2:
        return middle * 0.5, 0.12 + person.fringe_length
    return middle + rng.uniform(-0.1, 0.1), low - 0.05 + rng.uniform(-0.1, 0.06)


def cap_outline(person: Character, yaw: float, rng: Rng) -> Points:
    """The outer edge of the hair from the left temple over the top to the right, in head units."""
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
    """Draw the cap of hair, its fringe and the locks before the ears."""
    rng = locks_rng(person)
    cap = cap_outline(person, pen.pose.yaw, rng)
    edge, notches = fringe_edge(person, rng)
    edge = pen.turned_hair(edge)
    right = _side_lock(cap[-1], edge[0], person.side_locks)
    left = _side_lock(cap[0], edge[-1], person.side_locks * rng.uniform(0.9, 1.1))[::-1]
    shape = np.concatenate([cap, right, edge, left])
    paint = hair_paint(pen, person)
    pen.fill(shape, paint)
    _draw_shadow(pen, person, cap, shape)
    pen.contour(shape)
    _draw_highlight(pen, person, shape, rng)
    _draw_strands(pen, person, list(pen.turned_hair(np.concatenate(notches))), rng)
    if person.ahoge:
        top = cap[len(cap) // 2]
        path = spline(points((top[0], top[1] + 0.1), (top[0] + 0.12, top[1] - 0.3), (top[0] + 0.5, top[1] - 0.33)))
        pen.line(path, 0.1, person.hair if pen.style.colour else None, (0.0, 0.8))


def _side_lock(outer: Points, inner: Points, length: float) -> Points:
    """A lock from the cap's lower corner down past the cheek and up again to the fringe."""
    side = np.sign(outer[0] - inner[0]) or 1.0
    tip = (inner[0] + 0.1 * side, max(length, outer[1] + 0.2))
    down = bezier((outer[0], outer[1]), (outer[0] + 0.04 * side, (outer[1] + tip[1]) / 2), tip)
    up = bezier(tip, (inner[0] + 0.0 * side, (tip[1] + inner[1]) / 2), (inner[0], inner[1]))
    return np.concatenate([down, up])


def _crown(pen: Pen, person: Character) -> tuple[float, float]:
    return 0.35 * person.part - 0.3 * pen.pose.yaw, -0.28 - 1.12 * person.volume


def _draw_strands(pen: Pen, person: Character, notches: list[Points], rng: Rng) -> None:
    """Draw lines that follow the locks up towards the crown."""
    dark = person.finish == "black" and not pen.style.colour
    colour = (90, 90, 90) if dark else (darker(person.hair, 0.45) if pen.style.colour else pen.style.ink)
    crown = _crown(pen, person)
    for notch in notches:
        path = bezier((notch[0], notch[1]), (notch[0] * 1.12, -0.95), crown, 12)
        pen.line(path[: int(rng.integers(4, 9))], 0.03, colour, (0.02, 0.8))


def _draw_highlight(pen: Pen, person: Character, shape: Points, rng: Rng) -> None:
    """Draw the bright band around the crown as a row of tapered streaks."""
    if person.finish == "white" and not pen.style.colour:
        return
    crown = _crown(pen, person)
    streak = lighter(person.hair, 0.55) if pen.style.colour else WHITE
    for x in np.linspace(-0.8, 0.8, 17):
        if rng.random() < 0.25:
            continue
        path = bezier((x * 1.1 - 0.3 * pen.pose.yaw, -0.2), (x * 1.3 - 0.3 * pen.pose.yaw, -1.0), crown, 20)
        start = int(7 + 2.0 * np.cos(x * 7) + rng.integers(0, 2))
        pen.line(path[start : start + int(rng.integers(4, 7))], rng.uniform(0.05, 0.11), streak, (0.5, 0.5))


def _draw_shadow(pen: Pen, person: Character, cap: Points, shape: Points) -> None:
    """Draw a crescent of shadow along the back of the head."""
    edge = cap[:46]
    depth = np.sin(np.linspace(0, np.pi, len(edge)))[:, None]
    crescent = np.concatenate([edge, (edge * (1 - 0.12 * depth) + depth * (0.14, 0.1))[::-1]])
    if pen.style.colour:
        pen.fill(crescent, darker(person.hair, 0.2), clip=shape)
    elif person.finish != "black":
        pen.fill(crescent, pen.shade(0.18 if person.finish == "white" else 0.6), clip=shape)
