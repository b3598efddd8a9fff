"""The picture of a page with the box of a face."""

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import read_table
from mangagan.pages.archive import Archive
from mangagan.pages.decode import UnreadableError, decode_page

MAX_SIDE = 1600  # [px] of a picture
JPEG_QUALITY = 88
BOX_COLOR = (230, 30, 80)  # RGB; visible on black, white and screentone
CACHED_PICTURES = 16


class PagePictures:
    """Pictures of the pages of a workspace. Pages are decoded one at a time, because a page can need 700 MB."""

    def __init__(self, root: Path) -> None:
        """Read nothing yet.

        Args:
            root: The workspace.
        """
        self.root = root
        self.lock = threading.Lock()
        self.find_entry = lru_cache(maxsize=1)(self._list_entries)
        self.draw = lru_cache(maxsize=CACHED_PICTURES)(self._draw)

    def read(self, title: str, page_id: str, box: Sequence[float]) -> bytes:
        """Return the page with the box, as JPEG of at most `MAX_SIDE` px.

        Args:
            title: Title of the page.
            page_id: Hash of the page.
            box: x, y, w, h on the page [px].

        Raises:
            UserError: The page is missing or damaged.
        """
        with self.lock:
            table = self.root / catalog.PAGES_TABLE
            version = table.stat().st_mtime_ns if table.exists() else 0
            entry = self.find_entry(version).get(page_id)
            if entry is None:
                raise UserError(f"{catalog.PAGES_TABLE} has no page {page_id}. Run: dvc repro dedup")
            return self.draw(title, entry, page_id, tuple(box))

    def _list_entries(self, version: int) -> dict[str, str]:
        """Return page_id → name in the archive. `version` is the time of the table; a new one reads it again."""
        table = read_table(self.root / catalog.PAGES_TABLE, "ingest", ["page_id", "entry"])
        return dict(zip(table.column("page_id").to_pylist(), table.column("entry").to_pylist(), strict=True))

    def _draw(self, title: str, entry: str, page_id: str, box: tuple[float, ...]) -> bytes:
        """Draw one page. `page_id` is part of the cache key: an entry can become another page."""
        with Archive(self.root / catalog.PAGES_DIR / f"{title}.cbz") as archive:
            encoded = archive.read(entry)
        try:
            pixels = decode_page(encoded).pixels
        except UnreadableError as error:
            raise UserError(f"page {entry} of {title} cannot be decoded ({error}). Run: dvc repro ingest") from None
        return encode_jpeg(draw_box(pixels, box))


def draw_box(page: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """Shrink a page to at most `MAX_SIDE` px and draw a box.

    Args:
        page: uint8 (H, W) or (H, W, 3).
        box: x, y, w, h on the page [px].

    Returns:
        uint8 (H', W', 3).
    """
    height, width = page.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = cv2.resize(page, size, interpolation=cv2.INTER_AREA) if scale < 1 else page.copy()
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    x, y, w, h = (value * scale for value in box)
    corners = (round(x), round(y)), (round(x + w), round(y + h))
    line = max(2, round(max(size) / 400))
    cv2.rectangle(picture, *corners, (255, 255, 255), 2 * line)  # a white outline separates the box from dark drawings
    cv2.rectangle(picture, *corners, BOX_COLOR, line)
    return picture


def encode_jpeg(image: np.ndarray) -> bytes:
    """Encode uint8 (H, W, 3) as JPEG, without reduced colour resolution."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()
