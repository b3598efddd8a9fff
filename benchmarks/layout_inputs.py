"""Spreads, strips and landscape pictures that are made from manga pages, with known gutters and cuts."""

import io
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

MAX_TILT = 1.0  # degrees


class Spread(NamedTuple):
    """A picture of two pages.

    Attributes:
        kind: How the pages were joined.
        pixels: uint8 (H, W).
        gutter: Column between the pages [px].
    """

    kind: str
    pixels: np.ndarray
    gutter: float


def compress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Return an image after compression as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return an image at another size [px]."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def tilt(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an image rotated by at most MAX_TILT, on white."""
    degrees = float(rng.uniform(-MAX_TILT, MAX_TILT))
    return np.asarray(Image.fromarray(pixels).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255))


def crop_bleed(pixels: np.ndarray, inset: int) -> np.ndarray:
    """Return a page without its margins and frames, so that the drawing is cut at the edges.

    Args:
        pixels: uint8 (H, W).
        inset: Distance from the outermost ink to the cut [px].
    """
    ink = pixels < 128
    columns, rows = (np.flatnonzero(ink.mean(axis=axis) > 0.03) for axis in (0, 1))
    if len(columns) < pixels.shape[1] / 2 or len(rows) < pixels.shape[0] / 2:
        return pixels
    return pixels[rows[0] + inset : rows[-1] - inset, columns[0] + inset : columns[-1] - inset]


def add_shadow(pixels: np.ndarray, column: float, rng: np.random.Generator) -> np.ndarray:
    """Return a spread with the shadow of its fold, of random width and depth."""
    width = pixels.shape[1]
    half, depth, (left, right) = rng.uniform(0.015, 0.05) * width, rng.uniform(0.35, 0.85), rng.uniform(0.5, 1.5, 2)
    distance = np.arange(width) - column
    shade = 1 - depth * np.exp(-1.5 * np.abs(distance) / (half * np.where(distance < 0, left, right)))
    return (pixels * shade).astype(np.uint8)


def join_pages(left: np.ndarray, right: np.ndarray, rng: np.random.Generator) -> Iterator[Spread]:
    """Yield the spreads of two pages, uint8 (H, W), joined in several ways."""
    height, width = right.shape
    left = resize(left, width, height)
    plain = np.hstack([left, right])
    yield Spread("plain", plain, width)
    for kind, low, high, tones in (("white gutter", 0.005, 0.04, (255, 256)), ("dark gutter", 0.003, 0.015, (0, 50))):
        gutter = int(rng.uniform(low, high) * 2 * width)
        between = np.full((height, gutter), int(rng.integers(*tones)), np.uint8)
        yield Spread(kind, compress(np.hstack([left, between, right]), 85), width + gutter / 2)
    shadow = add_shadow(plain, width, rng)
    yield Spread("shadow", compress(shadow, 80), width)
    scan = (0.92 * shadow + rng.normal(0, 4, shadow.shape)).clip(0, 255).astype(np.uint8)
    yield Spread("tilted scan", compress(tilt(scan, rng), 80), width)
    yield Spread("tilted", compress(tilt(plain, rng), 80), width)
    inner_left, inner_right, outer = (int(rng.uniform(0, 0.03) * width) for _ in range(3))
    cropped = np.hstack([left[:, : width - inner_left], right[:, inner_right : width - outer]])
    yield Spread("jitter", compress(cropped, 75), width - inner_left)
    bleeding = [resize(crop_bleed(page, int(rng.integers(6, 14))), width, height) for page in (left, right)]
    yield Spread("full bleed", compress(np.hstack(bleeding), 85), width)
    yield Spread("one blank", compress(np.hstack([np.full_like(left, 250), right]), 85), width)


def crop_landscapes(
    pixels: np.ndarray, aspects: tuple[float, float], count: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield random crops of one picture.

    Args:
        pixels: uint8 (H, W).
        aspects: Range of width / height.
        count: Number of crops.
        rng: Random numbers.
    """
    height, width = pixels.shape
    for number in range(count):
        aspect = rng.uniform(*aspects)
        crop_width = int(min(width, height * aspect) * (rng.uniform(0.7, 1) if number else 1))
        crop_height = int(crop_width / aspect)
        top, left = (int(rng.integers(0, side + 1)) for side in (height - crop_height, width - crop_width))
        yield compress(pixels[top : top + crop_height, left : left + crop_width], 85)


def stack_pages(pages: list[np.ndarray], width: int, with_gutters: bool) -> tuple[np.ndarray, list[int]]:
    """Return a strip of pages of one width, and the first row of each page.

    Args:
        pages: uint8 (H, W).
        width: Width of the strip [px].
        with_gutters: False: crop the margins, so that page follows page without a gutter.
    """
    parts = [page if with_gutters else crop_bleed(page, 10) for page in pages]
    parts = [resize(part, width, round(part.shape[0] * width / part.shape[1])) for part in parts]
    return np.vstack(parts), [0, *np.cumsum([len(part) for part in parts])[:-1].tolist()]
