"""The registry of detectors.

To add a detector: write a module in backends/ with its class and its settings, add an entry to `BACKENDS` and a field
to `DetectParams` below, and add its section to params.yaml.
"""

from dataclasses import dataclass, field
from functools import cache
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
    """The section `detect` of params.yaml: the detector to use, and the settings of each detector.

    Attributes:
        detector: Name of the detector, one of `BACKENDS`. The other fields have the names of `BACKENDS`.
        mangaface: Settings of this detector.
        lbpcascade: Settings of this detector.
        onnx: Settings of this detector.
    """

    detector: str = "mangaface"
    mangaface: MangaFaceParams = field(default_factory=MangaFaceParams)
    lbpcascade: CascadeParams = field(default_factory=CascadeParams)
    onnx: OnnxParams = field(default_factory=OnnxParams)

    def __post_init__(self) -> None:
        if self.detector not in BACKENDS:
            raise ValueError(f"detector must be one of {', '.join(BACKENDS)}, not {self.detector}")


def build_detector(settings: DetectParams, root: Path) -> Detector:
    """Build the detector that the settings select; verify its model file first.

    Args:
        settings: The section `detect` of params.yaml.
        root: The workspace. Relative paths in the settings start here.

    Raises:
        UserError: The model file is missing, or the detector cannot use it.
    """
    return BACKENDS[settings.detector].build(getattr(settings, settings.detector), root)


@cache
def get_detector(settings: DetectParams, root: Path) -> Detector:
    """Return the detector of the settings as `build_detector` does; each process builds it once."""
    return build_detector(settings, root)
