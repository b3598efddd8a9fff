"""A pen that draws in head units: the origin is the middle of the face, 1 is half the face's width, y points down."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mangagan.sample.character import Character, Pose, Style
from mangagan.sample.strokes import WHITE, Canvas, Colour, Paint, Points

HEAD_RADIUS = 1.06  # of the sphere that features turn on, in head units
HAIR_RADIUS = 1.3


@dataclass(frozen=True)
class Pen:
    """Canvas, pose and style together, so that shapes can be given in head units."""

    canvas: Canvas
    pose: Pose
    style: Style

    def turned(self, shape: Points, radius: float = HEAD_RADIUS) -> Points:
        """Points (n, 2) of the front view moved to where the pose's yaw carries them on a sphere."""
        angle = np.arcsin(np.clip(shape[:, 0] / radius, -1, 1)) + self.pose.yaw
        return np.stack([radius * np.sin(np.clip(angle, -np.pi / 2, np.pi / 2)), shape[:, 1]], axis=1)

    def turned_hair(self, edge: Points) -> Points:
        """The same for the edge of the fringe, which hangs before a larger sphere and ends at the far cheek."""
        half = Pen(self.canvas, replace(self.pose, yaw=0.6 * self.pose.yaw), self.style)
        moved = half.turned(edge, HAIR_RADIUS)
        moved[:, 0] = np.minimum(moved[:, 0], 0.93)
        return moved

    def fill(self, shape: Points, paint: Paint | Colour, clip: Points | None = None) -> None:
        """Fill a shape (n, 2) given in head units."""
        self.canvas.fill(self.pose.place(shape), paint, None if clip is None else self.pose.place(clip))

    def width(self, width: float) -> float:
        """A line width in pixels for `width` head units; pens hardly grow with the head."""
        unit = self.pose.unit
        return float(max(width * (unit if unit < 30 else 30 * (unit / 30) ** 0.6), 0.65))

    def line(
        self,
        path: Points,
        width: float | None = None,
        colour: Colour | None = None,
        taper: tuple[float, float] = (0.3, 0.3),
    ) -> None:
        """Draw a tapered stroke along a path (n, 2) in head units, by default as thick as the style's line."""
        pixels = self.width(self.style.line_weight if width is None else width)
        self.canvas.line(self.pose.place(path), pixels, colour or self.style.ink, taper)

    def contour(self, shape: Points, width: float | None = None) -> None:
        """Draw an even line around a closed shape (n, 2) in head units."""
        pixels = self.width(0.8 * self.style.line_weight if width is None else width)
        self.canvas.contour(self.pose.place(shape), pixels, self.style.ink)

    def rim(self, shape: Points) -> None:
        """Draw the white rim that keeps a dark shape (n, 2) apart from a dark ground; call it before filling."""
        if not self.style.colour:
            self.canvas.contour(self.pose.place(shape), 2.5 * self.width(self.style.line_weight) + 2, WHITE)

    def shade(self, level: float, end: float | None = None) -> Paint:
        """A screentone of this style."""
        return self.style.tone_paint(level, end)


def darker(colour: Colour, share: float) -> Colour:
    """`colour` with `share` (0 to 1) of it taken away, shadows drifting towards blue."""
    red, green, blue = colour
    return (int(red * (1 - share)), int(green * (1 - share)), int(blue * (1 - 0.7 * share)))


def lighter(colour: Colour, share: float) -> Colour:
    """`colour` moved by `share` (0 to 1) towards white."""
    red, green, blue = (int(value + (255 - value) * share) for value in colour)
    return (red, green, blue)


def skin_paint(pen: Pen, person: Character) -> Paint:
    """Skin: its colour, or paper (a light tone for tanned people) in black and white."""
    if pen.style.colour:
        return Paint(person.skin)
    return pen.shade(0.12) if person.skin[0] < 230 else Paint(WHITE)


def hair_paint(pen: Pen, person: Character) -> Paint:
    """The hair's colour, or its finish in black and white."""
    if pen.style.colour:
        return Paint(person.hair)
    if person.finish == "black":
        return Paint(pen.style.ink)
    if person.finish == "white":
        return Paint(WHITE)
    return pen.shade(0.28 + 0.7 * pen.style.tone * (0.4 + 0.6 * person.volume - 0.6))
