"""Objects: lamps, lanterns, drums, wheels, clocks, balls, fans, buttons, bells, speakers and cushions."""

from __future__ import annotations

import numpy as np

from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, Points, bezier, ellipse, points, rectangle, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import arc, polygon, rounded_box, smooth, star


def draw_lamp(brush: Brush) -> None:
    """Draw a table lamp, a ceiling lamp or a bulb."""
    shade, metal = brush.colour("pale" if brush.chance(0.5) else "any"), brush.colour("gold")
    kind = brush.count(0, 2)
    if kind == 0:
        brush.solid(rectangle(-0.05, -0.1, 0.1, 0.95), metal)
        brush.solid(ellipse(0, 0.88, 0.4, 0.12), metal)
        brush.solid(points((-0.35, -0.85), (0.35, -0.85), (0.75, 0.05), (-0.75, 0.05)), shade)
        for x in np.linspace(-0.5, 0.5, brush.count(2, 5)):
            brush.line(points((0.5 * x, -0.85), (x * 1.2, 0.05)), 0.5)
    elif kind == 1:
        brush.line(points((0, -1.2), (0, -0.6)), 1.5, taper=(0, 0))
        brush.solid(np.concatenate([arc(0, 0.1, 0.9, 0.75, 180, 360), points((0.9, 0.1))]), shade)
        brush.solid(ellipse(0, 0.1, 0.9, 0.17), lighten(shade, 0.5))
        brush.solid(ellipse(0, 0.22, 0.3, 0.26), (255, 250, 220), 1.0, 0.1)
    else:
        bulb = np.concatenate([arc(0, -0.2, 0.7, 0.7, 125, 415, 24), points((0.3, 0.6), (-0.3, 0.6))])
        brush.solid(bulb, (255, 246, 200) if brush.chance(0.6) else brush.colour("pale"))
        brush.line(
            points((-0.15, 0.5), (-0.22, -0.2), (-0.08, -0.05), (0, -0.25), (0.1, -0.05), (0.2, -0.2), (0.15, 0.5))
        )
        for y in (0.6, 0.72, 0.84):
            brush.solid(rectangle(-0.3, y, 0.6, 0.1), brush.colour("silver"), 0.7)


def draw_lantern(brush: Brush) -> None:
    """Draw a paper lantern with ribs and a sign, or a lantern with glass panes."""
    paper, dark = brush.colour("red" if brush.chance(0.5) else "pale"), brush.colour("dark")
    if brush.chance(0.35):
        _draw_glass_lantern(brush, dark)
        return
    wide = brush.between(0.55, 0.85)
    body = smooth(
        (-0.4, -0.75), (-wide, -0.3), (-wide, 0.3), (-0.4, 0.75), (0.4, 0.75), (wide, 0.3), (wide, -0.3), (0.4, -0.75)
    )
    brush.solid(body, paper)
    for y in np.linspace(-0.6, 0.6, brush.count(5, 9)):
        half = wide * (1 - 0.42 * abs(y) ** 2.5)
        brush.line(bezier((-half, y), (0, y + 0.12), (half, y)), 0.6, taper=(0, 0))
    for y in (-0.9, 0.73):
        brush.solid(rectangle(-0.42, y, 0.84, 0.17), dark)
    if brush.chance(0.6):
        for _ in range(brush.count(3, 6)):
            a = brush.rng.uniform(-0.3, 0.3, (2, 2))
            brush.line(np.linspace(a[0], a[1], 6), 3.0, dark, (0.1, 0.3))


def _draw_glass_lantern(brush: Brush, frame: tuple[int, int, int]) -> None:
    light = (255, 232, 150)
    brush.solid(points((-0.55, -0.5), (0.55, -0.5), (0.4, 0.7), (-0.4, 0.7)), light, 1.2, 0.1)
    brush.glow(0, 0.1, 0.6, WHITE, 0.9, points((-0.55, -0.5), (0.55, -0.5), (0.4, 0.7), (-0.4, 0.7)))
    for x in (-0.18, 0.18):
        brush.line(points((x, -0.5), (0.75 * x, 0.7)), 1.6, frame, (0, 0))
    brush.solid(points((-0.7, -0.5), (-0.2, -0.9), (0.2, -0.9), (0.7, -0.5)), frame)
    brush.solid(rectangle(-0.5, 0.7, 1.0, 0.16), frame)
    brush.contour(ellipse(0, -1.0, 0.13, 0.13))


