"""Who is drawn and in whose hand: styles, characters, expressions and poses, all immutable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mangagan.sample.strokes import BLACK, WHITE, Colour, Paint, Points

Rng = np.random.Generator
View = Literal["front", "threequarter", "profile", "other"]

HAIRSTYLES = ("spiky", "short", "bob", "long", "twintails", "ponytail", "buns", "wavy")
FRINGES = ("straight", "ragged", "parted", "swept", "spikes")
CLOTHES = ("sailor", "blazer", "hoodie", "tshirt", "turtleneck", "shirt")
SKINS: tuple[Colour, ...] = ((255, 228, 209), (255, 236, 222), (247, 211, 184), (222, 176, 142))
HAIRS: tuple[Colour, ...] = (
    (70, 50, 45), (45, 45, 60), (226, 178, 92), (214, 122, 82), (232, 140, 160), (110, 150, 205),
    (150, 112, 180), (205, 205, 215), (110, 165, 120), (150, 96, 60),
)  # fmt: skip
EYES: tuple[Colour, ...] = ((60, 110, 190), (70, 140, 80), (150, 90, 50), (160, 60, 80), (110, 70, 160), (190, 140, 40))
CLOTH_COLOURS: tuple[Colour, ...] = (
    (60, 80, 130), (200, 80, 80), (240, 240, 235), (90, 140, 120), (235, 190, 90), (90, 90, 100), (170, 200, 230),
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """One artist's hand. Lengths are in units of half a face width unless said otherwise."""

    title: str
    colour: bool = False
    eye_width: float = 0.29
    eye_height: float = 0.31
    line_weight: float = 0.045
    tone: float = 0.25  # how much ink tones carry, 0 to 1
    dot_period: float = 5.0  # pixels
    ink: Colour = BLACK
    iris_share: float = 0.66  # iris width over eye width
    gutter: float = 12.0  # pixels
    heavy: float = 0.3  # chance that a background is toned or dark
    softness: float = 0.65  # pixels: the blur of a page that was scanned, or scaled by a reading app

    def tone_paint(self, level: float, end: float | None = None) -> Paint:
        """A screentone of this hand that covers `level` (to `end` at the bottom) of the area with ink."""
        return Paint(WHITE, self.ink, level, end, self.dot_period)


