"""Heads that are not usable as training faces: turned away, under helmets and masks, cut off, eyes not visible.

`draw_hidden_head` draws one of HIDDEN_KINDS. The kinds in FACE_KINDS are faces whose two eyes are not both visible:
rows with the view "other" that are not usable. The kinds in HEAD_KINDS show no face: backs of heads, closed helmets,
masks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mangagan.sample import frontal_face, hair
from mangagan.sample.body import draw_body
from mangagan.sample.character import Character, Expression, Pose, Rng, Style, pick, sample_expression
from mangagan.sample.frontal_face import crop_below_hairline, outline_frontal_face
from mangagan.sample.ground_truth import FaceTruth, make_face_truth
from mangagan.sample.heads import backs, headgear
from mangagan.sample.heads.insets import draw_inset, sample_inset
from mangagan.sample.pen import Pen, choose_skin_paint
from mangagan.sample.strokes import WHITE, Canvas, Points, bezier, ellipse, points, spline

# Kinds without a face and their sampling weights
HEAD_KINDS: dict[str, float] = {
    "back": 3.0, "turned": 3.0, "above": 1.0, "helmet": 1.0, "hood": 0.8, "mask": 1.4,
}  # fmt: skip
# Kinds with a face whose two eyes are not both visible
FACE_KINDS: dict[str, float] = {
    "blank": 1.2, "shadowed": 1.6, "fringe": 1.6, "bowed": 1.2, "below": 0.8, "hood_mouth": 0.8, "half_mask": 0.8,
    "blindfold": 0.8, "bandages": 1.0, "sunglasses": 1.2, "bar": 0.3, "mouth": 1.0, "half_face": 1.3, "one_eye": 0.8,
    "monster": 1.0,
}  # fmt: skip
HIDDEN_KINDS: dict[str, float] = HEAD_KINDS | FACE_KINDS
INSET_KINDS = ("mouth", "half_face", "one_eye")  # in a small panel of their own


def sample_hidden_kind(rng: Rng, kinds: dict[str, float] = HIDDEN_KINDS) -> str:
    """Return a random kind; the probabilities are proportional to the weights in `kinds`."""
    return pick(rng, tuple(kinds), tuple(kinds.values()))


def draw_hidden_head(
    canvas: Canvas, style: Style, person: Character, pose: Pose, kind: str, rng: Rng | None = None
) -> FaceTruth | None:
    """Draw a head that is not usable as a training face.

    Args:
        canvas: Gray or RGB, as `style.colour` says.
        style: The drawing style.
        person: The character.
        pose: Position, size, yaw and roll; the view is ignored.
        kind: One of HIDDEN_KINDS.
        rng: Source of the details. Default: a generator with the seed of the character.

    Returns:
        The ground truth of the face with the view "other" and without two visible eyes, or None for HEAD_KINDS.

    Raises:
        ValueError: `kind` is not in HIDDEN_KINDS.
    """
    if kind not in HIDDEN_KINDS:
        raise ValueError(f"kind of head {kind!r} is unknown. Choose one of: {', '.join(HIDDEN_KINDS)}")
    rng = rng or np.random.default_rng(person.seed)
    expression = replace(sample_expression(rng), tears=False)
    if kind in INSET_KINDS:
        return draw_inset(canvas, style, person, expression, pose, *sample_inset(rng, kind))
    straight = kind in ("back", "turned", "above", "below", "bowed", "hood", "hood_mouth", "helmet", "mask", "monster")
    pen = Pen(canvas, replace(pose, view="front", yaw=0.0 if straight else pose.yaw), style)
    if kind in HEAD_KINDS:
        _draw_without_face(pen, person, kind, rng)
        return None
    outline = crop_below_hairline(_draw_with_face(pen, person, expression, kind, rng))
    other = Pen(canvas, replace(pen.pose, view="other"), style)
    return make_face_truth(other, person, expression, outline, np.empty((0, 2)))


def _draw_without_face(pen: Pen, person: Character, kind: str, rng: Rng) -> None:
    if kind == "hood":
        headgear.draw_hood(pen, person, rng, with_mouth=False)
        return
    drawers: dict[str, Callable[[Pen, Character, Rng], None]] = {
        "back": backs.draw_back_of_head, "turned": backs.draw_turned_head,
        "above": backs.draw_head_from_above, "helmet": headgear.draw_helmet, "mask": headgear.draw_mask_object,
    }  # fmt: skip
    drawers[kind](pen, person, rng)


def _draw_with_face(pen: Pen, person: Character, expression: Expression, kind: str, rng: Rng) -> Points:
    """Draw one of FACE_KINDS without an inset and return the outline of the face (n, 2) in head units."""
    if kind == "below":
        return backs.draw_head_from_below(pen, person, rng)
    if kind == "bowed":
        return backs.draw_bowed_head(pen, person, expression, rng)
    if kind == "hood_mouth":
        return headgear.draw_hood(pen, person, rng, with_mouth=True)
    if kind == "monster":
        return _draw_monster(pen, person, rng)
    if kind == "fringe":
        person = replace(person, fringe=pick(rng, ("straight", "ragged")), fringe_length=float(rng.uniform(0.52, 0.72)))
    bald = kind == "blank" and rng.random() < 0.3
    if not bald:
        hair.draw_back_hair(pen, person)
    draw_body(pen, person)
    frontal_face.draw_ears(pen, person)
    if bald:
        skull = ellipse(-0.1 * pen.pose.yaw, -0.35, 1.02, 1.0)
        pen.contour(skull)
        pen.fill(skull, choose_skin_paint(pen, person))
    if kind == "blank":
        _draw_blank_face(pen, person, rng)
    else:
        frontal_face.draw_frontal_face(pen, person, replace(expression, eyes="none"))
    covers: dict[str, Callable[[Pen, Character, Rng], None]] = {
        "shadowed": _draw_shadow, "half_mask": headgear.draw_half_mask, "blindfold": headgear.draw_blindfold,
        "bandages": headgear.draw_bandages, "sunglasses": headgear.draw_opaque_glasses,
    }  # fmt: skip
    if kind in covers:
        covers[kind](pen, person, rng)
    if not bald:
        hair.draw_front_hair(pen, person)
    if kind == "bar":
        headgear.draw_blackout_bar(pen)
    return outline_frontal_face(person, pen.pose.yaw)


def _draw_blank_face(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a face without eyes, as in crowds: empty, with a mouth, or with the cross of a sketch."""
    outline = outline_frontal_face(person, pen.pose.yaw)
    pen.fill(outline, choose_skin_paint(pen, person))
    pen.line(outline[outline[:, 1] > -0.4], pen.style.line_weight * 1.1, taper=(0.05, 0.05))
    detail = rng.random()
    if detail < 0.45:
        y = 0.76 * person.chin
        pen.line(pen.rotate(bezier((-0.2, y), (0, y + rng.uniform(-0.12, 0.12)), (0.2, y))), 0.045)
    elif detail < 0.65:
        pen.line(pen.rotate(bezier((-0.95, 0.1), (0, 0.16), (0.95, 0.1))), 0.025)
        pen.line(pen.rotate(bezier((0, -0.9), (0.02, 0.1), (0, person.chin))), 0.025)
    if rng.random() < 0.4:
        pen.line(pen.rotate(points((0.02, 0.45), (0.06, 0.55), (-0.01, 0.58))), 0.03)


