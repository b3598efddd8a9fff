"""Faces to measure on: those of a data set, hand-labelled ones, or drawn ones."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mangagan.core.errors import UserError
from mangagan.detection.backends.mangaface import MangaFace
from mangagan.detector_training.labels import read_titles
from mangagan.faces.crop import crop_square, resize, square_around
from mangagan.faces.table import decode_faces, read_faces
from mangagan.sample import STYLES
from mangagan.sample.manga import draw_story_page

SIZE = 112  # px, of the faces


def read(path: Path) -> Iterator[tuple[np.ndarray, str]]:
    """The faces of a Parquet file, or the usable ones of a labelled folder: gray, uint8 (S, S), and the title.

    Raises:
        UserError: it is neither, or damaged.
    """
    if path.suffix == ".parquet":
        rows = read_faces(path, ["image", "title"])
        for png, title in zip(rows["png"], rows["title"], strict=True):
            yield decode_faces([png], 1)[0, 0], title
        return
    if not (path / "faces.json").is_file():
        raise UserError(f"{path} is neither a Parquet file of faces nor a folder with faces.json and pages/")
    for title, pictures in read_titles(path).items():
        for picture in pictures:
            for face in picture.faces[picture.faces[:, 4] == 1]:
                yield cut(picture.pixels, face[:4]), title


def drawn(seed: int, count: int) -> Iterator[tuple[np.ndarray, str]]:
    """At least `count` usable faces of the sample manga, gray, and whom each shows."""
    found, number = 0, 1
    while found < count:
        number += 1
        for style in STYLES:
            page, rows = draw_story_page(seed, style, number)
            for row in rows:
                if row["usable"]:
                    found += 1
                    yield cut(page, np.array([row[key] for key in "xywh"])), f"{style.title}/{row['character']}"


def cut(page: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A face as `normalize` cuts it, in gray."""
    gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) if page.ndim == 3 else page
    return resize(crop_square(gray, square_around(box, MangaFace.crop_margin)), SIZE)
