"""Images embedded in the page, scaled down so that the page stays small."""

import base64
import io
import math
from dataclasses import dataclass

from PIL import Image

PICTURE_SIZE = (1200, 2400)  # maximum width and height of a picture [px]
SHEET_SIZE = (1000, 2000)  # maximum width and height of a contact sheet [px]
QUALITY = 75  # of WebP; keeps line art clean, and the linked file has every pixel
MAX_BYTES = 200_000  # of one picture; larger ones are scaled down
MAX_ATTEMPTS = 4


@dataclass(frozen=True)
class EmbeddedImage:
    """A WebP as `data:` URI with its size [px]; the original is reports/<stage>/<name>.png, if it has one."""

    uri: str
    width: int
    height: int
    stage: str = ""
    name: str = ""


def embed(png: bytes, stage: str = "", name: str = "", size: tuple[int, int] = PICTURE_SIZE) -> EmbeddedImage:
    """Scale a PNG down to `size` and return it as an embedded WebP."""
    data = shrink(png, size)
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return EmbeddedImage(f"data:image/webp;base64,{base64.b64encode(data).decode()}", width, height, stage, name)


def shrink(png: bytes, size: tuple[int, int] = PICTURE_SIZE, max_bytes: int = MAX_BYTES) -> bytes:
    """Return a picture as WebP of at most `size`, scaled down further if it has more than `max_bytes`."""
    with Image.open(io.BytesIO(png)) as image:
        scaled = image.convert("RGB")
    scaled.thumbnail(size, Image.Resampling.LANCZOS)
    data = encode_webp(scaled)
    for _ in range(MAX_ATTEMPTS):
        if len(data) <= max_bytes:
            break
        # The file size is about proportional to the area; fine lines compress worse at smaller scales.
        factor = 0.95 * math.sqrt(max_bytes / len(data))
        scaled = scaled.resize([max(1, round(side * factor)) for side in scaled.size], Image.Resampling.LANCZOS)
        data = encode_webp(scaled)
    return data


def encode_webp(image: Image.Image) -> bytes:
    """Return the bytes of a WebP file."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()
