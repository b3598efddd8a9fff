"""A manga that the project draws itself, so that every face, repeat and broken file in it is known."""

from __future__ import annotations

from mangagan.sample.character import STYLES, Character, FaceTruth, Rng, Style, random_character
from mangagan.sample.head import draw_face
from mangagan.sample.manga import draw_manga, labels
from mangagan.sample.page import draw_page

__all__ = [
    "STYLES",
    "Character",
    "FaceTruth",
    "Rng",
    "Style",
    "draw_face",
    "draw_manga",
    "draw_page",
    "labels",
    "random_character",
]
