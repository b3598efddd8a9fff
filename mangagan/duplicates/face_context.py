"""Hashes of faces, and the cache and workers for computations on them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mangagan.core.cache import NO_CACHE, Cache
from mangagan.core.machine import THREADS, MachineParams


class Faces(Protocol):
    """Gray faces of the size at which they are compared: an array, or `face_images.FaceImages`."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Sequence[int]) -> np.ndarray:
        """Return some faces, uint8 (n, SIDE, SIDE)."""
        ...


@dataclass(frozen=True)
class FaceContext:
    """Hashes of a set of faces, with the cache and the workers for them.

    Attributes:
        digests: Hash of the pixels of each face, hex.
        cache: Results of earlier runs. Default: no cache.
        machine: The section `machine` of params.yaml.
    """

    digests: Sequence[str]
    cache: Cache = NO_CACHE
    machine: MachineParams = THREADS


def make_uncached_context(faces: np.ndarray) -> FaceContext:
    """Return the context of faces, uint8 (N, S, S), without a cache."""
    return FaceContext([hash_face(face) for face in faces])


def hash_face(face: np.ndarray) -> str:
    """Return 32 hex digits that identify the pixels of a face, uint8 (S, S)."""
    return hashlib.sha256(np.ascontiguousarray(face).data).hexdigest()[:32]