def draw_drum(brush: Brush) -> None:
    """Draw a drum with its skin, tacks or cords; a taiko may have a comma pattern."""
    wood, skin = brush.colour("red" if brush.chance(0.4) else "wood"), brush.colour("pale")
    tilt = brush.between(0.25, 0.95)
    top = ellipse(0, -0.5 + 0.5 * tilt, 0.85, 0.85 * tilt, 36)
    body = np.concatenate(
        [arc(0, 0.55, 0.85, 0.4, 0, 180), points((-0.85, -0.5 + 0.5 * tilt), (0.85, -0.5 + 0.5 * tilt))]
    )
    brush.solid(body, wood)
    if brush.chance(0.5):
        for x in np.linspace(-0.8, 0.8, 7):
            brush.line(points((x, 0.2), (x + 0.12, 0.85 - 0.3 * abs(x)), (x + 0.24, 0.2)), 0.8)
    brush.solid(top, darken(wood, 0.2))
    face = brush.at(0, -0.5 + 0.5 * tilt, 0.75, 0, (1, tilt))
    face.solid(ellipse(0, 0, 1, 1, 36), skin)
    for x, y in polygon(brush.count(10, 22), 1.06):
        face.solid(ellipse(x, y, 0.05, 0.05, 8), brush.colour("dark"), 0.5, 0)
    if brush.chance(0.5):
        for angle in np.arange(3) * 2 * np.pi / 3:
            comma = face.at(0, 0, 0.7, float(angle))
            comma.fill(
                smooth((0.1, -0.1), (0.45, -0.35), (0.4, -0.75), (0, -0.8), (-0.35, -0.6), (0.05, -0.5)),
                brush.colour("dark"),
            )


def draw_wheel(brush: Brush) -> None:
    """Draw a wheel with spokes or a tyre with a rim."""
    tyre, metal, spokes = brush.colour("dark"), brush.colour("silver"), brush.count(4, 14)
    brush.solid(ellipse(0, 0, 0.98, 0.98, 40), tyre if brush.chance(0.7) else brush.colour("wood"))
    inner = brush.between(0.65, 0.85)
    brush.solid(ellipse(0, 0, inner, inner, 40), metal if brush.chance(0.6) else WHITE, 1.0, 0.2)
    for angle in np.arange(spokes) * 2 * np.pi / spokes:
        half = brush.between(0.02, 0.08)
        spoke = points((-half, -0.15), (half, -0.15), (1.2 * half, -inner), (-1.2 * half, -inner))
        brush.at(0, 0, 1, float(angle)).solid(spoke, darken(metal, 0.35), 0.7, 0)
    brush.solid(ellipse(0, 0, 0.22, 0.22), metal)
    brush.solid(ellipse(0, 0, 0.08, 0.08), tyre, 0.6, 0)


def draw_gear(brush: Brush) -> None:
    """Draw a gear wheel."""
    teeth, metal = brush.count(7, 14), brush.colour("silver" if brush.chance(0.5) else "gold")
    angle = np.arange(4 * teeth) * (2 * np.pi / (4 * teeth))
    radius = np.where(np.arange(4 * teeth) % 4 < 2, 0.98, 0.78)
    brush.solid(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), metal)
    brush.solid(ellipse(0, 0, 0.55, 0.55), darken(metal, 0.2), 0.8)
    brush.solid(ellipse(0, 0, 0.25, 0.25), brush.colour("pale"), 0.8, 0)


def draw_clock(brush: Brush) -> None:
    """Draw a clock face with marks or numerals and hands."""
    rim, face = brush.colour("gold" if brush.chance(0.4) else "any"), brush.colour("pale")
    if brush.chance(0.35):
        for side in (-0.5, 0.5):
            brush.solid(ellipse(side, -0.85, 0.28, 0.24), rim)
            brush.line(points((side, 0.7), (1.3 * side, 1.05)), 3.0, taper=(0, 0))
    brush.solid(ellipse(0, 0, 0.95, 0.95, 40), rim)
    brush.solid(ellipse(0, 0, 0.8, 0.8, 40), face, 0.8, 0.1)
    for index, (x, y) in enumerate(polygon(12, 0.68)):
        if brush.chance(0.8):
            brush.line(points((x, y), (0.87 * x, 0.87 * y)), 1.6 if index % 3 == 0 else 0.8, taper=(0, 0))
    for length, width in ((0.42, 2.2), (0.6, 1.4)):
        angle = brush.between(0, 2 * np.pi)
        brush.line(points((0, 0), (length * np.cos(angle), length * np.sin(angle))), width, taper=(0, 0.2))
    brush.solid(ellipse(0, 0, 0.06, 0.06), rim, 0.5, 0)


