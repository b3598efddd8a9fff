"""Drawn training data: pages, scenes, illustrations, heads, and things that detectors mistake for faces."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mangagan.core.progress import track
from mangagan.detector_training.crops import Rng
from mangagan.detector_training.labels import Picture, build_faces, draw_sample_pages
from mangagan.detector_training.scenes import draw_scenes
from mangagan.sample.heads.pictures import draw_covered_face_picture, draw_hidden_head_picture
from mangagan.sample.illustrations.draw import draw_illustration
from mangagan.sample.things.kinds import draw_thing_picture
from mangagan.sample.varied.pictures import draw_varied_face_picture

COLOUR_SHARE = 0.5  # share of colour pictures among the pictures of one head or thing
PICTURE_SIDE = 144  # height and width of a picture of one head or thing [px]
FACE_SIDE = PICTURE_SIDE / 1.7  # side of the face box in the middle of such a picture [px]
ILLUSTRATION_SIZE = (700, 960)  # width and height [px]
USABLE = {"usable": 1.0, "unknown": -1.0, "face, eyes hidden": 0.0}  # label: value of `usable`; other labels: no face

DrawPicture = Callable[[Rng, int, bool], tuple[np.ndarray, str]]


@dataclass(frozen=True)
class Counts:
    """Number of pictures of each kind."""

    sample_pages: int = 180
    scenes: int = 150
    illustrations: int = 150
    varied_faces: int = 2500
    hidden_heads: int = 2500
    covered_faces: int = 1500
    things: int = 3500


@dataclass(frozen=True)
class Drawings:
    """Drawn training data.

    Attributes:
        pages: Pages of the sample manga in random styles.
        scenes: Sprites and things on backgrounds. Empty without sprites.
        illustrations: Illustrations in colour.
        heads: Pictures of one head, `PICTURE_SIDE` px high and wide. Heads without a visible face have no box.
        things: Pictures of the same size with one thing, without a face.
    """

    pages: list[Picture]
    scenes: list[Picture]
    illustrations: list[Picture]
    heads: list[Picture]
    things: list[Picture]


def draw_all(data: Path, seed: int, counts: Counts) -> Drawings:
    """Draw all pictures. They depend only on the seed, the counts, and the sprites and backgrounds in `data`."""
    return Drawings(
        draw_sample_pages(seed, counts.sample_pages),
        draw_scenes(data, seed, counts.scenes),
        list(draw_illustrations(seed, counts.illustrations)),
        [
            *draw_squares(draw_varied_face_picture, (seed, 2), counts.varied_faces, "varied faces"),
            *draw_squares(draw_hidden_head_picture, (seed, 3), counts.hidden_heads, "hidden heads"),
            *draw_squares(draw_covered_face_picture, (seed, 4), counts.covered_faces, "covered faces"),
        ],
        list(draw_squares(draw_thing_picture, (seed, 5), counts.things, "things")),
    )


def draw_illustrations(seed: int, count: int) -> Iterator[Picture]:
    """Yield illustrations in colour."""
    for number in track(range(count), count, "draw", "illustrations"):
        pixels, rows = draw_illustration(np.random.default_rng((seed, 1, number)), *ILLUSTRATION_SIZE)
        yield Picture(pixels, build_faces(rows))


def draw_squares(draw: DrawPicture, seed: tuple[int, int], count: int, name: str) -> Iterator[Picture]:
    """Yield pictures of one head or thing.

    Args:
        draw: Returns a picture and its label: a key of `USABLE`, or another text if there is no face.
        seed: Seed of the pictures.
        count: Number of pictures.
        name: Name in the progress bar.
    """
    corner = (PICTURE_SIDE - FACE_SIDE) / 2
    for number in track(range(count), count, "draw", name):
        rng = np.random.default_rng((*seed, number))
        pixels, label = draw(rng, PICTURE_SIDE, bool(rng.random() < COLOUR_SHARE))
        faces = [[corner, corner, FACE_SIDE, FACE_SIDE, USABLE[label]]] if label in USABLE else []
        yield Picture(pixels, np.array(faces, np.float32).reshape(-1, 5))
