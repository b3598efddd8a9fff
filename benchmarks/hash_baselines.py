"""Baselines of `benchmarks.dedup`: perceptual hashes, and hashes over shifts verified by one correlation."""

from collections.abc import Callable

import cv2
import numpy as np

from mangagan.duplicates.phash import phash64

HASHES = ("phash", "dhash", "average_hash", "whash")  # of the package imagehash
SHIFTS = (-0.06, -0.03, 0.0, 0.03, 0.06)  # share of the side, in both directions
HASH_INSET = 0.08  # share of the side cropped from each edge, so that shifted crops stay inside the face
MATCH_SIDE, MATCH_INSET = 64, 0.14  # size of the images that are correlated [px], and inset of the template
SCALES = (0.84, 0.88, 0.92, 0.96, 1.0, 1.04, 1.09, 1.14, 1.2)
MAX_SHIFTED_DISTANCE = 12  # bits of 64


def hash_faces(faces: np.ndarray) -> np.ndarray:
    """Return the perceptual hash of each face, uint64 (N,)."""
    return np.array([phash64(face) for face in faces], np.uint64)


def load_imagehash() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the hash functions of the package imagehash: faces → uint64 (N,). Empty if it is not installed."""
    try:
        import imagehash
    except ImportError:
        return {}
    from PIL import Image

    def make(name: str) -> Callable[[np.ndarray], np.ndarray]:
        function = getattr(imagehash, name)

        def apply(faces: np.ndarray) -> np.ndarray:
            bits = [np.packbits(function(Image.fromarray(face)).hash.ravel()) for face in faces]
            return np.array([each.view(">u8")[0] for each in bits], np.uint64)

        return apply

    return {f"imagehash.{name}": make(name) for name in HASHES}


def measure_distances(hashes: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the Hamming distance of pairs of hashes [bits], int (M,)."""
    return np.bitwise_count(hashes[first] ^ hashes[second]).astype(int)


def correlate_pairs(faces: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the correlation of pairs over shifts and scales [-1, 1]; -1 if their hashes differ at all shifts.

    Args:
        faces: uint8 (N, S, S).
        first: Index of one face of each pair, int (M,).
        second: Index of the other face.
    """
    side = faces.shape[1]
    inner = round(side * (1 - 2 * HASH_INSET))
    starts = [round(side * (HASH_INSET + shift)) for shift in SHIFTS]
    hashes = np.stack(
        [hash_faces(faces[:, top : top + inner, left : left + inner]) for top in starts for left in starts]
    )
    centre = hashes[len(hashes) // 2]
    distances = np.full(len(first), 64)
    for shifted in hashes:
        for one, other in ((first, second), (second, first)):
            distances = np.minimum(distances, np.bitwise_count(shifted[one] ^ centre[other]))
    scores = np.full(len(first), -1.0)
    for index in np.flatnonzero(distances <= MAX_SHIFTED_DISTANCE):
        face, other = faces[first[index]], faces[second[index]]
        scores[index] = max(search_centre(face, other), search_centre(other, face))
    return scores


def search_centre(face: np.ndarray, other: np.ndarray) -> float:
    """Return the maximum correlation of the centre of a face within another face over `SCALES`."""
    image = cv2.resize(other, (MATCH_SIDE, MATCH_SIDE), interpolation=cv2.INTER_AREA)
    inset = round(face.shape[0] * MATCH_INSET)
    scores = []
    for scale in SCALES:
        side = round(MATCH_SIDE * (1 - 2 * MATCH_INSET) * scale)
        template = cv2.resize(face[inset:-inset, inset:-inset], (side, side), interpolation=cv2.INTER_AREA)
        scores.append(cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED).max())
    return float(max(scores))