def draw_ball(brush: Brush) -> None:
    """Draw a football, basketball, baseball, beach ball or thread ball (temari)."""
    shape = ellipse(0, 0, 0.92, 0.92, 40)
    kind = brush.count(0, 4)
    brush.solid(shape, WHITE if kind in (0, 2) else ((214, 120, 50) if kind == 1 else brush.colour("any")), 1.0, 0.2)
    if kind == 0:
        _draw_football(brush)
    elif kind == 1:
        for path in (
            points((-0.9, 0), (0, 0.1), (0.9, 0)),
            points((0, -0.9), (0.1, 0), (0, 0.9)),
            points((-0.65, -0.65), (-0.25, 0), (-0.65, 0.65)),
            points((0.65, -0.65), (0.3, 0), (0.65, 0.65)),
        ):
            brush.line(spline(path), 1.2, taper=(0, 0))
    elif kind == 2:
        for side in (-1, 1):
            seam = arc(1.15 * side, 0, 0.75, 0.8, 128, 232) if side > 0 else arc(-1.15, 0, 0.75, 0.8, -52, 52)
            brush.line(seam, 0.8, (190, 60, 60) if brush.style.colour else None, (0, 0))
            for x, y in seam:
                brush.line(points((x - 0.08, y), (x + 0.08, y)), 0.7)
    elif kind == 3:
        stripes = brush.count(5, 8)
        for index, start in enumerate(np.linspace(0, 360, stripes, endpoint=False)):
            wedge = np.concatenate([points((0.1, -0.2)), arc(0, 0, 0.92, 0.92, start, start + 360 / stripes, 8)])
            brush.solid(wedge, WHITE if index % 2 else brush.colour("any"), 0.8, 0.15)
    else:
        _draw_temari(brush)
    brush.contour(shape)
    brush.gloss(-0.4, -0.45, 0.14, 0.09, -0.7)


def _draw_football(brush: Brush) -> None:
    dark, outer = brush.colour("dark"), polygon(5, 0.95, -np.pi / 2)
    for x, y in outer:
        brush.line(points((0.33 * x, 0.33 * y), (0.7 * x, 0.7 * y)), 1.0, taper=(0, 0))
        tip = points(
            (0.72 * x, 0.72 * y),
            (0.9 * x - 0.26 * y, 0.9 * y + 0.26 * x),
            (0.97 * x, 0.97 * y),
            (0.9 * x + 0.26 * y, 0.9 * y - 0.26 * x),
        )
        brush.solid(tip, dark, 0.8, 0)
    for (x, y), (u, v) in zip(outer, np.roll(outer, 1, 0), strict=True):
        brush.line(
            points((0.72 * x, 0.72 * y), (0.58 * (x + u), 0.58 * (y + v)), (0.72 * u, 0.72 * v)), 0.9, taper=(0, 0)
        )
    brush.solid(polygon(5, 0.34, -np.pi / 2), dark, 0.8, 0)


def _draw_temari(brush: Brush) -> None:
    count = brush.count(4, 8)
    for layer in range(3):
        colour = brush.colour("petal" if layer else "pale")
        for angle in np.arange(count) * 2 * np.pi / count + 0.3 * layer:
            leaf = brush.at(0, 0, 0.88 - 0.2 * layer, float(angle))
            leaf.solid(points((0, 0), (0.3, -0.55), (0, -1), (-0.3, -0.55)), colour, 0.7, 0)
    brush.solid(star(count, 0.4, 0.25), brush.colour("gold"), 0.7, 0)


def draw_fan(brush: Brush) -> None:
    """Draw a folding fan or a round fan."""
    paper, wood = brush.colour("pale" if brush.chance(0.4) else "any"), brush.colour("wood")
    if brush.chance(0.45):
        brush.solid(rectangle(-0.05, 0.3, 0.1, 0.8), wood)
        round_fan = ellipse(0, -0.2, 0.8, 0.75, 36)
        brush.solid(round_fan, paper)
        for x in np.linspace(-0.7, 0.7, 9):
            brush.line(points((0, 0.55), (0.5 * x, 0), (x, -0.2 - 0.7 * np.sqrt(1 - x**2))), 0.4)
        brush.solid(ellipse(0, -0.25, 0.35, 0.35), brush.colour("red"), 0.7, 0)
        return
    blades, spread = brush.count(9, 17), brush.between(60, 85)
    edges = np.linspace(-spread, spread, blades + 1) - 90
    for index in range(blades):
        outer = arc(0, 0.7, 1.5, 1.5, edges[index], edges[index + 1], 3)
        inner = arc(0, 0.7, 0.6, 0.6, edges[index + 1], edges[index], 3)
        brush.solid(np.concatenate([outer, inner]), darken(paper, 0.14) if index % 2 else paper, 0.7, 0)
        brush.line(np.array([[0, 0.7], inner[1]]), 1.0, wood, (0, 0))
    brush.solid(ellipse(0, 0.7, 0.06, 0.06), wood, 0.7)


