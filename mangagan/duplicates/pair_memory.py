"""Similarities of pairs that earlier runs have measured."""

from collections.abc import Sequence

import numpy as np

from mangagan.core.cached_map import find
from mangagan.core.code import code_hash
from mangagan.core.keys import describe_libraries, make_key
from mangagan.core.packing import pack
from mangagan.duplicates.face_set import FaceSet, Key

KIND = dict[str, float]


class PairMemory:
    """Similarities by the content of both faces and their rough alignment.

    Faces with equal pixels share an entry of the cache. It holds the pairs of which they are the first face.

    The rough alignment depends on the whitening, and so on all faces of a set. It has few possible values, so that it
    rarely differs between two runs; then the pair is measured again.

    Args:
        part: Set of the first faces.
        others: Set of the second faces.
    """

    def __init__(self, part: FaceSet, others: FaceSet) -> None:
        self.cache = part.known.cache
        code = code_hash("mangagan.duplicates.face_set"), describe_libraries("numpy", "opencv-python-headless")
        self.first_keys = [make_key("pairs", *code, *each) for each in identify_faces(part)]
        self.second_keys = [make_key(*each) for each in identify_faces(others)]
        self.stored: dict[bytes, dict[str, float]] = {}  # entry → similarities of earlier runs
        self.used: dict[bytes, dict[str, float]] = {}  # the same of this run

    def get(self, key: Key, start: np.ndarray) -> float | None:
        """Return the similarity of a pair. None if it is not known.

        Args:
            key: The pair.
            start: Its rough alignment, float32 (2, 3).
        """
        entry, name = self.first_keys[key[0][0]], self.name(key, start)
        if entry not in self.stored:
            self.stored[entry] = find(self.cache, entry, KIND) or {}
        value = self.used.get(entry, {}).get(name, self.stored[entry].get(name))
        if value is not None:
            self.used.setdefault(entry, {})[name] = value
        return value

    def put(self, key: Key, start: np.ndarray, value: float) -> None:
        """Add the similarity of a pair. It is in the cache at once, together with those of earlier runs."""
        entry = self.first_keys[key[0][0]]
        self.used.setdefault(entry, {})[self.name(key, start)] = value
        self.cache.put(entry, pack(self.stored.get(entry, {}) | self.used[entry]))

    def name(self, key: Key, start: np.ndarray) -> str:
        """Return the name of a pair within the entry of its first face."""
        (_, second), flip = key
        return make_key(self.second_keys[second], flip, start.tobytes()).hex()

    def save(self) -> None:
        """Write the similarities of this run, without those of earlier runs that it did not use."""
        for entry, values in self.used.items():
            if values != self.stored.get(entry):
                self.cache.put(entry, pack(values))


def identify_faces(faces: FaceSet) -> Sequence[tuple[str, bytes]]:
    """Return what the similarity to another face depends on, for each face."""
    return [(digest, inside.tobytes()) for digest, inside in zip(faces.known.digests, faces.insides, strict=True)]
