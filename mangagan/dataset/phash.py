"""Perceptual hashes of faces, and the check that two faces with near hashes are the same drawing.

Boxes jitter between screenshots of one page: shifting a box by 5 % moves a hash as far as another face may lie. So
each face is hashed at several small shifts, and a pair of near hashes is verified by shift-searched correlation.
"""

import cv2
import numpy as np

SIDE = 32  # px, the picture that is hashed
LOW = 8  # lowest frequencies kept in each direction: 64 bits
SHIFTS = (-0.06, -0.03, 0.0, 0.03, 0.06)  # of the face's side, in both directions
INSET = 0.08  # of the side: cut from each edge before hashing, so that shifts stay inside the face
CENTRE = len(SHIFTS) ** 2 // 2  # index of the unshifted hash
MATCH_SIDE = 64  # px, the picture that is correlated
MATCH_INSET = 0.14  # of the side: the edges that the face looked for goes without, room for shifts
FLAT = 2.0  # gray levels of standard deviation below which a face is blank
SCALES = (0.84, 0.88, 0.92, 0.96, 1.0, 1.04, 1.09, 1.14, 1.2)  # boxes of one drawing differ so much in size


def phash64(gray: np.ndarray) -> np.uint64:
    """The 64-bit perceptual hash of a picture: signs of its lowest DCT coefficients against their median.

    The scheme of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), with the constant
    term left out of the median.

    Args:
        gray: uint8 (H, W).
    """
    small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:LOW, :LOW].ravel()
    bits = low > np.median(low[1:])
    return np.packbits(bits).view(">u8")[0].astype(np.uint64)


def shifted_hashes(gray: np.ndarray) -> np.ndarray:
    """The hashes of a face at every pair of `SHIFTS`, uint64 (25,); number `CENTRE` is the unshifted one.

    Args:
        gray: uint8 (S, S).
    """
    side = gray.shape[0]
    inner = round(side * (1 - 2 * INSET))
    starts = [round(side * (INSET + shift)) for shift in SHIFTS]
    return np.array([phash64(gray[top : top + inner, left : left + inner]) for top in starts for left in starts])


def hash_distance(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The least number of differing bits over the shifts of the others.

    Args:
        hashes: uint64 (25,), one face's `shifted_hashes`.
        others: uint64 (N, 25), those of N other faces.

    Returns:
        int (N,), 0 to 64. Symmetric: the least over either side's shifts against the other's centre.
    """
    forward = np.bitwise_count(others ^ hashes[CENTRE]).min(axis=1)
    backward = np.bitwise_count(others[:, CENTRE, None] ^ hashes).min(axis=1)
    return np.minimum(forward, backward).astype(int)


def correlation(gray: np.ndarray, other: np.ndarray) -> float:
    """The greatest zero-mean normalized cross-correlation of two faces over small shifts and changes of scale.

    The middle of either face is looked for in the other, at each of `SCALES`.

    Args:
        gray: uint8 (S, S).
        other: uint8 (S, S).

    Returns:
        −1 to 1; 1 for the same drawing, 0 where either face is blank.
    """
    if min(gray.std(), other.std()) < FLAT:
        return 0.0  # OpenCV gives 1 wherever there is nothing to correlate
    return max(best_match(gray, other), best_match(other, gray))


def best_match(gray: np.ndarray, other: np.ndarray) -> float:
    """How well the middle of one face is found in the other; see `correlation`."""
    where = cv2.resize(other, (MATCH_SIDE, MATCH_SIDE), interpolation=cv2.INTER_AREA)
    inset = round(gray.shape[0] * MATCH_INSET)
    middle = gray[inset:-inset, inset:-inset]
    found = []
    for scale in SCALES:
        side = round(MATCH_SIDE * (1 - 2 * MATCH_INSET) * scale)
        template = cv2.resize(middle, (side, side), interpolation=cv2.INTER_AREA)
        found.append(cv2.matchTemplate(where, template, cv2.TM_CCOEFF_NORMED).max())
    return float(max(found))