def _draw_shadow(pen: Pen, person: Character, rng: Rng) -> None:
    """Draw a shadow over the upper half of the face: flat, as screentone, or as vertical lines."""
    outline = outline_frontal_face(person, pen.pose.yaw)
    low = float(rng.uniform(0.38, 0.52))
    shade = pen.rotate(
        spline(
            points(
                (-1.05, -1.1),
                (-1.05, low),
                (-0.5, low + 0.06),
                (0, low - 0.02),
                (0.5, low + 0.06),
                (1.05, low),
                (1.05, -1.1),
            )
        )
    )
    look = rng.random()
    if look < 0.75:
        pen.fill(shade, headgear.choose_paint(pen, (70, 62, 92), float(rng.choice([0.35, 0.55, 0.97]))), clip=outline)
    if look > 0.45:
        for x in np.linspace(-0.9, 0.9, int(rng.integers(12, 26))):
            end = low + float(rng.uniform(-0.25, 0.12)) - 0.12 * x * x
            pen.line(pen.rotate(points((x, -0.75), (x, -0.2), (x, end))), 0.028, taper=(0.0, 0.6))


def _draw_monster(pen: Pen, person: Character, rng: Rng) -> Points:
    """Draw the face of a demon: horns, empty or slit eyes, wrinkles and fangs."""
    draw_body(pen, person)
    if rng.random() < 0.6:
        hair.draw_back_hair(pen, replace(person, hairstyle=pick(rng, ("spiky", "wavy", "long"))))
    for side in (-1.0, 1.0):
        horn = np.concatenate([bezier((side * 0.4, -0.85), (side * 0.9, -1.3), (side * 0.75, -2.0)),
                               bezier((side * 0.75, -2.0), (side * 1.35, -1.3), (side * 0.9, -0.6))])  # fmt: skip
        pen.fill(horn, headgear.choose_paint(pen, (232, 220, 190), 0.1))
        pen.contour(horn)
    face = spline(
        points(
            (-0.95, -0.8),
            (-1.1, 0.0),
            (-0.95, 0.6),
            (-0.5, 1.15),
            (0, 1.3),
            (0.5, 1.15),
            (0.95, 0.6),
            (1.1, 0.0),
            (0.95, -0.8),
            (0, -1.1),
        ),
        closed=True,
    )
    skins = ((178, 70, 62), (92, 110, 150), (110, 140, 92), (70, 62, 74), (214, 206, 196))
    level = float(rng.choice([0.0, 0.15, 0.4, 0.97], p=[0.4, 0.2, 0.2, 0.2]))
    pen.fill(face, headgear.choose_paint(pen, skins[int(rng.integers(5))], level))
    pen.contour(face, pen.style.line_weight * 1.3)
    dark_skin = level > 0.9
    ink = WHITE if dark_skin and not pen.style.colour else pen.style.ink
    _draw_monster_eyes(pen, rng, dark_skin)
    for side in (-1.0, 1.0):
        pen.line(bezier((side * 0.1, -0.05), (side * 0.4, -0.5), (side * 0.95, -0.55)), 0.16, ink, (0.2, 0.6))
        for y in (0.35, 0.5):
            pen.line(bezier((side * 0.25, y), (side * 0.55, y + 0.05), (side * 0.75, y + 0.3)), 0.035, ink)
        pen.fill(ellipse(side * 0.09, 0.42, 0.05, 0.035, 10), ink)
    mouth = spline(points((-0.75, 0.62), (0, 0.74), (0.75, 0.62), (0.5, 0.98), (0, 1.1), (-0.5, 0.98)), closed=True)
    pen.fill(mouth, (90, 20, 28) if pen.style.colour else (30, 30, 30))
    teeth = np.linspace(-0.65, 0.65, 2 * int(rng.integers(5, 9)) + 1)
    upper = [(x, 0.68 if i % 2 == 0 else 0.88) for i, x in enumerate(teeth)]
    pen.fill(points(*upper, (0.75, 0.5), (-0.75, 0.5)), WHITE, clip=mouth)
    lower = [(x, 1.04 if i % 2 == 0 else 0.9) for i, x in enumerate(teeth)]
    pen.fill(points(*lower, (0.75, 1.3), (-0.75, 1.3)), WHITE, clip=mouth)
    pen.contour(mouth)
    return face


def _draw_monster_eyes(pen: Pen, rng: Rng, dark_skin: bool) -> None:
    look = int(rng.integers(3))  # white without pupils, dark hollows, slits
    for side in (-1.0, 1.0):
        eye = spline(
            points((side * 0.15, 0.18), (side * 0.45, -0.1), (side * 0.85, -0.22), (side * 0.6, 0.2)), closed=True
        )
        hollow = look == 1 and not dark_skin
        pen.fill(eye, pen.style.ink if hollow else ((238, 200, 60) if pen.style.colour and look == 2 else WHITE))
        pen.contour(eye, 0.05)
        if look == 2:
            pen.fill(ellipse(side * 0.5, 0.02, 0.035, 0.14, 10), pen.style.ink)
