"""Pictures with labelled faces: real pages and pages of the sample manga."""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from mangagan.core.errors import UserError
from mangagan.pages.decode import UnreadableError, decode_page, is_gray
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page

MIN_USABLE_WIDTH = 40  # px; the labels do not mark narrower faces as usable, even if both eyes are visible
THINGS_SHARE = 0.8  # of the drawn pages with things that are no faces: flowers, dishes, hands, letters
PYRAMID_LEVELS = 3  # full, half and quarter size


@dataclass(frozen=True)
class Picture:
    """A picture with labelled faces.

    Attributes:
        pixels: uint8 (H, W) or (H, W, 3) RGB.
        faces: float32 (N, 5): x, y, w, h [px], usable (1 yes, 0 no, -1 unknown).
    """

    pixels: np.ndarray
    faces: np.ndarray = field(default_factory=lambda: np.zeros((0, 5), np.float32))

    @cached_property
    def pyramid(self) -> list[np.ndarray]:
        """Return the pixels at full, half and quarter size, so that small crops have no aliasing."""
        levels = [self.pixels]
        while len(levels) < PYRAMID_LEVELS:
            height, width = levels[-1].shape[:2]
            size = (max(width // 2, 1), max(height // 2, 1))
            levels.append(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA))
        return levels


def read_labels(data: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the labelled faces of each page from `faces.json` in a folder.

    The file holds `{"<title>/<file>": {"faces": [{"x", "y", "w", "h", "view", "usable"}, …]}, …}`: boxes are tight
    around the face without the hair; `view` is front, threequarter, profile or other.

    Raises:
        UserError: The file is missing, damaged, or has another format.
    """
    path = data / "faces.json"
    try:
        labels = {page: entry["faces"] for page, entry in json.loads(path.read_text(encoding="utf-8")).items()}
        for page, rows in labels.items():
            locate_page(data, page)
            build_faces(rows)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}. Set --data to a folder with faces.json and pages/") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged or has another format: {error!r}") from None
    return labels


def read_titles(data: Path) -> dict[str, list[Picture]]:
    """Read the labelled pages of a folder: `faces.json`, and `pages/<title>/<file>` for each entry of it.

    Returns:
        Title to pages.

    Raises:
        UserError: A file is missing or damaged, or `faces.json` has another format than in `read_labels`.
    """
    titles: dict[str, list[Picture]] = {}
    for name, rows in sorted(read_labels(data).items()):
        path = locate_page(data, name)
        try:
            pixels = decode_page(path.read_bytes()).pixels
        except (OSError, UnreadableError) as error:
            raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
        titles.setdefault(name.split("/")[0], []).append(Picture(_convert_if_gray(pixels), build_faces(rows)))
    return titles


def locate_page(data: Path, name: str) -> Path:
    """Return the path of the page with the name `<title>/<file>` in faces.json.

    Raises:
        ValueError: The name has another format or points outside the folder.
    """
    parts = PurePosixPath(name).parts
    if len(parts) < 2 or ".." in parts or name.startswith("/"):
        raise ValueError(f"{name!r} is not title/file")
    return data / "pages" / name


def draw_sample_pages(seed: int, count: int, width: int = 700, height: int = 980) -> list[Picture]:
    """Draw pages of the sample manga in random styles, most of them with things; one third has colour."""
    pages = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        style = replace(
            STYLES[number % len(STYLES)],
            tone_density=float(rng.uniform(0.05, 0.5)),
            line_weight=float(rng.uniform(0.03, 0.07)),
            eye_width=float(rng.uniform(0.24, 0.36)),
            eye_height=float(rng.uniform(0.2, 0.4)),
            dot_period=float(rng.uniform(3.5, 7)),
            dark_background_weight=float(rng.uniform(0.1, 0.8)),
        )
        things = float(rng.uniform(0.5, 3.0)) if rng.random() < THINGS_SHARE else 0.0
        pixels, faces = draw_page(rng, style, width, height, things=things)
        pages.append(Picture(pixels, build_faces(faces)))
    return pages


def _convert_if_gray(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 3 and is_gray(pixels):
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    return pixels


def build_faces(rows: list[dict[str, Any]]) -> np.ndarray:
    """Return labelled faces as in `Picture`: rows with x, y, w, h, view and usable become float32 (N, 5)."""
    faces = np.array([[*(float(row[key]) for key in "xywh"), encode_usable(row)] for row in rows], np.float32)
    faces = faces.reshape(-1, 5)
    if not np.isfinite(faces).all() or (faces[:, 2:4] <= 0).any():
        raise ValueError("a box has no area or is not finite")
    return faces


def encode_usable(row: dict[str, Any]) -> float:
    """Return 1 if both eyes of a labelled face are visible, 0 if not, -1 if unknown (the face is too small)."""
    view = row["view"]
    if row["usable"]:
        return 1.0
    return -1.0 if view in ("front", "threequarter") and row["w"] < MIN_USABLE_WIDTH else 0.0
