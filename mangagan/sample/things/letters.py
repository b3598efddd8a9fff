"""Letters: bold invented kanji, kana, sound effects, round signs and punctuation marks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mangagan.sample.lettering import SOUND_STROKES
from mangagan.sample.pen import darken, lighten
from mangagan.sample.strokes import WHITE, Colour, Points, ellipse, points, spline
from mangagan.sample.things.brush import Brush
from mangagan.sample.things.outlines import rounded_box, smooth, star

Glyph = list[list[tuple[float, float]]]  # strokes in the unit square, y down

# Parts of kanji
RADICALS: tuple[Glyph, ...] = (
    [[(0.15, 0.15), (0.15, 0.85)], [(0.15, 0.15), (0.85, 0.15), (0.85, 0.85)], [(0.15, 0.85), (0.85, 0.85)]],
    [[(0.15, 0.1), (0.15, 0.9)], [(0.15, 0.1), (0.85, 0.1), (0.85, 0.9)], [(0.15, 0.5), (0.85, 0.5)],
     [(0.15, 0.9), (0.85, 0.9)]],
    [[(0.1, 0.12), (0.1, 0.9)], [(0.1, 0.12), (0.9, 0.12), (0.9, 0.9)], [(0.1, 0.5), (0.9, 0.5)],
     [(0.5, 0.12), (0.5, 0.9)],
     [(0.1, 0.9), (0.9, 0.9)]],
    [[(0.05, 0.45), (0.95, 0.45)], [(0.5, 0.02), (0.5, 0.98)]],
    [[(0.05, 0.32), (0.95, 0.32)], [(0.5, 0.02), (0.5, 0.98)], [(0.5, 0.35), (0.3, 0.65), (0.05, 0.85)],
     [(0.5, 0.35), (0.7, 0.65), (0.95, 0.85)]],
    [[(0.5, 0.05), (0.42, 0.5), (0.08, 0.95)], [(0.48, 0.4), (0.7, 0.75), (0.95, 0.95)]],
    [[(0.08, 0.35), (0.92, 0.35)], [(0.5, 0.05), (0.45, 0.5), (0.1, 0.95)], [(0.5, 0.4), (0.7, 0.75), (0.95, 0.95)]],
    [[(0.1, 0.12), (0.9, 0.12)], [(0.15, 0.5), (0.85, 0.5)], [(0.05, 0.9), (0.95, 0.9)], [(0.5, 0.12), (0.5, 0.9)]],
    [[(0.1, 0.2), (0.3, 0.35)], [(0.05, 0.45), (0.25, 0.6)], [(0.1, 0.95), (0.35, 0.7)], [(0.45, 0.2), (0.95, 0.2)],
     [(0.7, 0.2), (0.7, 0.95)]],
    [[(0.5, 0.0), (0.5, 0.2)], [(0.08, 0.45), (0.1, 0.22), (0.92, 0.22), (0.85, 0.42)], [(0.3, 0.5), (0.7, 0.5)],
     [(0.15, 0.95), (0.85, 0.95)], [(0.5, 0.5), (0.5, 0.95)]],
    [[(0.15, 0.1), (0.1, 0.95)], [(0.15, 0.1), (0.9, 0.1), (0.9, 0.92), (0.75, 0.85)], [(0.3, 0.4), (0.7, 0.4)],
     [(0.3, 0.65), (0.7, 0.65)]],
    [[(0.2, 0.3), (0.1, 0.6)], [(0.35, 0.4), (0.4, 0.8), (0.75, 0.85), (0.8, 0.65)], [(0.5, 0.25), (0.6, 0.45)],
     [(0.85, 0.35), (0.95, 0.55)]],
    [[(0.5, 0.05), (0.35, 0.35), (0.7, 0.4), (0.3, 0.7)], [(0.1, 0.75), (0.9, 0.75)],
     [(0.2, 0.85), (0.15, 0.98)], [(0.5, 0.85), (0.5, 0.98)],
     [(0.8, 0.85), (0.85, 0.98)]],
)  # fmt: skip
# Kana, katakana first; those with curves are smoothed
KANA: tuple[Glyph, ...] = (
    [[(0.1, 0.2), (0.9, 0.2), (0.6, 0.5)], [(0.55, 0.4), (0.5, 0.7), (0.25, 0.95)]],
    [[(0.75, 0.08), (0.5, 0.4), (0.1, 0.65)], [(0.55, 0.35), (0.55, 0.98)]],
    [[(0.1, 0.3), (0.9, 0.3), (0.85, 0.9), (0.7, 0.85)], [(0.5, 0.05), (0.45, 0.5), (0.1, 0.95)]],
    [[(0.3, 0.1), (0.15, 0.5)], [(0.25, 0.25), (0.85, 0.25), (0.7, 0.65), (0.3, 0.95)]],
    [[(0.1, 0.25), (0.25, 0.45)], [(0.45, 0.2), (0.55, 0.42)], [(0.85, 0.2), (0.75, 0.6), (0.35, 0.95)]],
    [[(0.1, 0.3), (0.9, 0.3)], [(0.25, 0.08), (0.75, 0.08)], [(0.5, 0.3), (0.5, 0.6), (0.25, 0.95)]],
    [[(0.2, 0.15), (0.8, 0.15), (0.5, 0.55), (0.1, 0.9)], [(0.5, 0.5), (0.9, 0.9)]],
    [[(0.15, 0.15), (0.15, 0.85), (0.85, 0.85)], [(0.15, 0.45), (0.8, 0.35)], [(0.85, 0.15), (0.85, 0.85)]],
    [[(0.5, 0.08), (0.2, 0.8), (0.85, 0.75)], [(0.7, 0.5), (0.95, 0.9)]],
    [[(0.1, 0.5), (0.9, 0.5)]],
    [[(0.5, 0.12), (0.15, 0.5), (0.25, 0.85), (0.5, 0.6), (0.52, 0.15), (0.85, 0.35), (0.85, 0.7), (0.6, 0.92)]],
    [[(0.3, 0.08), (0.3, 0.7), (0.5, 0.95), (0.85, 0.75)]],
    [[(0.7, 0.08), (0.25, 0.48), (0.75, 0.92)]],
    [[(0.2, 0.12), (0.75, 0.12), (0.2, 0.55), (0.6, 0.45), (0.85, 0.7), (0.5, 0.95), (0.4, 0.8), (0.6, 0.75)]],
    [[(0.15, 0.25), (0.85, 0.22)], [(0.5, 0.05), (0.45, 0.85), (0.6, 0.9)],
     [(0.75, 0.4), (0.3, 0.8), (0.15, 0.65), (0.6, 0.5), (0.85, 0.75)]],
    [[(0.1, 0.4), (0.6, 0.2), (0.9, 0.45), (0.6, 0.8), (0.3, 0.88)]],
)  # fmt: skip
CURVED_KANA = 10  # index of the first curved entry of KANA


def compose_kanji(brush: Brush) -> list[Points]:
    """Return the strokes, (n, 2) in [-1, 1], of an invented kanji of one to four parts."""
    layouts: tuple[tuple[tuple[float, float, float, float], ...], ...] = (
        ((0, 0, 1, 1),), ((0, 0, 0.38, 1), (0.42, 0, 0.58, 1)),
        ((0, 0, 0.5, 1), (0.52, 0, 0.48, 0.48), (0.52, 0.52, 0.48, 0.48)),
        ((0, 0, 1, 0.42), (0.05, 0.46, 0.9, 0.54)), ((0.2, 0, 0.6, 0.45), (0, 0.5, 0.48, 0.5), (0.52, 0.5, 0.48, 0.5)),
    )  # fmt: skip
    layout = layouts[int(brush.rng.choice(5, p=(0.25, 0.3, 0.15, 0.2, 0.1)))]
    strokes = []
    for x, y, w, h in layout:
        for stroke in RADICALS[int(brush.rng.integers(len(RADICALS)))]:
            if brush.chance(0.93):
                strokes.append(2 * (np.array(stroke) * (w, h) + np.array([x, y])) - 1)
    return strokes


def compose_kana(brush: Brush) -> list[Points]:
    """Return the strokes, (n, 2) in [-1, 1], of a kana, katakana or hiragana."""
    if brush.chance(0.3):
        names = sorted(SOUND_STROKES)
        return [2 * np.array(stroke) - 1 for stroke in SOUND_STROKES[names[int(brush.rng.integers(len(names)))]]]
    index = int(brush.rng.integers(len(KANA)))
    strokes = [2 * np.array(stroke) - 1 for stroke in KANA[index]]
    return [spline(stroke) for stroke in strokes] if index >= CURVED_KANA else strokes


def draw_strokes(brush: Brush, strokes: list[Points], width: float, colour: Colour) -> None:
    """Draw strokes of the `width` [thing units] with an outline, a shadow, a gradient or nothing."""
    kind = brush.count(0, 3) if measure_is_dark(colour) else 2 * brush.count(0, 1)
    halo: Colour = WHITE if measure_is_dark(colour) else brush.colour("dark")
    ends = (brush.between(0.0, 0.3), brush.between(0.05, 0.6))
    paths = [np.concatenate([np.linspace(a, b, 7)[:-1] for a, b in pairwise(s)] + [s[-1:]]) for s in strokes]
    pixel_width = width * brush.unit
    if kind == 1:
        for path in paths:
            brush.canvas.line(brush.to_pixels(path + 0.08), pixel_width, darken(halo, 0.5), ends)
    if kind in (0, 2):
        for path in paths:
            brush.canvas.line(brush.to_pixels(path), 1.7 * pixel_width, halo, (0.03, 0.1))
    for path in paths:
        brush.canvas.line(brush.to_pixels(path), pixel_width, colour, ends)
    if kind == 2:
        for path in paths:
            brush.canvas.line(
                brush.to_pixels(path), 0.5 * pixel_width, WHITE if measure_is_dark(colour) else halo, ends
            )


def measure_is_dark(colour: Colour) -> bool:
    """Return True if white lines are visible on the colour."""
    return sum(colour) < 380


def _sample_letter_colour(brush: Brush) -> Colour:
    if brush.style.colour:
        return brush.colour("any" if brush.chance(0.6) else "dark")
    return brush.style.ink if brush.chance(0.8) else WHITE


def draw_kanji(brush: Brush) -> None:
    """Draw one bold kanji."""
    draw_strokes(brush.at(0, 0, 0.8), compose_kanji(brush), brush.between(0.16, 0.36), _sample_letter_colour(brush))


def draw_kana(brush: Brush) -> None:
    """Draw one bold kana."""
    draw_strokes(brush.at(0, 0, 0.85), compose_kana(brush), brush.between(0.22, 0.5), _sample_letter_colour(brush))


def draw_word(brush: Brush) -> None:
    """Draw a word of two to four letters in a column or a row."""
    count, down, colour = brush.count(2, 4), brush.chance(0.6), _sample_letter_colour(brush)
    width, is_kanji = brush.between(0.2, 0.42), brush.chance(0.4)
    for index in range(count):
        place = (2 * index + 1) / count - 1
        x, y = (0.0, place) if down else (place, 0.0)
        letter = brush.at(x, y, brush.between(1.0, 1.35) / count, brush.between(-0.2, 0.2))
        draw_strokes(letter, compose_kanji(brush) if is_kanji else compose_kana(brush), width, colour)


def draw_sign(brush: Brush) -> None:
    """Draw a letter on a disc, a plate, a burst or a seal."""
    shapes = (ellipse(0, 0, 0.97, 0.97, 36), rounded_box(0.9, 0.9, 0.15), star(brush.count(10, 18), 0.75, 1.0))
    colour = brush.colour("any")
    brush.solid(shapes[brush.count(0, 2)], colour, 1.5)
    ink = WHITE if measure_is_dark(colour) and brush.style.colour else brush.style.ink
    strokes = compose_kanji(brush) if brush.chance(0.6) else compose_kana(brush)
    draw_strokes(brush.at(0, 0, 0.55), strokes, brush.between(0.15, 0.3), ink)


def draw_mark(brush: Brush) -> None:
    """Draw exclamation marks, a question mark or a musical note."""
    colour = _sample_letter_colour(brush)
    if brush.chance(0.5):
        for x in (-0.4, 0.4)[: brush.count(1, 2)]:
            bar = points((x - 0.2, -0.95), (x + 0.2, -0.95), (x + 0.07, 0.4), (x - 0.07, 0.4))
            brush.solid(bar, colour, 1.0, 0)
            brush.solid(ellipse(x, 0.72, 0.18, 0.18), colour, 1.0, 0)
    elif brush.chance(0.5):
        hook = spline(points((-0.5, -0.5), (-0.2, -0.9), (0.4, -0.8), (0.5, -0.35), (0.1, 0.05), (0, 0.4)))
        draw_strokes(brush, [hook], 0.28, colour)
        brush.solid(ellipse(0, 0.8, 0.18, 0.18), colour, 1.0, 0)
    else:
        brush.solid(ellipse(-0.4, 0.6, 0.38, 0.3), colour, 1.0, 0)
        brush.solid(points((-0.1, 0.6), (-0.1, -0.9), (0.0, -0.9), (0.0, 0.6)), colour, 1.0, 0)
        brush.solid(smooth((-0.1, -0.9), (0.2, -0.55), (0.5, -0.3), (0.45, 0.1), (0.35, -0.2), (-0.05, -0.5)),
                    lighten(colour, 0.1), 1.0, 0)  # fmt: skip
