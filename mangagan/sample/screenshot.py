"""What happens to a page on its way into the screenshot folder: phones, file formats and broken downloads."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image as PillowImage

from mangagan.sample.background import rectangle
from mangagan.sample.character import Rng
from mangagan.sample.strokes import Canvas, Image, ellipse, points

EXIF_ORIENTATION = 0x0112
TURN_CLOCKWISE = 6  # the EXIF orientation that asks the viewer to turn the stored picture by 90° clockwise


def encode(picture: Image, suffix: str, quality: int = 90) -> bytes:
    """Encode a picture, (H, W) or (H, W, 3) RGB, as `suffix` (png, jpg or webp) says."""
    options = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, 4],
        "jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }[suffix]
    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode("." + suffix, np.ascontiguousarray(stored), options)[1].tobytes()


def encode_gray16(picture: Image) -> bytes:
    """Encode as a 16-bit gray PNG; 255 becomes 65535."""
    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cv2.imencode(".png", gray.astype(np.uint16) * 257)[1].tobytes()


def encode_transparent(picture: Image) -> bytes:
    """Encode as a PNG whose white paper is transparent with black hidden under it: right only on a white ground."""
    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    stored = np.zeros((*gray.shape, 4), np.uint8)
    stored[..., 3] = 255 - gray
    return cv2.imencode(".png", stored)[1].tobytes()


def encode_turned(picture: Image, quality: int = 92) -> bytes:
    """Encode as a JPEG that is stored lying on its side and says so in EXIF."""
    exif = PillowImage.Exif()
    exif[EXIF_ORIENTATION] = TURN_CLOCKWISE
    stored = io.BytesIO()
    PillowImage.fromarray(np.ascontiguousarray(np.rot90(picture))).save(stored, "JPEG", quality=quality, exif=exif)
    return stored.getvalue()


def rescreenshot(
    rng: Rng, picture: Image, phone: bool
) -> tuple[Image, float, tuple[float, float], tuple[int, int, int, int]]:
    """Take a screenshot of a page anew: a little smaller, cropped, and on a phone with its bars above and below.

    Returns:
        The screenshot; the scale and then the shift (dx, dy) in pixels that carry the page's coordinates into it; and
        the box x, y, width, height of the screenshot in which the page is seen.
    """
    scale = float(rng.uniform(0.88, 0.97))
    height, width = (int(round(side * scale)) for side in picture.shape[:2])
    small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    left, top, right, low = (int(v) for v in rng.integers(2, 9, 4))
    seen = small[top : height - low, left : width - right]
    if not phone:
        return seen.copy(), scale, (-left, -top), (0, 0, seen.shape[1], seen.shape[0])
    screen = phone_screen(rng, seen.shape[1], seen.shape[0], picture.ndim == 3)
    screen[STATUS_BAR : STATUS_BAR + seen.shape[0]] = seen
    return screen, scale, (-left, STATUS_BAR - top), (0, STATUS_BAR, seen.shape[1], seen.shape[0])


STATUS_BAR, NAVIGATION_BAR = 54, 72  # pixels


def phone_screen(rng: Rng, width: int, height: int, colour: bool) -> Image:
    """A dark phone screen with clock, signal and battery above and navigation below a hole of `width` x `height`."""
    total = height + STATUS_BAR + NAVIGATION_BAR
    canvas = Canvas(width, total, colour, scale=1, paper=(18, 18, 20))
    light = (225, 225, 228)
    clock = f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 60)):02d}"
    cv2.putText(canvas.pixels, clock, (24, 36), cv2.FONT_HERSHEY_SIMPLEX, 0.72, (225, 225, 228), 2, cv2.LINE_AA)
    right, charge = width - 24, float(rng.uniform(0.2, 1.0))
    canvas.contour(rectangle(right - 38, 18, 34, 18), 2, light)
    canvas.fill(rectangle(right - 35, 21, 28 * charge, 12), light)
    canvas.fill(rectangle(right - 2, 23, 3, 8), light)
    for bar in range(4):
        canvas.fill(rectangle(right - 80 + 8 * bar, 34 - 4 * bar, 4, 4 + 4 * bar), light)
    middle = total - NAVIGATION_BAR / 2
    canvas.contour(
        points((width * 0.25 + 10, middle - 11), (width * 0.25 + 10, middle + 11), (width * 0.25 - 8, middle)), 2, light
    )
    canvas.contour(ellipse(width * 0.5, middle, 11, 11), 2, light)
    canvas.contour(rectangle(width * 0.75 - 10, middle - 10, 20, 20), 2, light)
    return canvas.pixels


def broken_bytes(rng: Rng, reason: str, picture: Image) -> bytes:
    """A file that is no whole picture: `truncated` (a PNG cut short), `garbage` (noise), `empty` or `not-an-image`."""
    if reason == "truncated":
        whole = encode(picture, "png")
        return whole[: int(len(whole) * rng.uniform(0.3, 0.6))]
    if reason == "garbage":
        return rng.integers(0, 256, 4096, dtype=np.uint8).tobytes()
    if reason == "not-an-image":
        return b"<!doctype html><title>429 Too Many Requests</title><p>Please wait before you load more pages.\n"
    return b""
