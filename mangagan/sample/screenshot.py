"""Screenshot files of a page: image encodings, repeated screenshots, phone screens and broken files."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image as PillowImage

from mangagan.sample.character import Rng
from mangagan.sample.strokes import Canvas, Image, ellipse, points, rectangle

EXIF_ORIENTATION = 0x0112
ROTATE_90_CLOCKWISE = 6  # EXIF orientation: rotate the stored picture by 90° clockwise for display
STATUS_BAR, NAVIGATION_BAR = 54, 72  # heights on a phone screen [px]


def encode(picture: Image, suffix: str, quality: int = 90) -> bytes:
    """Encode a picture, (H, W) or (H, W, 3) RGB, in the format `suffix` (png, jpg or webp)."""
    options = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, 4],
        "jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }[suffix]
    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode("." + suffix, np.ascontiguousarray(stored), options)[1].tobytes()


def encode_gray16(picture: Image) -> bytes:
    """Encode a picture as a 16-bit gray PNG; 255 becomes 65535."""
    return cv2.imencode(".png", _to_gray(picture).astype(np.uint16) * 257)[1].tobytes()


def encode_transparent(picture: Image) -> bytes:
    """Encode a picture as black pixels with an alpha channel (PNG); it looks right only on a white background."""
    gray = _to_gray(picture)
    stored = np.zeros((*gray.shape, 4), np.uint8)
    stored[..., 3] = 255 - gray
    return cv2.imencode(".png", stored)[1].tobytes()


def encode_rotated(picture: Image, quality: int = 92) -> bytes:
    """Encode a picture as a JPEG that is stored rotated by 90° and has the EXIF orientation that undoes it."""
    exif = PillowImage.Exif()
    exif[EXIF_ORIENTATION] = ROTATE_90_CLOCKWISE
    stored = io.BytesIO()
    PillowImage.fromarray(np.ascontiguousarray(np.rot90(picture))).save(stored, "JPEG", quality=quality, exif=exif)
    return stored.getvalue()


def _to_gray(picture: Image) -> Image:
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


@dataclass(frozen=True)
class Retake:
    """A second screenshot of a page, and the transform from page coordinates to its coordinates."""

    picture: Image
    scale: float  # applied first
    shift: tuple[float, float]  # dx, dy, applied after the scale [px]
    page_box: tuple[int, int, int, int]  # part of the screenshot that shows the page: x, y, width, height [px]


def retake_screenshot(rng: Rng, picture: Image, phone: bool) -> Retake:
    """Take another screenshot of a page: slightly smaller and cropped; on a phone, with its system bars."""
    scale = float(rng.uniform(0.88, 0.97))
    height, width = (int(round(side * scale)) for side in picture.shape[:2])
    resized = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    left, top, right, bottom = (int(v) for v in rng.integers(2, 9, 4))
    crop = resized[top : height - bottom, left : width - right]
    crop_height, crop_width = crop.shape[:2]
    if not phone:
        return Retake(crop.copy(), scale, (-left, -top), (0, 0, crop_width, crop_height))
    screen = draw_phone_screen(rng, crop_width, crop_height, picture.ndim == 3)
    screen[STATUS_BAR : STATUS_BAR + crop_height] = crop
    return Retake(screen, scale, (-left, STATUS_BAR - top), (0, STATUS_BAR, crop_width, crop_height))


def draw_phone_screen(rng: Rng, width: int, height: int, colour: bool) -> Image:
    """Draw a dark phone screen: status bar, an empty area of `width` x `height` pixels, navigation bar."""
    total = height + STATUS_BAR + NAVIGATION_BAR
    canvas = Canvas(width, total, colour, scale=1, paper=(18, 18, 20))
    light = (225, 225, 228)
    clock = f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 60)):02d}"
    cv2.putText(canvas.pixels, clock, (24, 36), cv2.FONT_HERSHEY_SIMPLEX, 0.72, light, 2, cv2.LINE_AA)
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


def make_broken_file(rng: Rng, reason: str, picture: Image) -> bytes:
    """Return a file that is not a complete picture.

    Args:
        rng: Source of the noise and of the length of a truncated file.
        reason: "truncated" (a PNG that ends early), "garbage" (random bytes), "not-an-image" (HTML) or "empty".
        picture: The picture that is truncated.
    """
    if reason == "truncated":
        complete = encode(picture, "png")
        return complete[: int(len(complete) * rng.uniform(0.3, 0.6))]
    if reason == "garbage":
        return rng.integers(0, 256, 4096, dtype=np.uint8).tobytes()
    if reason == "not-an-image":
        return b"<!doctype html><title>429 Too Many Requests</title><p>Please wait before you load more pages.\n"
    return b""
