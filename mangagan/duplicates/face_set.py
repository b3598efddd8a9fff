"""Faces with their descriptors, and pairs of them as plain arrays, which can be sent to another process."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mangagan.duplicates.comparison import SIDE, measure_similarity
from mangagan.duplicates.descriptors import MIRRORED_VARIANTS
from mangagan.duplicates.face_context import FaceContext, Faces
from mangagan.duplicates.rough_alignment import align_roughly

Pair = tuple[int, int]
Key = tuple[Pair, bool]  # pair, and whether the mirror image of the second face is compared


@dataclass(frozen=True)
class FaceSet:
    """Faces that are searched.

    Attributes:
        faces: Gray faces.
        insides: Part of each on its page: left, top, right, bottom as shares of the side, float32 (N, 4).
        descriptors: Whitened descriptors, float16 (N, variants, COMPONENTS).
        signs: See `Whitening`.
        context: Digests of the faces, and results of earlier runs.
    """

    faces: Faces
    insides: np.ndarray
    descriptors: np.ndarray
    signs: np.ndarray
    context: FaceContext

    def mirror_descriptors(self, indices: np.ndarray | slice) -> np.ndarray:
        """Return the descriptors of the mirror images of faces, float16 (…, variants, COMPONENTS).

        Variant v is computed on the same grid as variant v of a face that is not mirrored.
        """
        return self.descriptors[indices][:, MIRRORED_VARIANTS] * self.signs.astype(np.float16)


@dataclass(frozen=True)
class PairBatch:
    """Pairs to be measured.

    Attributes:
        faces: First face of each pair, uint8 (P, SIDE, SIDE).
        insides: float32 (P, 4).
        others: Second face of each pair, uint8 (P, SIDE, SIDE); mirrored if the mirror image is compared.
        other_insides: float32 (P, 4).
        starts: Rough map from the first to the second face, float32 (P, 2, 3).
    """

    faces: np.ndarray
    insides: np.ndarray
    others: np.ndarray
    other_insides: np.ndarray
    starts: np.ndarray

    @classmethod
    def take(cls, part: FaceSet, others: FaceSet, keys: Sequence[Key], starts: np.ndarray) -> "PairBatch":
        """Return pairs of a face of `part` and one of `others`, with the results of `align_keys`."""
        first, second, flips = split_keys(keys)
        faces, insides = others.faces[second], others.insides[second]
        faces[flips] = faces[flips, :, ::-1]
        insides[flips] = np.array([1, 0, 1, 0], np.float32) + np.array([-1, 1, -1, 1]) * insides[flips][:, [2, 1, 0, 3]]
        return cls(part.faces[first], part.insides[first], faces, insides, starts)

    def measure(self) -> list[float]:
        """Return the similarity of each pair [0, 1]."""
        pairs = zip(self.faces, self.insides, self.others, self.other_insides, self.starts, strict=True)
        return [1.0 if np.array_equal(pair[0], pair[2]) else measure_similarity(*pair) for pair in pairs]


def align_keys(part: FaceSet, others: FaceSet, keys: Sequence[Key]) -> np.ndarray:
    """Return the rough map from the first to the second face of each pair, float32 (P, 2, 3)."""
    first, second, flips = split_keys(keys)
    descriptors = others.descriptors[second]
    descriptors[flips] = others.mirror_descriptors(np.array(second)[flips])
    return align_roughly(part.descriptors[first], descriptors, SIDE)


def split_keys(keys: Sequence[Key]) -> tuple[list[int], list[int], np.ndarray]:
    """Return the first and the second index of each pair, and whether the second face is mirrored, bool (P,)."""
    pairs = [pair for pair, _ in keys]
    return [first for first, _ in pairs], [second for _, second in pairs], np.array([flip for _, flip in keys], bool)
