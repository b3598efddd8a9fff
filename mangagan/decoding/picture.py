"""A decoded image that converts its pixels on demand, in bands of rows, so that no second whole copy exists."""

from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from mangagan.decoding.conversion import Converter
from mangagan.decoding.orientation import STEPS, find_stored_box, turn_upright
from mangagan.pages.decode import has_equal_channels

DIRECT_PIXELS = 8 * 10**6  # a smaller picture is converted at once
BAND_PIXELS = 10**6  # pixels of a band of a larger picture
PREVIEW_SIDE = 1024  # longest side of a preview [px]


class Picture:
    """The pixels of an image as a viewer shows them on white paper. Close it, or use it as a context manager.

    Attributes:
        width: Upright width [px].
        height: Upright height [px].
        suffix: Suffix of the encoded file, for example `.png`. It is of use only if the file can be stored as it is.
        stored_as_shown: True if a viewer that knows PNG, JPEG and WebP, but no profiles and no EXIF, shows exactly
            these pixels.
    """

    def __init__(
        self,
        image: Image.Image,
        converter: Converter,
        orientation: int = 1,
        suffix: str = "",
        stored_as_shown: bool = False,
        missing_rows: np.ndarray | None = None,
    ) -> None:
        """Keep a decoded image.

        Args:
            image: The decoded Pillow image.
            converter: Its conversion to 8-bit gray or RGB.
            orientation: EXIF orientation that is not yet applied [1, 8].
            suffix: See the class.
            stored_as_shown: See the class.
            missing_rows: bool (stored height,), True for rows that are shown white because they are missing.
        """
        self._image = image
        self._converter = converter
        self._orientation = orientation
        self._missing_rows = missing_rows
        self._is_gray: bool | None = True if converter.mode == "L" else None
        self.suffix = suffix
        self.stored_as_shown = stored_as_shown
        self.width, self.height = image.size[::-1] if STEPS[orientation][0] else image.size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory."""
        self._image.close()

    def check_conversion(self) -> None:
        """Convert one row, to find out whether the pixels can be converted.

        Raises:
            Exception: They cannot. Libraries raise many types.
        """
        self._convert_rows(0, 1)

    def read_rows(self, top: int, bottom: int) -> np.ndarray:
        """Return rows `top` to `bottom` (exclusive).

        Returns:
            uint8 (bottom − top, W) if the whole picture is gray, (bottom − top, W, 3) otherwise.
        """
        if self._is_gray is None:
            self._is_gray = all(has_equal_channels(self._convert_rows(*band)) for band in self._bands())
        rows = self._convert_rows(top, bottom)
        return np.ascontiguousarray(rows[..., 0]) if self._is_gray and rows.ndim == 3 else rows

    def pixels(self) -> np.ndarray:
        """Return the whole picture: uint8 (H, W) for gray, (H, W, 3) for RGB. Equal channels become gray."""
        bands = self._bands()
        if len(bands) == 1:
            return self._read_at_once()
        gray = self._read_gray()
        if gray is not None:
            return gray
        whole = np.empty((self.height, self.width, 3), np.uint8)
        for top, bottom in bands:
            whole[top:bottom] = self._convert_rows(top, bottom)
        return whole

    def _read_at_once(self) -> np.ndarray:
        """Return the whole picture, converted at once."""
        rows = self._convert_rows(0, self.height)
        if rows.ndim == 3 and has_equal_channels(rows):
            rows = np.ascontiguousarray(rows[..., 0])
        self._is_gray = rows.ndim == 2
        return rows

    def is_blank(self) -> bool:
        """Return True if all pixels have one colour."""
        first = self._convert_rows(0, 1)[:1, :1]
        return all(bool((self._convert_rows(*band) == first).all()) for band in self._bands())

    def make_preview(self) -> np.ndarray:
        """Return the picture reduced to at most `PREVIEW_SIDE` on its longest side."""
        step = max(1, -(-max(self.width, self.height) // PREVIEW_SIDE))
        bands = self._bands(rows_multiple=step)
        return np.concatenate([np.asarray(Image.fromarray(self._convert_rows(*band)).reduce(step)) for band in bands])

    def _read_gray(self) -> np.ndarray | None:
        """Return the whole picture if it is gray. None otherwise."""
        if self._is_gray is False:
            return None
        whole = np.empty((self.height, self.width), np.uint8)
        for top, bottom in self._bands():
            rows = self._convert_rows(top, bottom)
            if rows.ndim == 3 and not has_equal_channels(rows):
                self._is_gray = False
                return None
            whole[top:bottom] = rows if rows.ndim == 2 else rows[..., 0]
        self._is_gray = True
        return whole

    def _bands(self, rows_multiple: int = 1) -> list[tuple[int, int]]:
        """Return the first row and the row after the last one of each band."""
        if self.width * self.height <= DIRECT_PIXELS:
            return [(0, self.height)]
        rows = max(1, BAND_PIXELS // self.width)
        rows = max(rows_multiple, rows - rows % rows_multiple)
        return [(top, min(top + rows, self.height)) for top in range(0, self.height, rows)]

    def _convert_rows(self, top: int, bottom: int) -> np.ndarray:
        """Return upright rows as uint8 (h, W) or (h, W, 3)."""
        box = find_stored_box(self._orientation, *self._image.size, top, bottom)
        part = self._image if box == (0, 0, *self._image.size) else self._image.crop(box)
        rows = self._converter.convert(part)
        if self._missing_rows is not None:
            rows = rows.copy()
            rows[self._missing_rows[box[1] : box[3]]] = 255
        return rows if self._orientation == 1 else turn_upright(rows, self._orientation)
