"""Drawn faces without a fault and with each of several known faults."""

from collections.abc import Iterator, Mapping

import numpy as np

from benchmarks.faces import SIZE
from mangagan.core.progress import track
from mangagan.sample.character import STYLES, sample_character
from mangagan.sample.head import draw_face

CHARACTERS = 18
GRAY_STYLES = [style for style in STYLES if not style.colour]
# Arguments of `draw_face` for each fault
FAULTS: Mapping[str, Mapping[str, str]] = {
    "one eye not drawn": {"eyes": "one"},
    "two different eyes": {"eyes": "unequal"},
    "mouth not drawn": {"mouth": "none"},
}


def draw_faces_with_faults(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Draw gray faces without a fault and with each fault. The drawings of one face differ only in the fault.

    Returns:
        The faces without faults, uint8 (count, 1, SIZE, SIZE); the character of each, str (count,); and the faces with
        each fault, by name.
    """
    drawn = list(track(draw_variants(count, seed), count, "draw", "faces"))
    images = {fault: np.stack([pictures[fault] for pictures in drawn])[:, None] for fault in ("", *FAULTS)}
    groups = np.array([str(number % CHARACTERS) for number in range(count)])
    return images.pop(""), groups, images


def draw_variants(count: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield each face as a picture, uint8 (SIZE, SIZE), without a fault (key "") and with each fault."""
    for number in range(count):
        character = number % CHARACTERS
        style = GRAY_STYLES[character % len(GRAY_STYLES)]
        person = sample_character(np.random.default_rng((seed, 0, character)), style)
        yield {
            fault: draw_face(np.random.default_rng((seed, 1, number)), style, SIZE, person, **changes)[0]
            for fault, changes in {"": {}, **FAULTS}.items()
        }
