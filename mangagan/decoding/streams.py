"""Open encoded bytes with one decoder of Pillow, without its process-wide limits and lists of formats."""

import io
from typing import TypeVar

from PIL import ImageFile

Image = TypeVar("Image", bound=ImageFile.ImageFile)


def open_stream(decoder: type[Image], data: bytes) -> Image:
    """Return the opened image; its pixels are not decoded yet.

    `Image.open` would compare the size with `Image.MAX_IMAGE_PIXELS`, and would take a JPEG with a second picture for
    another format.

    Raises:
        Exception: The header is damaged. Decoders raise many types.
    """
    return decoder(io.BytesIO(data))
