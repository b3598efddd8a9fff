"""Pictures inside the page: brought down to what a screen shows, so that the page stays small enough to send."""

import base64
import io
import math
from urllib.parse import quote

from PIL import Image

from mangagan.report.markup import escape, figure, scrollable

PICTURE = (1200, 2400)  # px, width and height that a picture is brought down to
SHEET = (1000, 2000)  # px, the same for contact sheets
QUALITY = 75  # WebP's; lines of drawings stay clean, and the file beside the page holds every pixel
MOST_BYTES = 200_000  # of one picture; beyond, it is made smaller
ATTEMPTS = 4


def shrink(png: bytes, size: tuple[int, int] = PICTURE, most_bytes: int = MOST_BYTES) -> bytes:
    """A picture as WebP, at most `size`; smaller still where that takes more than `most_bytes`."""
    with Image.open(io.BytesIO(png)) as image:
        whole = image.convert("RGB")
    whole.thumbnail(size, Image.Resampling.LANCZOS)
    data = encode(whole)
    for _ in range(ATTEMPTS):
        if len(data) <= most_bytes:
            break
        # Bytes go with the area, though fine lines do not shrink as fast.
        share = 0.95 * math.sqrt(most_bytes / len(data))
        whole = whole.resize([max(1, round(side * share)) for side in whole.size], Image.Resampling.LANCZOS)
        data = encode(whole)
    return data


def encode(image: Image.Image) -> bytes:
    """The bytes of a WebP file."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()


def picture(data: bytes, alt: str, media: str = "image/webp", wide: bool = False) -> str:
    """An image inside the page; a wide one may be scrolled sideways on a small screen."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    source = f"data:{media};base64,{base64.b64encode(data).decode()}"
    tag = f'<img src="{source}" alt="{escape(alt)}" width="{width}" height="{height}">'
    return scrollable(tag, alt) if wide else tag


def shown(png: bytes, alt: str, caption: str, stage: str, name: str, wide: bool = False) -> str:
    """A stage's picture with a caption (text) and a link to the file that holds it whole.

    Args:
        png: the content of reports/<stage>/<name>.png.
        alt: for who cannot see it.
        caption: text.
        stage: whose it is.
        name: of the file.
        wide: see `picture`.
    """
    return figure(picture(shrink(png), alt, wide=wide), f"{escape(caption)} {file_link(stage, name)}")


def file_link(stage: str, name: str) -> str:
    """A link to a picture's file, as it lies beside the page."""
    return f'<a class="file" href="{quote(stage)}/{quote(name, safe="")}.png">{escape(stage)}/{escape(name)}.png</a>'
