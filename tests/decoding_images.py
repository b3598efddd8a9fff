"""Drawn pictures, encoders, and parts of damaged files for the tests of the decoder."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw

from mangagan.decoding.decode import Picture, open_picture

WIDTH, HEIGHT = 200, 320


def draw_page(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Draw a gray page that has detail in every row, but a white margin: uint8 (H, W)."""
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    for number, top in enumerate(range(6, height - 10, 26)):
        draw.rectangle((8, top, width - 9, top + 22), outline=0, width=2, fill=200 - 12 * (number % 8))
        draw.ellipse((20 + 9 * number % 90, top + 2, 70 + 9 * number % 90, top + 20), fill=30 + 15 * (number % 6))
    tone = np.random.default_rng(1).integers(0, 8, (height, width), dtype=np.uint8)
    return np.asarray(image) - np.where(np.asarray(image) == 255, 0, tone).astype(np.uint8)


def draw_colour_page() -> np.ndarray:
    """Draw a coloured page: uint8 (H, W, 3)."""
    gray = draw_page()
    return np.stack([gray, gray // 2 + 100, 255 - gray], axis=2)


def encode(pixels: np.ndarray | Image.Image, format: str = "PNG", **options: object) -> bytes:
    """Encode an array or an image."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def show(data: bytes) -> np.ndarray:
    """Return the pixels that the decoder makes of a file."""
    with open_picture(data, 100, 150) as picture:
        return picture.pixels()


def open_it(data: bytes) -> Picture:
    """Open a file with the default bounds."""
    return open_picture(data, 100, 150)


def decode_plainly(data: bytes) -> np.ndarray:
    """Return the pixels that Pillow makes of a whole file."""
    return np.asarray(Image.open(io.BytesIO(data)))


def make_chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    """Return a PNG chunk, with a wrong checksum if one is given."""
    right = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", right if crc is None else crc)


def insert_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Insert chunks after IHDR."""
    return png[:33] + b"".join(chunks) + png[33:]


def insert_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """Insert segments after the start marker of a JPEG."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def make_segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def make_gray_profile(curve: np.ndarray) -> bytes:
    """Return an ICC profile for gray, version 2.

    Args:
        curve: Luminance of each of 256 levels [0, 1].
    """
    values = b"".join(struct.pack(">H", round(float(value) * 65535)) for value in curve)
    white = b"".join(struct.pack(">i", round(value * 65536)) for value in (0.9642, 1, 0.8249))
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", 5) + b"Gray\0" + bytes(78)),
        (b"cprt", b"text\0\0\0\0none\0"),
        (b"wtpt", b"XYZ \0\0\0\0" + white),
        (b"kTRC", b"curv\0\0\0\0" + struct.pack(">I", 256) + values),
    ]
    table, body, offset = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I", offset + len(body)) + b"none\x02\x20\0\0prtrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28)
    return head + white + bytes(48) + table + body
