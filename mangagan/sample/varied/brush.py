"""A brush for varied faces: features placed by yaw and pitch, hand-drawn lines, colours and screentones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mangagan.sample.character import Character, Rng
from mangagan.sample.pen import Pen, darken
from mangagan.sample.strokes import WHITE, Colour, Paint, Points, ribbon, spline
from mangagan.sample.varied.traits import FaceTraits

PITCH_SHIFT = 0.17  # vertical shift of the features of a face that looks straight up or down [head units]


@dataclass(frozen=True)
class FaceBrush:
    """Pen, character, traits and random generator of one face. Shapes are in head units of the front view."""

    pen: Pen
    person: Character
    traits: FaceTraits
    rng: Rng

    def place(self, shape: Points) -> Points:
        """Return the points (n, 2) of a feature rotated by the yaw and shifted by the pitch."""
        turned = self.pen.rotate(shape)
        pitch = self.traits.pitch
        turned[:, 1] += PITCH_SHIFT * pitch * (1.15 - 0.5 * shape[:, 0] ** 2)
        return turned

    def fill(self, shape: Points, paint: Paint | Colour, clip: Points | None = None) -> None:
        """Fill a feature; `clip` is already placed."""
        self.pen.fill(self.place(shape), paint, clip)

    def line(
        self,
        path: Points,
        width: float = 1.0,
        colour: Colour | None = None,
        taper: tuple[float, float] = (0.3, 0.3),
    ) -> None:
        """Draw a stroke of a feature; `width` is relative to the line weight of the style."""
        self.stroke(self.place(path), width, colour, taper)

    def stroke(
        self, path: Points, width: float = 1.0, colour: Colour | None = None, taper: tuple[float, float] = (0.3, 0.3)
    ) -> None:
        """Draw a stroke along a placed path (n, 2), with the wobble of a hand."""
        if self.traits.wobble > 0 and len(path) > 3:
            phase, turns = self.rng.uniform(0, 6.28, 2), self.rng.uniform(1, 3)
            t = np.linspace(0, 6.28 * turns, len(path))
            path = path + self.traits.wobble * np.stack([np.sin(t + phase[0]), np.sin(1.3 * t + phase[1])], axis=1)
        self.pen.line(path, width * self.pen.style.line_weight, colour, taper)

    def outline(self, path: Points, width: float = 1.0) -> None:
        """Draw an outline along a placed path (n, 2); it may be missing or interrupted."""
        weight = width * self.traits.outline
        if weight <= 0:
            return
        if self.rng.random() < self.traits.gaps and len(path) > 14:
            start = int(self.rng.integers(2, len(path) - 8))
            gap = int(self.rng.integers(2, max(len(path) // 5, 3)))
            parts = [path[:start], path[start + gap :]]
        else:
            parts = [path]
        for part in parts:
            if len(part) > 2:
                self.stroke(part, weight, taper=(0.12, 0.12))

    def solid(self, shape: Points, paint: Paint | Colour, width: float = 1.0) -> None:
        """Fill a placed shape (n, 2) and draw its outline."""
        self.pen.fill(shape, paint)
        self.outline(np.concatenate([shape, shape[:1]]), width)

    def hatch(self, clip: Points, box: tuple[float, float, float, float], angle: float, step: float) -> None:
        """Draw parallel lines in a box (x0, y0, x1, y1), inside the placed outline `clip`."""
        x0, y0, x1, y1 = box
        direction, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        centre, reach = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), 0.5 * np.hypot(x1 - x0, y1 - y0)
        for offset in np.arange(-reach, reach, step):
            half = np.sqrt(max(reach**2 - offset**2, 0)) * self.rng.uniform(0.75, 1.0, 2)
            ends = np.array([centre + across * offset - direction * half[0],
                             centre + across * offset + direction * half[1]])  # fmt: skip
            ends = np.clip(ends, (x0 - 0.1, y0 - 0.1), (x1 + 0.1, y1 + 0.1))
            path = np.linspace(ends[0], ends[1], 4)
            width = 0.01 + 0.25 * self.pen.style.line_weight
            self.pen.fill(ribbon(path, width * np.array([1.0, 1.0, 0.8, 0.2])), self.pen.style.ink, clip)

    def tone(self, level: float, colour: Colour) -> Paint:
        """Return the colour, or in black and white a gray or screentone with ink density `level` [0, 1]."""
        if self.pen.style.colour:
            return Paint(colour)
        if level <= 0.03:
            return Paint(WHITE)
        if level >= 0.95:
            return Paint(self.pen.style.ink)
        if self.traits.flat_tones:
            gray = int(255 * (1 - level) + 12 * level)
            return Paint((gray, gray, gray))
        return self.pen.style.make_screentone(level)

    @property
    def skin(self) -> Paint:
        """Paint of the skin."""
        return self.tone(self.traits.skin_level, self.person.skin)

    @property
    def skin_shade(self) -> Paint:
        """Paint of shadows on the skin."""
        return self.tone(self.traits.skin_level + 0.2, darken(self.person.skin, 0.18))

    @property
    def hair(self) -> Paint:
        """Paint of the hair."""
        return self.tone(self.traits.hair_level, self.person.hair)


def outline_face(traits: FaceTraits, yaw: float) -> Points:
    """Return the outline (n, 2) of a face in head units, from the left temple over the chin to the right temple."""
    k = min(yaw / 0.35, 1.0)
    c = traits.chin + 0.05 * traits.pitch * (traits.pitch < 0) - 0.06 * max(traits.pitch, 0)
    knots = np.array(
        [(0.95, traits.forehead), (1.0, -0.3), (0.5 + 0.5 * traits.cheek, 0.08), (traits.cheek * 0.96, 0.36 * c),
         (traits.jaw, 0.68 * c), (0.5 * traits.jaw + 0.45 * traits.chin_width, 0.89 * c),
         (traits.chin_width, 0.985 * c)]
    )  # fmt: skip
    left = knots * (-1, 1)
    lower = np.concatenate([left, [(0.0, c)], knots[::-1]])
    down = np.clip(lower[:, 1] / c, 0, 1) ** 1.2
    lower[:, 0] += 0.3 * k * down
    right = lower[:, 0] > 0.6
    lower[right, 0] -= 0.08 * k * np.exp(-(((lower[right, 1] - 0.05) / 0.25) ** 2))
    return spline(lower, steps=6)


def outline_skull(traits: FaceTraits, yaw: float, volume: float = 1.0) -> Points:
    """Return the outline (41, 2) of the skull from the left to the right temple, over the crown."""
    angle = np.linspace(np.pi * 1.04, -np.pi * 0.04, 41)
    x = 1.03 * volume * np.cos(angle)
    x = np.where(x < 0, x * (1 + 0.28 * yaw), x) - 0.1 * yaw
    height = (traits.crown - 0.3 + 0.06 * traits.pitch) * volume
    squared = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.9
    return np.stack([x, -0.3 - height * squared], axis=1)
