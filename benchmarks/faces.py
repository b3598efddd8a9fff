"""Gray faces for benchmarks: from a dataset, from labelled pages, or from the sample manga."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mangagan.core.errors import UserError
from mangagan.detection.backends.mangaface import MangaFace
from mangagan.detector_training.labels import read_titles
from mangagan.faces.crop import crop_square, expand_to_square, resize
from mangagan.faces.table import decode_faces, read_faces
from mangagan.sample.character import STYLES
from mangagan.sample.manga import draw_story_page

SIZE = 112  # side of a face [px]


def read_gray_faces(path: Path) -> Iterator[tuple[np.ndarray, str]]:
    """Yield the faces of a Parquet file, or the usable faces of a folder of labelled pages.

    Args:
        path: A Parquet file of faces, or a folder with faces.json and pages/.

    Yields:
        The face, gray, uint8 (SIZE, SIZE), and its title.

    Raises:
        UserError: `path` is neither of the two, or a file is damaged.
    """
    if path.suffix == ".parquet":
        rows = read_faces(path, ["image", "title"])
        for png, title in zip(rows["png"], rows["title"], strict=True):
            yield decode_faces([png], 1)[0, 0], title
        return
    if not (path / "faces.json").is_file():
        raise UserError(
            f"{path} is not a Parquet file and contains no faces.json. Choose a file of faces or labelled pages"
        )
    for title, pictures in read_titles(path).items():
        for picture in pictures:
            for face in picture.faces[picture.faces[:, 4] == 1]:
                yield crop_gray_face(picture.pixels, face[:4]), title


def draw_gray_faces(seed: int, count: int) -> Iterator[tuple[np.ndarray, str]]:
    """Yield usable faces of the sample manga until at least `count` have been drawn.

    Yields:
        The face, gray, uint8 (SIZE, SIZE), and its character.
    """
    found, number = 0, 1
    while found < count:
        number += 1
        for style in STYLES:
            page, rows = draw_story_page(seed, style, number)
            for row in rows:
                if row["usable"]:
                    found += 1
                    yield (
                        crop_gray_face(page, np.array([row[key] for key in "xywh"])),
                        f"{style.title}/{row['character']}",
                    )


def crop_gray_face(page: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return a face in gray, cropped as the stage normalize crops it."""
    gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) if page.ndim == 3 else page
    return resize(crop_square(gray, expand_to_square(box, MangaFace.crop_margin)), SIZE)
