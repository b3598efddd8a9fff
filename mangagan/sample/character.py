"""Drawing styles, characters, expressions and poses, and random choices of them."""

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
SKIN_COLOURS: tuple[Colour, ...] = ((255, 228, 209), (255, 236, 222), (247, 211, 184), (222, 176, 142))
HAIR_COLOURS: tuple[Colour, ...] = (
    (70, 50, 45), (45, 45, 60), (226, 178, 92), (214, 122, 82), (232, 140, 160), (110, 150, 205),
    (150, 112, 180), (205, 205, 215), (110, 165, 120), (150, 96, 60),
)  # fmt: skip
IRIS_COLOURS: tuple[Colour, ...] = (
    (60, 110, 190),
    (70, 140, 80),
    (150, 90, 50),
    (160, 60, 80),
    (110, 70, 160),
    (190, 140, 40),
)
CLOTH_COLOURS: tuple[Colour, ...] = (
    (60, 80, 130), (200, 80, 80), (240, 240, 235), (90, 140, 120), (235, 190, 90), (90, 90, 100), (170, 200, 230),
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """The drawing style of a title. Lengths are in half face widths unless stated otherwise."""

    title: str
    colour: bool = False
    eye_width: float = 0.29
    eye_height: float = 0.31
    line_weight: float = 0.045
    tone_density: float = 0.25  # ink density of hair tones and face shadows [0, 1]
    dot_period: float = 5.0  # distance of screentone dots [px]
    ink: Colour = BLACK
    iris_share: float = 0.66  # iris width / eye width
    gutter: float = 12.0  # distance between panels [px]
    dark_background_weight: float = 0.3  # extra sampling weight of toned and dark backgrounds
    softness: float = 0.65  # standard deviation of the blur that imitates scanning and rescaling [px]

    def make_screentone(self, level: float, end: float | None = None) -> Paint:
        """Return a screentone with ink density `level` [0, 1] at the top and `end` at the bottom. Default: level."""
        return Paint(WHITE, self.ink, level, end, self.dot_period)


STYLES: tuple[Style, ...] = (
    Style("harbor_lights", tone_density=0.22, dot_period=4.0, eye_width=0.30, eye_height=0.31, line_weight=0.052),
    Style(
        "paper_moon", tone_density=0.38, eye_width=0.33, eye_height=0.36, line_weight=0.058, dot_period=6.0,
        iris_share=0.72, gutter=9.0, dark_background_weight=0.6,
    ),
    Style(
        "sunny_side", colour=True, eye_width=0.32, eye_height=0.33, line_weight=0.052, ink=(52, 34, 40),
        tone_density=0.2, gutter=14.0,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Character:
    """The properties of a character that are the same in every panel. Lengths are in half face widths."""

    name: str
    hairstyle: str
    fringe: str
    finish: str  # paint of the hair in black-and-white drawings: black, white or tone
    clothes: str
    skin: Colour
    hair: Colour
    iris: Colour
    cloth: Colour
    jaw: float  # 0 round, 1 pointed
    chin: float  # y of the chin
    eye_scale: float  # relative to the eye size of the style
    eye_tilt: float  # slant of the eyes; positive: outer corners up
    brow_thickness: float
    parting: float  # x of the hair parting [-1, 1]
    volume: float  # of the hair; 1: average
    shoulder_width: float  # 1: average
    fringe_length: float  # positive: longer
    seed: int  # of the hair locks and the cloth tone
    glasses: bool = False
    ahoge: bool = False  # a single lock that sticks up
    side_locks: float = 0.6  # length of the locks in front of the ears


@dataclass(frozen=True)
class Expression:
    """The facial expression in one panel."""

    name: str
    eyes: str = "open"  # open, wide, half, angry, sad, happy (closed, arched up), shut (closed, arched down)
    mouth: str = "smile"  # smile, flat, small, frown, wavy, open, shout, round
    brow_tilt: float = 0.0  # positive: inner ends down
    brow_lift: float = 0.0
    blush: bool = False
    sweat: bool = False
    tears: bool = False
    gaze: tuple[float, float] = (0.0, 0.0)  # shift of the irises in iris radii (x, y)


# Expressions and their sampling weights
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
    """Position, size and rotation of a head."""

    x: float  # centre of the face [px]
    y: float
    unit: float  # half face width [px]
    yaw: float = 0.0  # [rad]; 0: front, 0.35: three-quarter, towards the right of the picture unless mirrored
    mirror: bool = False
    roll: float = 0.0  # clockwise [degrees]
    view: View = "front"

    def to_pixels(self, shape: Points) -> Points:
        """Return points (n, 2) in head units as points (n, 2) in pixels."""
        flip = -1.0 if self.mirror else 1.0
        angle = np.deg2rad(self.roll)
        x, y = shape[:, 0] * flip, shape[:, 1]
        rotated = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=1)
        placed: Points = rotated * self.unit + (self.x, self.y)
        return placed


def pick(rng: Rng, options: tuple[str, ...] | list[str], weights: tuple[float, ...] | None = None) -> str:
    """Return a random option; the probabilities are proportional to `weights`. Default: equal."""
    probabilities = None if weights is None else np.array(weights) / sum(weights)
    return str(options[int(rng.choice(len(options), p=probabilities))])


def sample_character(
    rng: Rng, style: Style, name: str = "someone", finish: str | None = None, hairstyle: str | None = None
) -> Character:
    """Return a random character.

    Args:
        rng: Source of all properties.
        style: The drawing style.
        name: The name in the ground truth.
        finish: Hair in black-and-white drawings: black, white or tone. Default: random.
        hairstyle: One of HAIRSTYLES. Default: random.
    """
    hairstyle = hairstyle or pick(rng, HAIRSTYLES, (1.4, 1.4, 1.4, 1.3, 1, 1, 0.6, 0.9))
    fringes = ("spikes", "ragged", "swept", "parted") if hairstyle in ("spiky", "short") else FRINGES
    is_boyish = hairstyle in ("spiky", "short")
    return Character(
        name=name,
        hairstyle=hairstyle,
        fringe=pick(rng, fringes),
        finish=finish or pick(rng, ("black", "tone", "white"), (0.42, 0.35, 0.23)),
        clothes=pick(rng, CLOTHES),
        skin=SKIN_COLOURS[int(rng.choice(4, p=(0.4, 0.36, 0.18, 0.06)))],
        hair=HAIR_COLOURS[int(rng.integers(len(HAIR_COLOURS)))],
        iris=IRIS_COLOURS[int(rng.integers(len(IRIS_COLOURS)))],
        cloth=CLOTH_COLOURS[int(rng.integers(len(CLOTH_COLOURS)))],
        jaw=float(rng.uniform(0.25, 1.0) if is_boyish else rng.uniform(0.0, 0.7)),
        chin=float(rng.uniform(1.1, 1.22) if is_boyish else rng.uniform(1.03, 1.14)),
        eye_scale=float(rng.uniform(0.86, 0.98) if is_boyish else rng.uniform(0.95, 1.12)),
        eye_tilt=float(rng.uniform(-0.12, 0.22)),
        brow_thickness=float(rng.uniform(0.05, 0.085) if is_boyish else rng.uniform(0.03, 0.05)),
        parting=float(rng.uniform(-0.5, 0.5)),
        volume=float(rng.uniform(1.0, 1.12)),
        shoulder_width=float(rng.uniform(1.0, 1.2) if is_boyish else rng.uniform(0.8, 0.95)),
        fringe_length=float(rng.uniform(-0.1, 0.08)),
        seed=int(rng.integers(2**31)),
        glasses=bool(rng.random() < 0.08),
        ahoge=bool(rng.random() < 0.3),
        side_locks=float(rng.uniform(0.25, 0.5) if is_boyish else rng.uniform(0.5, 1.3)),
    )


def sample_cast(rng: Rng, style: Style, count: int = 6) -> tuple[Character, ...]:
    """Return the recurring characters of a title; up to 7 of them differ in hairstyle, hair colour and cloth colour."""
    finishes = ("black", "tone", "white")
    cuts, hairs, cloths = (rng.permutation(len(kind)) for kind in (HAIRSTYLES, HAIR_COLOURS, CLOTH_COLOURS))
    cast = []
    for index in range(count):
        name, finish = f"{style.title}_{index + 1}", finishes[index] if index < 3 else None
        person = sample_character(rng, style, name, finish, HAIRSTYLES[cuts[index % len(cuts)]])
        hair, cloth = HAIR_COLOURS[hairs[index % len(hairs)]], CLOTH_COLOURS[cloths[index % len(cloths)]]
        cast.append(replace(person, hair=hair, cloth=cloth, glasses=index == 3, seed=person.seed // 4 * 4 + index % 4))
    return tuple(cast)


def sample_expression(rng: Rng) -> Expression:
    """Return a random expression with a random gaze."""
    weights = np.array([weight for _, weight in EXPRESSIONS])
    expression = EXPRESSIONS[int(rng.choice(len(EXPRESSIONS), p=weights / weights.sum()))][0]
    return replace(expression, gaze=(float(rng.normal(0, 0.12)), float(rng.normal(0, 0.05))))


def sample_pose(rng: Rng, x: float, y: float, unit: float) -> Pose:
    """Return a random pose at (x, y): 40 % front, 49 % three-quarter, 7 % profile, 4 % with a roll of 35° to 70°."""
    view = rng.random()
    roll = float(np.clip(rng.normal(0, 7), -20, 20))
    mirror = bool(rng.random() < 0.5)
    if view < 0.40:
        return Pose(x, y, unit, float(rng.uniform(0, 0.1)), mirror, roll, "front")
    if view < 0.89:
        return Pose(x, y, unit, float(rng.uniform(0.17, 0.35)), mirror, roll, "threequarter")
    if view < 0.96:
        return Pose(x, y, unit, 0.0, mirror, roll, "profile")
    tilt = float(rng.choice([-1, 1]) * rng.uniform(35, 70))
    return Pose(x, y, unit, float(rng.uniform(0, 0.35)), mirror, tilt, "other")
