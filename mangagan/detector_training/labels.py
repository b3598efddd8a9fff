"""Pictures with labelled faces: real pages, pages of the sample manga, and character art on backgrounds."""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from mangagan.core.errors import UserError
from mangagan.pages.decode import Unreadable, decode_page, is_gray
from mangagan.sample import STYLES, draw_page

SMALLEST_USABLE = 40  # px of width under which the labels call no face usable, whatever it shows
LEVELS = 3  # of a picture's pyramid: full, half, quarter size


@dataclass(frozen=True)
class Picture:
    """A picture and its faces.

    Attributes:
        pixels: uint8 (H, W) or (H, W, 3) RGB.
        faces: float32 (N, 5): x, y, w, h in px, and usable: 1, 0, or -1 where the labels cannot say.
    """

    pixels: np.ndarray
    faces: np.ndarray = field(default_factory=lambda: np.zeros((0, 5), np.float32))

    @cached_property
    def pyramid(self) -> list[np.ndarray]:
        """The pixels at full, half and quarter size, so that shrunken crops do not alias."""
        levels = [self.pixels]
        while len(levels) < LEVELS:
            height, width = levels[-1].shape[:2]
            size = (max(width // 2, 1), max(height // 2, 1))
            levels.append(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA))
        return levels


def read_labels(data: Path) -> dict[str, list[dict[str, Any]]]:
    """Reads the labelled faces of each page, named `<title>/<file>`, from `faces.json` in a folder.

    The file holds `{"<title>/<file>": {"faces": [{"x", "y", "w", "h", "view", "usable"}, …]}, …}`: boxes tight around
    the face without the hair, `view` one of front, threequarter, profile, other.

    Raises:
        UserError: it is missing, damaged, or not of this form.
    """
    path = data / "faces.json"
    try:
        labels = {page: entry["faces"] for page, entry in json.loads(path.read_text(encoding="utf-8")).items()}
        for page, rows in labels.items():
            page_path(data, page)
            _face_array(rows)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: --data must name a folder with faces.json and pages/") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged or of another form: {error!r}") from None
    return labels


def read_titles(data: Path) -> dict[str, list[Picture]]:
    """Reads the labelled pages of a folder by title: `faces.json`, and `pages/<title>/<file>` for each that it names.

    Raises:
        UserError: a file is missing, damaged, or not of the form that `read_labels` describes.
    """
    titles: dict[str, list[Picture]] = {}
    for name, rows in sorted(read_labels(data).items()):
        path = page_path(data, name)
        try:
            pixels = decode_page(path.read_bytes()).pixels
        except (OSError, Unreadable) as error:
            raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
        titles.setdefault(name.split("/")[0], []).append(Picture(_gray_if_plain(pixels), _face_array(rows)))
    return titles


def page_path(data: Path, name: str) -> Path:
    """The file of the page that faces.json calls `<title>/<file>`; ValueError for a name that leads elsewhere."""
    parts = PurePosixPath(name).parts
    if len(parts) < 2 or ".." in parts or name.startswith("/"):
        raise ValueError(f"{name!r} is not of the form title/file")
    return data / "pages" / name


def draw_sample_pages(seed: int, count: int, width: int = 700, height: int = 980) -> list[Picture]:
    """Pages of the sample manga in random hands, a third of them in colour."""
    pages = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        style = replace(
            STYLES[number % len(STYLES)],
            tone=float(rng.uniform(0.05, 0.5)),
            line_weight=float(rng.uniform(0.03, 0.07)),
            eye_width=float(rng.uniform(0.24, 0.36)),
            eye_height=float(rng.uniform(0.2, 0.4)),
            dot_period=float(rng.uniform(3.5, 7)),
            heavy=float(rng.uniform(0.1, 0.8)),
        )
        pixels, faces = draw_page(rng, style, width, height)
        pages.append(Picture(pixels, _face_array(faces)))
    return pages


def _gray_if_plain(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 3 and is_gray(pixels):
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    return pixels


def _face_array(rows: list[dict[str, Any]]) -> np.ndarray:
    """Faces as in `Picture`; whether a face too small to be usable shows both eyes is unknown."""
    faces = np.array([[*(float(row[key]) for key in "xywh"), usable_label(row)] for row in rows], np.float32)
    faces = faces.reshape(-1, 5)
    if not np.isfinite(faces).all() or (faces[:, 2:4] <= 0).any():
        raise ValueError("a face has no size or no place")
    return faces


def usable_label(row: dict[str, Any]) -> float:
    """What the label of a face says about both eyes being in sight: 1 yes, 0 no, -1 unknown."""
    view = row["view"]
    if row["usable"]:
        return 1.0
    return -1.0 if view in ("front", "threequarter") and row["w"] < SMALLEST_USABLE else 0.0