STYLES: tuple[Style, ...] = (
    Style("harbor_lights", tone=0.22, dot_period=4.0, eye_width=0.30, eye_height=0.31, line_weight=0.052),
    Style(
        "paper_moon", tone=0.38, eye_width=0.33, eye_height=0.36, line_weight=0.058, dot_period=6.0,
        iris_share=0.72, gutter=9.0, heavy=0.6,
    ),
    Style(
        "sunny_side", colour=True, eye_width=0.32, eye_height=0.33, line_weight=0.052, ink=(52, 34, 40),
        tone=0.2, gutter=14.0,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Character:
    """One person of the cast: everything about a head that does not change from panel to panel."""

    name: str
    hairstyle: str
    fringe: str
    finish: str  # of the hair in black and white: black, white or tone
    clothes: str
    skin: Colour
    hair: Colour
    iris: Colour
    cloth: Colour
    jaw: float  # 0 round to 1 pointed
    chin: float  # distance from the eyes' centre line to the chin
    eye_scale: float
    eye_tilt: float  # positive: outer corners up
    brow: float  # thickness
    part: float  # where the hair parts, -1 to 1
    volume: float
    build: float  # shoulder width, 1 is usual
    fringe_length: float
    seed: int  # fixes every lock of the hair
    glasses: bool = False
    ahoge: bool = False
    side_locks: float = 0.6


@dataclass(frozen=True)
class Expression:
    """What a face does for one panel."""

    name: str
    eyes: str = "open"  # open, wide, half, angry, sad, happy (closed, arched up), shut (closed, arched down)
    mouth: str = "smile"
    brow_tilt: float = 0.0  # positive: inner ends down
    brow_lift: float = 0.0
    blush: bool = False
    sweat: bool = False
    tears: bool = False
    gaze: tuple[float, float] = (0.0, 0.0)


EXPRESSIONS: tuple[tuple[Expression, float], ...] = (
    (Expression("calm", mouth="flat"), 0.16),
    (Expression("smile"), 0.20),
    (Expression("laugh", mouth="open"), 0.15),
    (Expression("joy", eyes="happy", mouth="open", blush=True), 0.07),
    (Expression("content", eyes="happy", mouth="smile"), 0.04),
    (Expression("anger", eyes="angry", mouth="shout", brow_tilt=0.55, brow_lift=-0.05), 0.08),
    (Expression("glare", eyes="angry", mouth="frown", brow_tilt=0.45, brow_lift=-0.04), 0.06),
    (Expression("surprise", eyes="wide", mouth="round", brow_lift=0.12), 0.08),
    (Expression("worry", eyes="sad", mouth="wavy", brow_tilt=-0.4, sweat=True), 0.06),
    (Expression("sad", eyes="sad", mouth="frown", brow_tilt=-0.45, tears=True), 0.04),
    (Expression("shy", eyes="open", mouth="small", brow_tilt=-0.25, blush=True), 0.06),
)


@dataclass(frozen=True)
class Pose:
    """Where a head is and how it is held. `unit` is half the face's width in pixels, `roll` in degrees (clockwise)."""

    x: float
    y: float
    unit: float
    yaw: float = 0.0  # radians, 0 front to about 0.35 three-quarter, towards the picture's right unless mirrored
    mirror: bool = False
    roll: float = 0.0
    view: View = "front"

    def place(self, shape: Points) -> Points:
        """Head units (n, 2) to pixels (n, 2)."""
        flip = -1.0 if self.mirror else 1.0
        angle = np.deg2rad(self.roll)
        x, y = shape[:, 0] * flip, shape[:, 1]
        turned = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=1)
        placed: Points = turned * self.unit + (self.x, self.y)
        return placed


@dataclass(frozen=True)
class FaceTruth:
    """A drawn face: the tight box (hairline to chin, cheek to cheek) in pixels and what can be seen of it."""

    x: float
    y: float
    w: float
    h: float
    view: View
    eyes: tuple[tuple[float, float], ...]  # centres in pixels, as many as can be seen
    character: str
    expression: str = ""
    covered: float = 0.0  # share of the box that was drawn over later

    def moved(self, dx: float, dy: float, scale: float = 1.0) -> FaceTruth:
        """The same face in a picture scaled by `scale` and then shifted by (dx, dy) pixels."""
        eyes = tuple((x * scale + dx, y * scale + dy) for x, y in self.eyes)
        return replace(
            self, x=self.x * scale + dx, y=self.y * scale + dy, w=self.w * scale, h=self.h * scale, eyes=eyes
        )


def pick(rng: Rng, options: tuple[str, ...] | list[str], weights: tuple[float, ...] | None = None) -> str:
    """One of `options`, by `weights` when given."""
    share = None if weights is None else np.array(weights) / sum(weights)
    return str(options[int(rng.choice(len(options), p=share))])


def random_character(
    rng: Rng, style: Style, name: str = "someone", finish: str | None = None, hairstyle: str | None = None
) -> Character:
    """Invent a person in the proportions of `style`, with the hair's finish and cut as given or at random."""
    hairstyle = hairstyle or pick(rng, HAIRSTYLES, (1.4, 1.4, 1.4, 1.3, 1, 1, 0.6, 0.9))
    fringes = ("spikes", "ragged", "swept", "parted") if hairstyle in ("spiky", "short") else FRINGES
    boyish = hairstyle in ("spiky", "short")
    return Character(
        name=name,
        hairstyle=hairstyle,
        fringe=pick(rng, fringes),
        finish=finish or pick(rng, ("black", "tone", "white"), (0.42, 0.35, 0.23)),
        clothes=pick(rng, CLOTHES),
        skin=SKINS[int(rng.choice(4, p=(0.4, 0.36, 0.18, 0.06)))],
        hair=HAIRS[int(rng.integers(len(HAIRS)))],
        iris=EYES[int(rng.integers(len(EYES)))],
        cloth=CLOTH_COLOURS[int(rng.integers(len(CLOTH_COLOURS)))],
        jaw=float(rng.uniform(0.25, 1.0) if boyish else rng.uniform(0.0, 0.7)),
        chin=float(rng.uniform(1.1, 1.22) if boyish else rng.uniform(1.03, 1.14)),
        eye_scale=float(rng.uniform(0.86, 0.98) if boyish else rng.uniform(0.95, 1.12)),
        eye_tilt=float(rng.uniform(-0.12, 0.22)),
        brow=float(rng.uniform(0.05, 0.085) if boyish else rng.uniform(0.03, 0.05)),
        part=float(rng.uniform(-0.5, 0.5)),
        volume=float(rng.uniform(1.0, 1.12)),
        build=float(rng.uniform(1.0, 1.2) if boyish else rng.uniform(0.8, 0.95)),
        fringe_length=float(rng.uniform(-0.1, 0.08)),
        seed=int(rng.integers(2**31)),
        glasses=bool(rng.random() < 0.08),
        ahoge=bool(rng.random() < 0.3),
        side_locks=float(rng.uniform(0.25, 0.5) if boyish else rng.uniform(0.5, 1.3)),
    )


def random_cast(rng: Rng, style: Style, count: int = 6) -> tuple[Character, ...]:
    """The recurring people of one title; among six, no two heads of hair have the same cut or colour."""
    finishes = ("black", "tone", "white")
    cuts, hairs, cloths = (rng.permutation(len(kind)) for kind in (HAIRSTYLES, HAIRS, CLOTH_COLOURS))
    cast = []
    for index in range(count):
        name, finish = f"{style.title}_{index + 1}", finishes[index] if index < 3 else None
        person = random_character(rng, style, name, finish, HAIRSTYLES[cuts[index % len(cuts)]])
        hair, cloth = HAIRS[hairs[index % len(hairs)]], CLOTH_COLOURS[cloths[index % len(cloths)]]
        cast.append(replace(person, hair=hair, cloth=cloth, glasses=index == 3, seed=person.seed // 4 * 4 + index % 4))
    return tuple(cast)


def random_expression(rng: Rng) -> Expression:
    """One of the usual faces people make, looking a little to a side."""
    weights = np.array([weight for _, weight in EXPRESSIONS])
    expression = EXPRESSIONS[int(rng.choice(len(EXPRESSIONS), p=weights / weights.sum()))][0]
    return replace(expression, gaze=(float(rng.normal(0, 0.12)), float(rng.normal(0, 0.05))))


def random_pose(rng: Rng, x: float, y: float, unit: float) -> Pose:
    """A head at (x, y): mostly front or three-quarter with a small roll, seldom in profile or lying."""
    kind = rng.random()
    roll = float(np.clip(rng.normal(0, 7), -20, 20))
    mirror = bool(rng.random() < 0.5)
    if kind < 0.40:
        return Pose(x, y, unit, float(rng.uniform(0, 0.1)), mirror, roll, "front")
    if kind < 0.89:
        return Pose(x, y, unit, float(rng.uniform(0.17, 0.35)), mirror, roll, "threequarter")
    if kind < 0.96:
        return Pose(x, y, unit, 0.0, mirror, roll, "profile")
    tilt = float(rng.choice([-1, 1]) * rng.uniform(35, 70))
    return Pose(x, y, unit, float(rng.uniform(0, 0.35)), mirror, tilt, "other")
