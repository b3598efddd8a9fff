"""The registry of detectors. To add one: a module in backends/, an entry in `BACKENDS`, a field in `DetectParams`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mangagan.detection.backends.lbpcascade import CascadeParams, LbpCascade
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.backends.onnx_yolo import OnnxParams, OnnxYolo
from mangagan.detection.types import Detector


class Backend(Protocol):
    """A detector class."""

    def build(self, settings: Any, root: Path) -> Detector:
        """Build the detector from its section of params.yaml; `root` is the workspace."""
        ...


BACKENDS: dict[str, Backend] = {
    "mangaface": MangaFace,
    "lbpcascade": LbpCascade,
    "onnx": OnnxYolo,
}


@dataclass(frozen=True)
class DetectParams:
    """The section `detect` of params.yaml.

    Attributes:
        detector: which backend: one of `BACKENDS`.
        mangaface: settings of that backend.
        lbpcascade: settings of that backend.
        onnx: settings of that backend.
    """

    detector: str = "mangaface"
    mangaface: MangaFaceParams = field(default_factory=MangaFaceParams)
    lbpcascade: CascadeParams = field(default_factory=CascadeParams)
    onnx: OnnxParams = field(default_factory=OnnxParams)

    def __post_init__(self) -> None:
        if self.detector not in BACKENDS:
            raise ValueError(f"detector must be one of {', '.join(BACKENDS)}, not {self.detector}")


def build_detector(settings: DetectParams, root: Path) -> Detector:
    """Build the detector that the settings name; verify its model file first.

    Args:
        settings: the section `detect` of params.yaml.
        root: the workspace; relative paths start there.

    Raises:
        UserError: the model file is missing or is not of this kind.
    """
    return BACKENDS[settings.detector].build(getattr(settings, settings.detector), root)
