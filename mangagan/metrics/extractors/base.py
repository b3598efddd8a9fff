"""What a feature extractor is, and which ones there are."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

SECTION = "evaluate.extractors"  # of params.yaml
INPUTS = ("uint8", "zero_one", "minus_one_one", "imagenet")


class Extractor(Protocol):
    """A function from images to features.

    Attributes:
        name: as in params.yaml, and as the metrics file names it.
        sha256: of the weights, settings and version of the code: features of equal `sha256` may be compared.
        dimensions: D, features of an image.
    """

    name: str
    sha256: str
    dimensions: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The features of images, uint8 (N, C, S, S) with C 1 or 3: float32 (N, D), N from 0.

        An image's features depend on no other image, nor on how many there are.

        Raises:
            ValueError: no such images.
        """
        ...


@dataclass(frozen=True)
class ExtractorParams:
    """Which extractors the figures on features are taken on, and the settings of `torchscript`.

    Attributes:
        use: one or more of `EXTRACTORS`; the more different they are, the more their agreement says.
        model: a TorchScript file, a path (relative to the workspace) or an https URL. It is a program: it is run
            only where its SHA-256 is the one below, so take that from whom you trust with your machine.
        model_sha256: what the file must hash to, in hex.
        image_size: px to which faces are resized for it.
        input: what it is given, always (N, 3, image_size, image_size): uint8 (0 … 255), or float32 as zero_one,
            minus_one_one, or imagenet (minus the mean, over the deviation of that data set's colours).
    """

    use: tuple[str, ...] = ("random", "mangaface")
    model: str = ""
    model_sha256: str = ""
    image_size: int = 299
    input: str = "uint8"

    def __post_init__(self) -> None:
        if not self.use or len(set(self.use)) < len(self.use) or not set(self.use) <= set(EXTRACTORS):
            raise ValueError(f"use must be one or more of {', '.join(EXTRACTORS)}, each once")
        if self.input not in INPUTS:
            raise ValueError(f"input must be one of {', '.join(INPUTS)}, not {self.input}")
        if not 16 <= self.image_size <= 1024:
            raise ValueError("image_size must be from 16 to 1024")


def build_extractors(settings: ExtractorParams, root: Path) -> list[Extractor]:
    """Makes the extractors that the settings name, in their order.

    Args:
        settings: which, and how.
        root: the workspace, which relative paths start from.

    Raises:
        UserError: no model file, or none that gives features.
    """
    return [EXTRACTORS[name](settings, root) for name in settings.use]


def check_extractors(settings: ExtractorParams, root: Path) -> None:
    """Raises UserError where `build_extractors` would: for a long stage's start, so that its end has no surprise."""
    build_extractors(settings, root)


def fingerprint(*parts: object) -> str:
    """SHA-256 in hex of what makes up an extractor: bytes as they are, all else as Python writes it."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _random(settings: ExtractorParams, root: Path) -> Extractor:
    from mangagan.metrics.extractors.random_network import RandomNetwork

    return RandomNetwork()


def _mangaface(settings: ExtractorParams, root: Path) -> Extractor:
    from mangagan.metrics.extractors.mangaface_encoder import MangaFaceEncoder

    return MangaFaceEncoder()


def _torchscript(settings: ExtractorParams, root: Path) -> Extractor:
    from mangagan.detection.model_file import resolve_model
    from mangagan.metrics.extractors.torchscript import TorchScript

    path = resolve_model(SECTION, settings.model, settings.model_sha256, root)
    return TorchScript(path, settings.image_size, settings.input, settings.model_sha256)


EXTRACTORS: dict[str, Callable[[ExtractorParams, Path], Extractor]] = {
    "random": _random,
    "mangaface": _mangaface,
    "torchscript": _torchscript,
}
