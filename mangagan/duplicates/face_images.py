"""Gray images of faces, decoded when they are first used. Hashes of faces come from the cache."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mangagan.core.cache import NO_CACHE, Cache
from mangagan.core.cached_map import compute_missing
from mangagan.core.code import code_hash
from mangagan.core.images import decode_png
from mangagan.core.keys import describe_libraries, make_key
from mangagan.core.machine import THREADS, MachineParams
from mangagan.core.progress import track
from mangagan.duplicates.array_file import ArrayFile
from mangagan.duplicates.comparison import SIDE, prepare
from mangagan.duplicates.face_context import FaceContext, hash_face
from mangagan.duplicates.phash import phash64

CHUNK = 128  # faces
LoadPngs = Callable[[Sequence[int]], Sequence[bytes]]  # indices → PNGs


class FaceHashes(NamedTuple):
    """Hashes and size of a face, which are cached.

    Attributes:
        digest: Hash of its pixels at the size at which faces are compared, hex.
        phash: 64-bit perceptual hash, 16 hex digits.
        side: Height and width of the face [px].
    """

    digest: str
    phash: str
    side: int


class FaceImages:
    """Gray faces at the size at which they are compared. A face is decoded when it is used for the first time.

    Args:
        count: Number of faces.
        load: Return the PNGs of some faces.
        cache: Facts of earlier runs. Default: none.
        machine: The section `machine` of params.yaml.
    """

    def __init__(self, count: int, load: LoadPngs, cache: Cache = NO_CACHE, machine: MachineParams = THREADS) -> None:
        self.load, self.cache, self.machine = load, cache, machine
        code = code_hash(__name__), describe_libraries("numpy", "opencv-python-headless", "pillow")
        keys = [
            make_key("face", *code, hashlib.sha256(png).digest())
            for start in range(0, count, CHUNK)
            for png in load(range(start, min(start + CHUNK, count)))
        ]
        found = compute_missing(compute_hashes, keys, cache, FaceHashes, load, CHUNK, machine)
        hashes = dict(track(found, count, "duplicates: hashes", "faces"))
        self.hashes: list[FaceHashes] = [hashes[index] for index in range(count)]
        self.pixels = ArrayFile(count, (SIDE, SIDE), np.uint8, cache.temporary_folder)
        self.is_decoded = np.zeros(count, bool)

    def __len__(self) -> int:
        return len(self.hashes)

    def take(self, indices: Sequence[int]) -> np.ndarray:
        """Return some faces, uint8 (n, SIDE, SIDE)."""
        missing = [index for index in sorted(set(indices)) if not self.is_decoded[index]]
        for index, png in zip(missing, self.load(missing), strict=True):
            self.pixels.write(index, decode_face(png))
            self.is_decoded[index] = True
        return self.pixels.take(indices)

    def select(self, indices: Sequence[int]) -> tuple["FaceSelection", FaceContext]:
        """Return some faces, and their hashes with the cache and the workers."""
        context = FaceContext([self.hashes[index].digest for index in indices], self.cache, self.machine)
        return FaceSelection(self, indices), context


class FaceSelection:
    """Some faces of `FaceImages`, with indices of their own."""

    def __init__(self, images: FaceImages, indices: Sequence[int]) -> None:
        self.images, self.indices = images, list(indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, indices: Sequence[int]) -> np.ndarray:
        """Return some faces, uint8 (n, SIDE, SIDE)."""
        return self.images.take([self.indices[index] for index in indices])


def decode_face(png: bytes) -> np.ndarray:
    """Return a face at the size at which faces are compared, uint8 (SIDE, SIDE)."""
    return prepare(decode_png(png, channels=1)[None])[0]


def compute_hashes(pngs: Sequence[bytes]) -> list[FaceHashes]:
    """Return the hashes and the size of each face."""
    grays = [decode_png(png, channels=1) for png in pngs]
    return [FaceHashes(hash_face(prepare(gray[None])[0]), f"{phash64(gray):016x}", len(gray)) for gray in grays]
