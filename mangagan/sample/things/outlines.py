"""Outlines of the parts of things: petals, stars, capsules, blobs and arcs as arrays of points."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mangagan.sample.character import Rng
from mangagan.sample.strokes import Points, points, spline

PETALS = ("round", "pointed", "notched", "ruffled", "narrow", "spoon")


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 14) -> Points:
    """Return the points (steps, 2) of an elliptic arc with centre (x, y) between two angles [degrees]."""
    angle = np.deg2rad(np.linspace(start, end, steps))
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def polygon(corners: int, radius: float = 1.0, turn: float = 0.0) -> Points:
    """Return the corners (n, 2) of a regular polygon; `turn` [rad] rotates it from the corner at the right."""
    angle = np.arange(corners) * (2 * np.pi / corners) + turn
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def star(tips: int, inner: float, outer: float = 1.0, turn: float = -np.pi / 2) -> Points:
    """Return the corners (2 * tips, 2) of a star with radii `inner` and `outer`; the first tip is at `turn` [rad]."""
    corners = polygon(2 * tips, 1.0, turn)
    corners[::2] *= outer
    corners[1::2] *= inner
    return corners


def capsule(start: tuple[float, float], end: tuple[float, float], first: float, last: float) -> Points:
    """Return the outline (n, 2) of a rounded bar from `start` to `end` with the radii `first` and `last`."""
    angle = float(np.rad2deg(np.arctan2(end[1] - start[1], end[0] - start[0])))
    return np.concatenate([
        arc(*end, last, last, angle - 90, angle + 90, 9), arc(*start, first, first, angle + 90, angle + 270, 9)
    ])  # fmt: skip


def smooth(*pairs: tuple[float, float]) -> Points:
    """Return a closed smooth outline (n, 2) through (x, y) pairs."""
    return spline(points(*pairs), closed=True)


def blob(rng: Rng, knots: int, wobble: float, rx: float = 1.0, ry: float = 1.0) -> Points:
    """Return a smooth irregular outline (n, 2); `wobble` [0, 1] is the largest deviation from an ellipse."""
    shape = polygon(knots, 1.0, float(rng.uniform(0, 6))) * (1 - wobble * rng.random((knots, 1)))
    return spline(shape * (rx, ry), closed=True, steps=5)


def scallops(count: int, radius: float, bump: float) -> Points:
    """Return a closed outline (n, 2) with `count` round bumps of height `bump` around a circle, as of lace."""
    angle = np.linspace(0, 2 * np.pi, 8 * count, endpoint=False)
    distance = radius + bump * np.abs(np.sin(angle * count / 2))
    return np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)


@lru_cache(maxsize=512)
def petal(kind: str, width: float) -> Points:
    """Return the outline (n, 2) of a petal of PETALS from (0, 0) to (0, -1); `width` is half its width.

    The result is cached; do not change it.
    """
    right = {
        "round": points((0.45, -0.25), (0.95, -0.6), (0.75, -0.93)),
        "pointed": points((0.7, -0.25), (1.0, -0.55), (0.45, -0.85)),
        "notched": points((0.5, -0.25), (1.0, -0.65), (0.5, -1.03)),
        "ruffled": points((0.4, -0.25), (0.8, -0.6), (1.0, -0.82), (0.72, -0.96), (0.42, -0.92)),
        "narrow": points((0.5, -0.2), (0.7, -0.6), (0.5, -0.9)),
        "spoon": points((0.3, -0.3), (0.5, -0.6), (1.0, -0.85), (0.6, -1.0)),
    }[kind]
    tip = {"notched": -0.88, "ruffled": -1.02}.get(kind, -1.0)
    left = right[::-1] * (-1, 1)
    knots = np.concatenate([points((0, 0)), right, points((0, tip)), left]) * (width, 1)
    return spline(knots, closed=True, steps=4)


def heart() -> Points:
    """Return the outline (n, 2) of a heart inside the unit square around the origin."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return np.stack([np.sin(t) ** 3, y], axis=1)


def rounded_box(rx: float, ry: float, corner: float) -> Points:
    """Return the outline (n, 2) of a box with half-sides (rx, ry) and corners of the radius `corner`."""
    x, y = rx - corner, ry - corner
    return np.concatenate([
        arc(x, -y, corner, corner, -90, 0, 5), arc(x, y, corner, corner, 0, 90, 5),
        arc(-x, y, corner, corner, 90, 180, 5), arc(-x, -y, corner, corner, 180, 270, 5),
    ])  # fmt: skip
