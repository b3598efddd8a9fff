"""The perceptual hash of the manifest, for use with other tools. The search for near-duplicates does not use it."""

import cv2
import numpy as np

SIDE = 32  # [px] of the image that is hashed
FREQUENCIES = 8  # lowest frequencies in each direction: 64 bits


def phash64(gray: np.ndarray) -> np.uint64:
    """Return the 64-bit perceptual hash of an image: its lowest DCT coefficients, compared with their median.

    The method of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), except that the
    median excludes the constant term.

    Args:
        gray: uint8 (H, W).
    """
    small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    coefficients = cv2.dct(small)[:FREQUENCIES, :FREQUENCIES].ravel()
    bits = coefficients > np.median(coefficients[1:])
    return np.packbits(bits).view(">u8")[0].astype(np.uint64)
