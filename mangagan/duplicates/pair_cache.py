"""Similarities of pairs that earlier runs have measured, in the cache."""

from collections.abc import Sequence

import numpy as np

from mangagan.core.cached_map import get_result
from mangagan.core.code import code_hash
from mangagan.core.keys import describe_libraries, make_key
from mangagan.core.packing import pack
from mangagan.duplicates.face_set import FaceSet, Key

KIND = dict[str, float]


class SimilarityCache:
    """Similarities of pairs of faces in the cache.

    The key of a pair covers the pixels of both faces and their rough alignment. All pairs with the same first face are
    one entry of the cache; faces with equal pixels share an entry.

    The rough alignment depends on the whitening, and therefore on all faces of a set. It has few possible values, so it
    rarely differs between two runs. If it differs, the pair is measured again.

    Args:
        part: Set of the first faces.
        others: Set of the second faces.
    """

    def __init__(self, part: FaceSet, others: FaceSet) -> None:
        self.cache = part.context.cache
        code = code_hash("mangagan.duplicates.face_set"), describe_libraries("numpy", "opencv-python-headless")
        self.first_keys = [make_key("pairs", *code, *each) for each in identify_faces(part)]
        self.second_keys = [make_key(*each) for each in identify_faces(others)]
        self.stored: dict[bytes, dict[str, float]] = {}  # entry → similarities of earlier runs
        self.used: dict[bytes, dict[str, float]] = {}  # entry → similarities that this run used or measured

    def get(self, key: Key, start: np.ndarray) -> float | None:
        """Return the similarity of a pair. None if it is not context.

        Args:
            key: The pair.
            start: Its rough alignment, float32 (2, 3).
        """
        entry, name = self.first_keys[key[0][0]], self.make_pair_name(key, start)
        if entry not in self.stored:
            self.stored[entry] = get_result(self.cache, entry, KIND) or {}
        value = self.used.get(entry, {}).get(name, self.stored[entry].get(name))
        if value is not None:
            self.used.setdefault(entry, {})[name] = value
        return value

    def put(self, key: Key, start: np.ndarray, value: float) -> None:
        """Add the similarity of a pair to the cache now, so that a killed run keeps it.

        The entry keeps the similarities of earlier runs until `save`.
        """
        entry = self.first_keys[key[0][0]]
        self.used.setdefault(entry, {})[self.make_pair_name(key, start)] = value
        self.cache.put(entry, pack(self.stored.get(entry, {}) | self.used[entry]))

    def make_pair_name(self, key: Key, start: np.ndarray) -> str:
        """Return the name of a pair within the entry of its first face."""
        (_, second), flip = key
        return make_key(self.second_keys[second], flip, start.tobytes()).hex()

    def save(self) -> None:
        """Write the entries of this run. Similarities of earlier runs that this run did not use are removed."""
        for entry, values in self.used.items():
            if values != self.stored.get(entry):
                self.cache.put(entry, pack(values))


def identify_faces(faces: FaceSet) -> Sequence[tuple[str, bytes]]:
    """Return what the similarity to another face depends on, for each face."""
    return [(digest, inside.tobytes()) for digest, inside in zip(faces.context.digests, faces.insides, strict=True)]
