"""Drawing in head units: the origin is the centre of the face, 1 is half the face width, y points down."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mangagan.sample.character import Character, Pose, Style
from mangagan.sample.strokes import WHITE, Canvas, Colour, Paint, Points

# Radii of the spheres on which face and fringe rotate [head units]
HEAD_RADIUS, HAIR_RADIUS = 1.06, 1.3


@dataclass(frozen=True)
class Pen:
    """Canvas, pose and style; its methods take shapes in head units."""

    canvas: Canvas
    pose: Pose
    style: Style

    def rotate(self, shape: Points, radius: float = HEAD_RADIUS) -> Points:
        """Return points (n, 2) of the front view rotated by the yaw of the pose on a sphere."""
        angle = np.arcsin(np.clip(shape[:, 0] / radius, -1, 1)) + self.pose.yaw
        return np.stack([radius * np.sin(np.clip(angle, -np.pi / 2, np.pi / 2)), shape[:, 1]], axis=1)

    def rotate_fringe(self, edge: Points) -> Points:
        """Return the fringe edge (n, 2) rotated on a larger sphere and clipped at the far cheek."""
        half = Pen(self.canvas, replace(self.pose, yaw=0.6 * self.pose.yaw), self.style)
        moved = half.rotate(edge, HAIR_RADIUS)
        moved[:, 0] = np.minimum(moved[:, 0], 0.93)
        return moved

    def fill(self, shape: Points, paint: Paint | Colour, clip: Points | None = None) -> None:
        """Fill a shape (n, 2); with `clip`, only its intersection with that second shape."""
        self.canvas.fill(self.pose.to_pixels(shape), paint, None if clip is None else self.pose.to_pixels(clip))

    def scale_line_width(self, width: float) -> float:
        """Return a line width in pixels; for heads above 30 px per unit it grows more slowly than the head."""
        unit = self.pose.unit
        return float(max(width * (unit if unit < 30 else 30 * (unit / 30) ** 0.6), 0.65))

    def line(
        self,
        path: Points,
        width: float | None = None,
        colour: Colour | None = None,
        taper: tuple[float, float] = (0.3, 0.3),
    ) -> None:
        """Draw a tapered stroke along a path (n, 2). Default width: the line weight of the style."""
        pixels = self.scale_line_width(self.style.line_weight if width is None else width)
        self.canvas.line(self.pose.to_pixels(path), pixels, colour or self.style.ink, taper)

    def contour(self, shape: Points, width: float | None = None) -> None:
        """Draw a line of constant width around a closed shape (n, 2)."""
        pixels = self.scale_line_width(0.8 * self.style.line_weight if width is None else width)
        self.canvas.contour(self.pose.to_pixels(shape), pixels, self.style.ink)

    def draw_halo(self, shape: Points) -> None:
        """Draw a white halo that separates a dark shape (n, 2) from a dark background; call it before `fill`."""
        if not self.style.colour:
            width = 2.5 * self.scale_line_width(self.style.line_weight) + 2
            self.canvas.contour(self.pose.to_pixels(shape), width, WHITE)


def darken(colour: Colour, share: float) -> Colour:
    """Return the colour darkened by `share` [0, 1], slightly shifted towards blue."""
    red, green, blue = colour
    return (int(red * (1 - share)), int(green * (1 - share)), int(blue * (1 - 0.7 * share)))


def lighten(colour: Colour, share: float) -> Colour:
    """Return the colour blended with white by `share` [0, 1]."""
    red, green, blue = (int(value + (255 - value) * share) for value in colour)
    return (red, green, blue)


def choose_skin_paint(pen: Pen, person: Character) -> Paint:
    """Return the paint of the skin; in black and white, white or a light screentone for dark skin."""
    if pen.style.colour:
        return Paint(person.skin)
    return pen.style.make_screentone(0.12) if person.skin[0] < 230 else Paint(WHITE)


def choose_hair_paint(pen: Pen, person: Character) -> Paint:
    """Return the paint of the hair; in black and white, by the character's finish."""
    if pen.style.colour:
        return Paint(person.hair)
    if person.finish == "black":
        return Paint(pen.style.ink)
    if person.finish == "white":
        return Paint(WHITE)
    return pen.style.make_screentone(0.28 + 0.7 * pen.style.tone_density * (0.4 + 0.6 * person.volume - 0.6))
