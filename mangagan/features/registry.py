"""The registry of feature extractors. To add one: a module in this folder and an entry in `EXTRACTORS`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mangagan.core.model_files import resolve_model
from mangagan.features.mangaface_encoder import MangaFaceEncoder
from mangagan.features.random_network import RandomNetwork
from mangagan.features.torchscript import INPUTS, SECTION, TorchScript
from mangagan.features.types import Extractor


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


def build_torchscript(settings: ExtractorParams, root: Path) -> Extractor:
    """Build the extractor that runs the user's TorchScript file."""
    path = resolve_model(SECTION, settings.model, settings.model_sha256, root)
    return TorchScript(path, settings.image_size, settings.input, settings.model_sha256)


EXTRACTORS: dict[str, Callable[[ExtractorParams, Path], Extractor]] = {
    "random": lambda settings, root: RandomNetwork(),
    "mangaface": lambda settings, root: MangaFaceEncoder(),
    "torchscript": build_torchscript,
}


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
