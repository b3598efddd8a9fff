"""Perceptual hashes of faces, and the correlation that verifies a pair with similar hashes.

The boxes of two screenshots of one page differ slightly, and a shift of 5 % can change as many bits of a hash as
another face does. So each face is hashed at several small shifts, and a pair of similar hashes is verified by the
correlation over small shifts and scales.
"""

import cv2
import numpy as np

HASH_SIDE = 32  # [px] of the image that is hashed
FREQUENCIES = 8  # lowest frequencies in each direction: 64 bits
SHIFTS = (-0.06, -0.03, 0.0, 0.03, 0.06)  # share of the side, in both directions
HASH_INSET = 0.08  # share of the side cropped from each edge, so that shifted crops stay inside the face
CENTRE = len(SHIFTS) ** 2 // 2  # index of the unshifted hash
MATCH_SIDE = 64  # [px] of the images that are correlated
MATCH_INSET = 0.14  # template inset, share of the side, so that it can be shifted inside the other face
MIN_DEVIATION = 2.0  # standard deviation of gray levels; a face below it is blank
SCALES = (0.84, 0.88, 0.92, 0.96, 1.0, 1.04, 1.09, 1.14, 1.2)  # range of sizes of the boxes of one drawing


def phash64(gray: np.ndarray) -> np.uint64:
    """Return the 64-bit perceptual hash of an image: its lowest DCT coefficients, compared with their median.

    The method of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), except that the
    median excludes the constant term.

    Args:
        gray: uint8 (H, W).
    """
    small = cv2.resize(gray, (HASH_SIDE, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    coefficients = cv2.dct(small)[:FREQUENCIES, :FREQUENCIES].ravel()
    bits = coefficients > np.median(coefficients[1:])
    return np.packbits(bits).view(">u8")[0].astype(np.uint64)


def hash_shifts(gray: np.ndarray) -> np.ndarray:
    """Return the hashes of a face at every pair of `SHIFTS`, uint64 (25,). Index `CENTRE` is the unshifted hash.

    Args:
        gray: uint8 (S, S).
    """
    side = gray.shape[0]
    inner = round(side * (1 - 2 * HASH_INSET))
    starts = [round(side * (HASH_INSET + shift)) for shift in SHIFTS]
    return np.array([phash64(gray[top : top + inner, left : left + inner]) for top in starts for left in starts])


def hash_distance(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance between a face and other faces: the minimum Hamming distance over shifts.

    The minimum is over the shifts of each face against the unshifted hash of the other, so the distance is symmetric.

    Args:
        hashes: Result of `hash_shifts` for one face, uint64 (25,).
        others: The same for N other faces, uint64 (N, 25).

    Returns:
        int (N,) in [0, 64].
    """
    forward = np.bitwise_count(others ^ hashes[CENTRE]).min(axis=1)
    backward = np.bitwise_count(others[:, CENTRE, None] ^ hashes).min(axis=1)
    return np.minimum(forward, backward).astype(int)


def correlate_faces(gray: np.ndarray, other: np.ndarray) -> float:
    """Return the maximum zero-mean normalised cross-correlation of two faces over small shifts and `SCALES`.

    The center of each face is the template that is searched in the other.

    Args:
        gray: uint8 (S, S).
        other: uint8 (S, S).

    Returns:
        Correlation [-1, 1]: 1 for the same drawing, 0 if a face is blank.
    """
    if min(gray.std(), other.std()) < MIN_DEVIATION:
        return 0.0  # OpenCV returns 1 for constant images
    return max(search_center(gray, other), search_center(other, gray))


def search_center(gray: np.ndarray, other: np.ndarray) -> float:
    """Return the maximum correlation of the center of one face within the other; see `correlate_faces`."""
    image = cv2.resize(other, (MATCH_SIDE, MATCH_SIDE), interpolation=cv2.INTER_AREA)
    inset = round(gray.shape[0] * MATCH_INSET)
    center = gray[inset:-inset, inset:-inset]
    scores = []
    for scale in SCALES:
        side = round(MATCH_SIDE * (1 - 2 * MATCH_INSET) * scale)
        template = cv2.resize(center, (side, side), interpolation=cv2.INTER_AREA)
        scores.append(cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED).max())
    return float(max(scores))