def draw_button(brush: Brush) -> None:
    """Draw a button with two or four holes."""
    colour = brush.colour("any")
    brush.solid(ellipse(0, 0, 0.9, 0.9, 36), colour)
    brush.solid(ellipse(0, 0, 0.68, 0.68, 36), darken(colour, 0.12), 0.8)
    holes = polygon(4, 0.26, np.pi / 4) if brush.chance(0.6) else polygon(2, 0.25)
    for x, y in holes:
        brush.solid(ellipse(x, y, 0.1, 0.1, 14), brush.colour("dark"), 0.6, 0)
    if brush.chance(0.5):
        brush.line(np.array([holes[0], holes[len(holes) // 2]]), 1.5, taper=(0, 0))


def draw_bell(brush: Brush) -> None:
    """Draw a round bell with a slit, or a hand bell."""
    metal = brush.colour("gold")
    if brush.chance(0.6):
        brush.contour(ellipse(0, -0.92, 0.18, 0.16), 1.3)
        brush.solid(ellipse(0, 0, 0.85, 0.85, 36), metal)
        for y in (-0.12, 0.06):
            brush.line(bezier((-0.84, y), (0, y + 0.24), (0.84, y)), 0.8, taper=(0, 0))
        brush.fill(ellipse(0, 0.42, 0.12, 0.12), brush.colour("dark"))
        brush.line(points((0, 0.42), (0, 0.84)), 1.8, taper=(0, 0))
    else:
        brush.solid(ellipse(0, 0.75, 0.16, 0.16), darken(metal, 0.3))
        brush.solid(
            smooth((-0.8, 0.7), (-0.5, 0.3), (-0.42, -0.3), (0, -0.75), (0.42, -0.3), (0.5, 0.3), (0.8, 0.7), (0, 0.8)),
            metal,
        )
    brush.gloss(-0.2, -0.25, 0.07, 0.17, 0.3)


def draw_speaker(brush: Brush) -> None:
    """Draw a loudspeaker, camera lens, washing machine or another box with discs."""
    body, cone = brush.colour("any"), brush.colour("dark")
    brush.solid(rounded_box(0.75, 0.98, 0.1), body)
    layouts: tuple[list[tuple[float, float, float]], ...] = (
        [(0, 0.3, 0.5), (0, -0.55, 0.24)],
        [(0, 0.1, 0.6)],
        [(-0.33, -0.4, 0.25), (0.33, -0.4, 0.25), (0, 0.4, 0.42)],
    )
    for x, y, radius in layouts[brush.count(0, 2)]:
        brush.solid(ellipse(x, y, radius, radius, 30), brush.colour("silver"))
        brush.solid(ellipse(x, y, 0.8 * radius, 0.8 * radius, 30), cone, 0.8)
        brush.solid(ellipse(x, y, 0.3 * radius, 0.3 * radius, 16), lighten(cone, 0.3), 0.7)
        brush.gloss(x - 0.3 * radius, y - 0.35 * radius, 0.12 * radius, 0.08 * radius)


def draw_cushion(brush: Brush) -> None:
    """Draw a cushion with creases at the corners, a button, tassels or a pattern."""
    colour = brush.colour("any")
    dent = brush.between(0.78, 0.95)
    shape = smooth((-0.9, -0.9), (0, -dent), (0.9, -0.9), (dent, 0), (0.9, 0.9), (0, dent), (-0.9, 0.9), (-dent, 0))
    brush.solid(shape, colour)
    _draw_creases(brush, polygon(4, 1.0, np.pi / 4))
    if brush.chance(0.5):
        brush.solid(ellipse(0, 0, 0.1, 0.1), darken(colour, 0.3), 0.8)
    else:
        for x, y in brush.rng.uniform(-0.6, 0.6, (brush.count(4, 12), 2)):
            brush.fill(ellipse(x, y, 0.08, 0.08, 10), lighten(colour, 0.6))


def _draw_creases(brush: Brush, corners: Points) -> None:
    for x, y in corners:
        for bend in (-0.15, 0.05, 0.2):
            brush.line(
                bezier((x, y), (0.7 * x + bend * y, 0.7 * y - bend * x), (0.5 * x + bend, 0.5 * y + bend)),
                0.7,
                taper=(0.0, 0.8),
            )
