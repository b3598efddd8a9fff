"""Thumbnails of faces, many in one JPEG, so that a browser opens few files."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import pandas as pd

from mangagan.core.cache import Cache
from mangagan.core.cached_map import map_cached
from mangagan.core.code import code_hash
from mangagan.core.images import decode_png, to_pillow
from mangagan.core.keys import describe_libraries, make_key
from mangagan.faces.table import LoadPngs

SIDE = 96  # of a thumbnail [px]; a multiple of 8, so that no JPEG block covers two faces
COLUMNS = 16  # thumbnails in a row
SHEET_FACES = 256  # maximum number of thumbnails on a sheet
QUALITY = 60  # of the JPEG; 20,000 faces take 37 MB. WebP would save 15 % and take 20 times as long
BACKGROUND = 255


@dataclass(frozen=True)
class Sheet:
    """A range of faces on one sheet.

    Attributes:
        first: Index of the first face.
        count: Number of faces.
    """

    first: int
    count: int

    @property
    def name(self) -> str:
        """Return the name of the file. It contains no title, because a title can hold any character."""
        return f"{self.first:06d}.jpg"

    @property
    def rows(self) -> int:
        """Return the number of rows of thumbnails."""
        return -(-self.count // COLUMNS)


def plan_sheets(titles: Sequence[str]) -> list[Sheet]:
    """Divide faces into sheets. Each title starts a sheet, so a new page of one title changes no sheet of another.

    Args:
        titles: Title of each face; faces of one title are adjacent.
    """
    sheets = []
    starts = [index for index, title in enumerate(titles) if not index or title != titles[index - 1]]
    for start, end in pairwise([*starts, len(titles)]):
        sheets += [Sheet(first, min(SHEET_FACES, end - first)) for first in range(start, end, SHEET_FACES)]
    return sheets


def draw_sheets(faces: pd.DataFrame, sheets: Sequence[Sheet], load: LoadPngs, cache: Cache) -> Iterator[bytes]:
    """Yield the JPEG of each sheet, gray if all its faces are.

    Args:
        faces: All faces, with the column `is_gray`.
        sheets: Ranges of faces.
        load: Return the PNGs of some of the faces.
        cache: Sheets of earlier runs.
    """
    code = code_hash(__name__), describe_libraries("numpy", "opencv-python-headless", "pillow")

    def read(sheet: Sheet) -> tuple[Sequence[bytes], int]:
        part = faces.iloc[sheet.first : sheet.first + sheet.count]
        return load(part), 1 if part["is_gray"].all() else 3

    def identify(item: tuple[Sequence[bytes], int]) -> bytes:
        pngs, channels = item
        return make_key("sheet", *code, channels, *pngs)

    return map_cached(draw_sheet, map(read, sheets), cache, identify, bytes, lambda item: item)


def draw_sheet(item: tuple[Sequence[bytes], int]) -> bytes:
    """Return a sheet of faces as JPEG.

    Args:
        item: PNGs of square faces, at least one, and the number of channels: 1 for gray, 3 for RGB.
    """
    pngs, channels = item
    rows = -(-len(pngs) // COLUMNS)
    sheet = np.full((rows * SIDE, COLUMNS * SIDE, channels), BACKGROUND, np.uint8)
    for index, png in enumerate(pngs):
        face = decode_png(png, channels)
        method = cv2.INTER_AREA if face.shape[0] > SIDE else cv2.INTER_CUBIC
        small = cv2.resize(face, (SIDE, SIDE), interpolation=method)
        top, left = index // COLUMNS * SIDE, index % COLUMNS * SIDE
        sheet[top : top + SIDE, left : left + SIDE] = small.reshape(SIDE, SIDE, channels)
    buffer = io.BytesIO()
    # Full resolution of colours: otherwise a decoder mixes the colours of adjacent faces.
    to_pillow(sheet).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
