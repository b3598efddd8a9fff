"""Shapes of the objects that `covers.py` draws in front of a face. Positions are relative to the face box."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mangagan.sample.character import (
    Character,
    Pose,
    Rng,
    Style,
    pick,
    sample_character,
    sample_expression,
    sample_pose,
)
from mangagan.sample.ground_truth import FaceTruth
from mangagan.sample.head import draw_head
from mangagan.sample.lettering import SOUND_EFFECTS, Balloon, draw_balloon, draw_sound_effect, draw_text
from mangagan.sample.pen import darken
from mangagan.sample.strokes import (
    WHITE,
    Canvas,
    Colour,
    Paint,
    Points,
    bezier,
    ellipse,
    points,
    rectangle,
    ribbon,
    spline,
)

PAPER_COLOURS: tuple[Colour, ...] = ((232, 90, 90), (90, 130, 200), (240, 200, 110), (120, 180, 140), (240, 238, 230))


@dataclass(frozen=True)
class CoverBrush:
    """Where and how an object is drawn."""

    canvas: Canvas
    rng: Rng
    style: Style
    face: FaceTruth
    person: Character
    weight: float = 0.02  # width of an outline [face widths]

    def place(self, shape: Points, x: float, y: float, size: float, angle: float = 0.0) -> Points:
        """Return a shape (n, 2) in pixels.

        Args:
            shape: Points (n, 2); 1 is half a face width.
            x: Centre in the face box: 0 left, 1 right.
            y: Centre in the face box: 0 top, 1 bottom.
            size: Enlargement.
            angle: Clockwise rotation [rad].
        """
        cos, sin = np.cos(angle), np.sin(angle)
        turned = np.stack([shape[:, 0] * cos - shape[:, 1] * sin, shape[:, 0] * sin + shape[:, 1] * cos], axis=1)
        corner = np.array([self.face.x + x * self.face.w, self.face.y + y * self.face.h])
        return np.asarray(turned * size * self.face.w / 2 + corner)

    @property
    def line_width(self) -> float:
        """Width of an outline [px]."""
        return max(self.weight * self.face.w, 0.8)

    def paint(self, colour: Colour, level: float) -> Paint:
        """Return a flat colour, or in black and white a screentone with ink density `level` [0, 1]."""
        return Paint(colour) if self.style.colour else self.style.make_screentone(level)

    def draw(self, shape: Points, paint: Paint | Colour) -> None:
        """Fill a shape (n, 2) [px] and draw its outline."""
        self.canvas.fill(shape, paint)
        self.canvas.contour(shape, self.line_width, self.style.ink)

    def sample_centre(self) -> tuple[float, float]:
        """Return a random place in the face box, mostly at the height of the eyes or below."""
        return float(self.rng.uniform(0.1, 0.9)), float(
            self.rng.choice([self.rng.uniform(0.25, 0.6), self.rng.uniform(0.5, 1.0)])
        )


def sample_owner(rng: Rng, style: Style) -> Character:
    """Return a random character whose hand or hair covers the face."""
    return sample_character(rng, style)


def draw_balloon_over(brush: CoverBrush) -> None:
    """Draw a speech balloon over a part of the face."""
    rng, face = brush.rng, brush.face
    x, y = rng.uniform(-0.35, 1.35), rng.uniform(-0.2, 1.1)
    rx, ry = face.w * rng.uniform(0.3, 0.75), face.h * rng.uniform(0.35, 0.8)
    kind = pick(rng, ("speech", "shout", "thought", "caption"), (0.7, 0.12, 0.06, 0.12))
    balloon = Balloon(face.x + x * face.w, face.y + y * face.h, float(rx), float(ry), kind)
    mouth = (face.x + face.w * 0.5, face.y + face.h * 1.1) if rng.random() < 0.4 else None
    size = max(float(face.w * rng.uniform(0.1, 0.2)), 4.0)
    draw_balloon(brush.canvas, rng, balloon, mouth, size, brush.style.ink)


def draw_gutter(brush: CoverBrush) -> None:
    """Draw the border of the panel across the face, with the gutter and the next panel beyond it."""
    rng, face = brush.rng, brush.face
    far = 4 * max(face.w, face.h)
    side = int(rng.choice(4, p=(0.32, 0.32, 0.2, 0.16)))  # left, right, top, bottom
    angle = (np.pi, 0.0, -np.pi / 2, np.pi / 2)[side] + (float(rng.normal(0, 0.06)) if rng.random() < 0.4 else 0.0)
    depth = float(rng.uniform(0.05, 0.75)) if side < 3 else float(rng.uniform(0.05, 0.45))
    edge = 0.5 - depth if side > 1 else 0.5 - depth * 1.05
    out = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-out[1], out[0]])
    start = np.array([face.x + face.w / 2, face.y + face.h / 2]) + out * edge * (face.w if side < 2 else face.h)
    gutter = face.w * float(rng.uniform(0.05, 0.2))
    beyond = np.stack(
        [start + across * far, start - across * far, start - across * far + out * far, start + across * far + out * far]
    )
    brush.canvas.fill(beyond, WHITE if rng.random() < 0.9 else brush.style.ink)
    brush.canvas.polyline(beyond[:2], max(brush.line_width, 1.2), brush.style.ink)
    if rng.random() < 0.75:
        following = beyond + out * gutter
        tint = PAPER_COLOURS[int(rng.integers(5))]
        brush.canvas.fill(following, brush.paint(tint, float(rng.choice([0.0, 0.0, 0.2, 0.5, 0.98]))))
        brush.canvas.polyline(following[:2], max(brush.line_width, 1.2), brush.style.ink)


def draw_hand(brush: CoverBrush, centre: tuple[float, float] | None = None) -> None:
    """Draw a hand with spread or closed fingers. Default for `centre` in the face box: a random place on the face."""
    rng = brush.rng
    x, y = centre or brush.sample_centre()
    size, angle = float(rng.uniform(0.55, 1.0)), float(rng.uniform(-0.9, 0.9))
    skin = brush.paint(brush.person.skin, 0.0 if brush.person.skin[0] > 230 else 0.12)
    spread = float(rng.uniform(0.05, 0.28))
    sleeve = points((-0.42, 0.95), (0.42, 0.95), (0.75, 7.0), (-0.75, 7.0))
    wrist = points((-0.3, 0.3), (0.3, 0.3), (0.32, 1.1), (-0.32, 1.1))
    brush.draw(brush.place(wrist, x, y, size, angle), skin)
    brush.draw(
        brush.place(sleeve, x, y, size, angle), brush.paint(brush.person.cloth, float(rng.choice([0.0, 0.3, 0.9])))
    )
    fingers = [(-0.33, 0.85), (-0.11, 1.0), (0.11, 0.96), (0.33, 0.74)]
    for index, (base, length) in enumerate(fingers):
        lean = (index - 1.5) * spread
        path = np.stack(
            [base + np.sin(lean) * np.linspace(0, length, 6), 0.05 - np.cos(lean) * np.linspace(0, length, 6)], axis=1
        )
        brush.draw(brush.place(ribbon(path, 0.22 * np.array([1, 1, 1, 1, 0.9, 0.5])), x, y, size, angle), skin)
    side = float(rng.choice([-1, 1]))
    thumb = ribbon(points((side * 0.3, 0.35), (side * 0.55, 0.1), (side * 0.72, -0.2)), np.array([0.26, 0.24, 0.14]))
    brush.draw(brush.place(thumb, x, y, size, angle), skin)
    palm = spline(points((-0.44, -0.05), (0, -0.1), (0.44, -0.05), (0.42, 0.4), (0, 0.58), (-0.42, 0.4)), closed=True)
    brush.canvas.fill(brush.place(palm, x, y, size, angle), skin)
    crease = brush.place(bezier((-0.3, 0.15), (0, 0.25), (0.3, 0.1)), x, y, size, angle)
    brush.canvas.line(crease, brush.line_width * 0.8, brush.style.ink)


def draw_arm(brush: CoverBrush) -> None:
    """Draw a sleeve across the face."""
    rng = brush.rng
    y0, y1 = rng.uniform(0.1, 1.0, 2)
    start, end = (-0.7, float(y0)), (1.7, float(y1))
    path = np.array([start, ((start[0] + end[0]) / 2, (y0 + y1) / 2 + rng.uniform(-0.2, 0.2)), end])
    shape = ribbon(spline(path) * 2 - 1, np.full(17, rng.uniform(0.45, 0.95)))
    paint = brush.paint(brush.person.cloth, float(rng.choice([0.0, 0.15, 0.4, 0.98])))
    brush.draw(brush.place(shape, 0.5, 0.5, 1.0), paint)
    for share in rng.uniform(-0.8, 0.8, 5):
        fold = bezier((share, y0 * 2 - 1.1), (share + 0.15, y0 * 2 - 0.95), (share + 0.2, y0 * 2 - 0.8))
        brush.canvas.line(brush.place(fold, 0.5, 0.5, 1.0), brush.line_width, brush.style.ink)


def draw_loose_hair(brush: CoverBrush) -> None:
    """Draw locks that fall over one eye or both."""
    rng, person = brush.rng, brush.person
    ink = brush.style.ink
    paint = (
        Paint(person.hair)
        if brush.style.colour
        else Paint({"black": ink, "white": WHITE}.get(person.finish, (150, 150, 150)))
    )
    if not brush.style.colour and person.finish == "tone":
        paint = brush.style.make_screentone(0.4)
    side, reach = float(rng.choice([-1, 1])), float(rng.uniform(0.5, 2.0))
    strand: Colour = (
        darken(person.hair, 0.4) if brush.style.colour else ((120, 120, 120) if person.finish == "black" else ink)
    )
    for start in np.linspace(0, reach, max(int(reach * 4), 2)):
        x = side * (1.0 - start)
        low = float(rng.uniform(0.1, 0.75)) - 0.1 * start
        path = bezier((x * 0.8, -1.25), (x + 0.15 * side, -0.4), (x - 0.12 * side, low), 12)
        lock = ribbon(
            path, float(rng.uniform(0.3, 0.5)) * np.interp(np.linspace(0, 1, 13), [0, 0.5, 1], [0.8, 1, 0.03])
        )
        brush.draw(brush.place(lock, 0.5, 0.5, 1.0), paint)
        brush.canvas.line(brush.place(path[2:10], 0.5, 0.5, 1.0), brush.line_width * 0.7, strand)


def draw_book(brush: CoverBrush) -> None:
    """Draw an open book or a sheet held before the face."""
    rng = brush.rng
    x, y, size = float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.45, 1.15)), float(rng.uniform(0.7, 1.2))
    angle = float(rng.normal(0, 0.15))
    colour = PAPER_COLOURS[int(rng.integers(5))]
    paint = brush.paint(colour, float(rng.choice([0.0, 0.3, 0.7])))
    for side in (-1.0, 1.0):
        cover = points((0, -0.62), (side * 1.0, -0.72), (side * 1.0, 0.62), (0, 0.7))
        brush.draw(brush.place(cover, x, y, size, angle), paint)
        brush.canvas.contour(
            brush.place(cover * 0.86 + (side * 0.05, 0), x, y, size, angle), brush.line_width * 0.6, brush.style.ink
        )
    if rng.random() < 0.6:
        corner = brush.place(points((0.2, -0.4)), x, y, size, angle)[0]
        letter = brush.face.w * size * 0.13
        draw_text(brush.canvas, rng, (corner[0], corner[1], letter * 2.4, letter * 4), letter, brush.style.ink)


def draw_fan(brush: CoverBrush) -> None:
    """Draw a folding fan before the face."""
    rng = brush.rng
    x, y, size = float(rng.uniform(0.25, 0.75)), float(rng.uniform(0.95, 1.4)), float(rng.uniform(1.0, 1.5))
    tilt = float(rng.uniform(-0.4, 0.4))
    angle = np.linspace(-1.15, 1.15, 15)
    outer = np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    brush.draw(
        brush.place(np.concatenate([outer, outer[::-1] * 0.3]), x, y, size, tilt),
        brush.paint(PAPER_COLOURS[int(rng.integers(5))], 0.15),
    )
    for tip in outer:
        brush.canvas.polyline(
            brush.place(points((0, 0.1), (tip[0], tip[1])), x, y, size, tilt), brush.line_width * 0.7, brush.style.ink
        )
    brush.canvas.contour(brush.place(outer * 0.72, x, y, size, tilt), brush.line_width * 0.6, brush.style.ink)


def draw_cup(brush: CoverBrush) -> None:
    """Draw a cup at the mouth, held by fingers."""
    rng = brush.rng
    x, y, size = float(rng.uniform(0.35, 0.65)), float(rng.uniform(0.55, 0.95)), float(rng.uniform(0.5, 0.95))
    paint = brush.paint(PAPER_COLOURS[int(rng.integers(5))], float(rng.choice([0.0, 0.0, 0.3])))
    body = np.concatenate(
        [bezier((-0.5, -0.5), (0, -0.62), (0.5, -0.5)), spline(points((0.42, 0.4), (0, 0.55), (-0.42, 0.4)))]
    )
    brush.draw(brush.place(body, x, y, size), paint)
    brush.canvas.line(
        brush.place(bezier((-0.5, -0.5), (0, -0.38), (0.5, -0.5)), x, y, size), brush.line_width, brush.style.ink
    )
    skin = brush.paint(brush.person.skin, 0.0)
    for side in (-1.0, 1.0):
        for finger_y in np.linspace(-0.3, 0.35, 4):
            path = points((side * 0.75, finger_y + 0.15), (side * 0.45, finger_y), (side * 0.12, finger_y + 0.02))
            brush.draw(brush.place(ribbon(path, np.array([0.2, 0.19, 0.12])), x, y, size), skin)


def draw_other_head(brush: CoverBrush) -> None:
    """Draw the head of another character, or the back of a head, before the face."""
    rng, face = brush.rng, brush.face
    side = float(rng.choice([-1, 1]))
    unit = face.w / 2 * float(rng.uniform(0.9, 1.3))
    pose = sample_pose(rng, face.x + face.w / 2 + side * face.w * float(rng.uniform(0.25, 1.0)),
                       face.y + face.h * float(rng.uniform(0.4, 1.1)), unit)  # fmt: skip
    if rng.random() < 0.5:
        _draw_round_head(brush, pose)
    else:
        draw_head(brush.canvas, brush.style, brush.person, sample_expression(rng), replace(pose, roll=pose.roll * 0.3))


def _draw_round_head(brush: CoverBrush, pose: Pose) -> None:
    """Draw a head from behind as a dark shape with shoulders, as in the foreground of a panel."""
    person = brush.person
    head = ellipse(0, -0.1, 1.05, 1.3)
    body = spline(points((-2.0, 4.0), (-1.8, 1.9), (-0.6, 1.3), (0.6, 1.3), (1.8, 1.9), (2.0, 4.0)))
    hair = (
        Paint(person.hair)
        if brush.style.colour
        else (brush.style.make_screentone(0.4) if person.finish == "tone" else Paint(brush.style.ink))
    )
    brush.draw(pose.to_pixels(body), brush.paint(person.cloth, 0.25))
    brush.draw(pose.to_pixels(head), hair)
    light: Colour = (130, 130, 130) if not brush.style.colour else darken(person.hair, 0.35)
    for x in np.linspace(-0.8, 0.8, 8):
        brush.canvas.line(pose.to_pixels(bezier((x, 0.9), (x * 1.1, 0.0), (x * 0.4, -0.8))), brush.line_width, light)


def draw_text_over(brush: CoverBrush) -> None:
    """Draw a sound effect or large lettering over the face."""
    rng, face = brush.rng, brush.face
    x, y = face.x + face.w * rng.uniform(-0.1, 0.7), face.y + face.h * rng.uniform(-0.3, 0.4)
    if rng.random() < 0.6:
        sound = SOUND_EFFECTS[int(rng.integers(len(SOUND_EFFECTS)))]
        draw_sound_effect(
            brush.canvas, rng, float(x), float(y), float(face.w * rng.uniform(0.4, 0.8)), sound, brush.style.ink
        )
        return
    size = max(float(face.w * rng.uniform(0.12, 0.3)), 5.0)
    box = (float(x), float(y), size * float(rng.integers(1, 4)) * 1.3, face.h)
    if rng.random() < 0.5:
        brush.canvas.fill(rectangle(box[0] - 2, box[1] - 2, box[2] + 4, box[3] + 4), WHITE)
    draw_text(brush.canvas, rng, box, size, brush.style.ink)
