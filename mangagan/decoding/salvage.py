"""Decode a damaged file as far as possible, and find out which rows were decoded."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFile

NOISE_ROWS = 64
RAW_BYTES_PER_PIXEL = 4  # enough for every mode of Pillow


def load_partly(image: ImageFile.ImageFile) -> tuple[np.ndarray, bool]:
    """Decode an opened image in place, and ignore errors of the decoder.

    The image is filled with noise before it is decoded. A row that still holds the noise afterwards was not decoded.

    Args:
        image: An image that is opened, but not loaded. Afterwards it is loaded.

    Returns:
        bool (H,), True for rows that were not decoded completely; and True if the decoder reported an error.
    """
    prepare = image.load_prepare

    def prepare_with_noise() -> None:
        prepare()
        for top, noise in iterate_noise(image.mode, image.size):
            image.im.paste(noise.im, (0, top, image.width, top + noise.height))

    image.load_prepare = prepare_with_noise  # type: ignore[method-assign]
    failed = False
    try:
        image.load()
    except Exception:  # decoders of Pillow raise many types
        failed = True
    image.tile = []  # loaded, as far as possible
    if image._im is None:
        return np.ones(image.height, bool), True
    if not failed:
        return np.zeros(image.height, bool), False
    return find_noise(image), True


def find_noise(image: Image.Image) -> np.ndarray:
    """Return bool (H,): True for rows of an image that hold the noise."""
    missing = []
    for top, noise in iterate_noise(image.mode, image.size):
        part = np.asarray(image.crop((0, top, image.width, top + noise.height)))
        equal = part == np.asarray(noise)
        missing.append(find_noisy_rows(equal if equal.ndim == 2 else equal.all(axis=2)))
    return np.concatenate(missing)


def find_noisy_rows(equal: np.ndarray) -> np.ndarray:
    """Return the rows whose pixels equal the noise up to the right edge.

    A row that is decoded in part counts as missing, so the last pixels decide. One pixel of a mode with two values is
    equal by chance, 32 are not.

    Args:
        equal: bool (H, W).
    """
    return np.asarray(equal[:, -32:].all(axis=1))


def iterate_noise(mode: str, size: tuple[int, int]) -> Iterator[tuple[int, Image.Image]]:
    """Yield the first row and the image of each band of the noise. It is the same at every call."""
    width, height = size
    random = np.random.default_rng(0)
    count = width * min(height, NOISE_ROWS)
    values = random.random(count) if mode == "F" else random.integers(0, 256, count * RAW_BYTES_PER_PIXEL)
    pixels = values.astype(np.float32 if mode == "F" else np.uint8).tobytes()
    noise = Image.frombytes(mode, (width, min(height, NOISE_ROWS)), pixels[: count_bytes(mode, width, height)])
    for top in range(0, height, NOISE_ROWS):
        rows = min(NOISE_ROWS, height - top)
        yield top, noise if rows == noise.height else noise.crop((0, 0, width, rows))


def count_bytes(mode: str, width: int, height: int) -> int:
    """Return the number of bytes that Pillow takes for one band of the noise."""
    rows = min(height, NOISE_ROWS)
    if mode == "1":
        return (width + 7) // 8 * rows
    wide = 4 if mode in ("I", "F") else 2 if mode.startswith("I;16") else 1
    return width * rows * max(wide, len(Image.new(mode, (1, 1)).getbands()))
