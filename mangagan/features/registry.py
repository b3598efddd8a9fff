"""The registry of feature extractors. To add one, add a module to this folder and a function to `EXTRACTORS`.

Each function imports its module itself, so that reading params.yaml does not import torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mangagan.core.model_files import resolve_model
from mangagan.features.types import INPUTS, Extractor

PARAMS_KEY = "evaluate.extractors"  # section of params.yaml, for messages


@dataclass(frozen=True)
class ExtractorParams:
    """Parameters of the feature extractors.

    Attributes:
        use: One or more of `EXTRACTORS`. Metrics on features are computed on each. The agreement of very different
            extractors is stronger evidence. Default: random, mangaface, efficientnet.
        model: TorchScript file of the extractor `torchscript`: a path (relative to the workspace) or an https URL. The
            file is a program; it runs only if its SHA-256 is `model_sha256`, so take the hash from a trusted source.
        model_sha256: SHA-256 of the file, in hex.
        image_size: Size to which `torchscript` gets faces resized [px]. Default: 299.
        input: Form in which `torchscript` gets (N, 3, image_size, image_size): uint8 [0, 255], or float32 as zero_one,
            minus_one_one, or imagenet (normalised with the colour mean and deviation of ImageNet). Default: uint8.
    """

    use: tuple[str, ...] = ("random", "mangaface", "efficientnet")
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


def build_random_network(settings: ExtractorParams, root: Path) -> Extractor:
    """Build the network with random weights."""
    from mangagan.features.random_network import RandomNetwork

    return RandomNetwork()


def build_mangaface_encoder(settings: ExtractorParams, root: Path) -> Extractor:
    """Build the encoder of the project's face detector."""
    from mangagan.features.mangaface_encoder import MangaFaceEncoder

    return MangaFaceEncoder()


def build_efficientnet(settings: ExtractorParams, root: Path) -> Extractor:
    """Build EfficientNet-Lite0."""
    from mangagan.features.efficientnet import EfficientNetLite0

    return EfficientNetLite0()


def build_torchscript(settings: ExtractorParams, root: Path) -> Extractor:
    """Build the extractor that runs the user's TorchScript file."""
    from mangagan.features.torchscript import TorchScript

    path = resolve_model(f"{PARAMS_KEY}.model", settings.model, settings.model_sha256, root)
    return TorchScript(path, settings.image_size, settings.input, settings.model_sha256)


EXTRACTORS: dict[str, Callable[[ExtractorParams, Path], Extractor]] = {
    "random": build_random_network,
    "mangaface": build_mangaface_encoder,
    "efficientnet": build_efficientnet,
    "torchscript": build_torchscript,
}


def build_extractors(settings: ExtractorParams, root: Path) -> list[Extractor]:
    """Build the extractors that the settings name, in their order.

    Args:
        settings: The section `evaluate.extractors` of params.yaml.
        root: The workspace; relative paths start there.

    Raises:
        UserError: The model file is missing, or does not return features.
    """
    return [EXTRACTORS[name](settings, root) for name in settings.use]


def check_extractors(settings: ExtractorParams, root: Path) -> None:
    """Raise UserError if `build_extractors` would; call it before long work whose result needs the extractors."""
    build_extractors(settings, root)
