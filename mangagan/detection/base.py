"""What a face detector is, and which ones there are."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np


class Detections(NamedTuple):
    """The faces of a page, in order of falling score.

    Attributes:
        boxes: float64 (N, 4): left, top, width, height in px of the page.
        scores: float64 (N,): higher is surer, comparable within one detector.
        usable: float64 (N,), 0 to 1: how sure it is that both eyes are in sight, which a training set wants; NaN from
            a detector that cannot say.
    """

    boxes: np.ndarray
    scores: np.ndarray
    usable: np.ndarray


class Detector(Protocol):
    """Finds faces in one page. Threads may share it.

    Attributes:
        name: as in params.yaml.
        version: changes whenever the same page may get other boxes; part of every detection's record.
        crop_margin: how much to add on each side of a box, as a share of its longer side, so that the crop holds the
            whole head.
    """

    name: str
    version: str
    crop_margin: float

    def detect(self, page: np.ndarray) -> Detections:
        """Finds the faces of a page, uint8 (H, W) or (H, W, 3) RGB."""
        ...


@dataclass(frozen=True)
class MangaFaceParams:
    """Settings of the project's own network.

    Attributes:
        model: other weights than those in the package: a path (relative to the workspace) or an https URL.
        model_sha256: what that file must hash to, in hex.
        threshold: least score of a face, 0 to 1; lower finds more, and more that is none.
        long_side: px to which a page's long side is shrunk; more finds smaller faces and takes longer.
        scales: sizes to search at, as shares of `long_side`, or of the page's where that is less; each costs its
            square. A face that is seen at one and not at another scores less.
        flip: whether to look at the mirrored page as well, at twice the cost.
        max_overlap: intersection over union from which on two boxes are one face, 0 to 1.
        device: auto (the GPU when there is one), cpu, cuda.
    """

    model: str = ""
    model_sha256: str = ""
    threshold: float = 0.33
    long_side: int = 896
    scales: tuple[float, ...] = (1.0, 0.5)
    flip: bool = False
    max_overlap: float = 0.35
    device: str = "auto"

    def __post_init__(self) -> None:
        check_search(self)
        if not self.scales or not all(0.25 <= scale <= 1 for scale in self.scales):
            raise ValueError("scales must be one or more numbers from 0.25 to 1")


@dataclass(frozen=True)
class CascadeParams:
    """Settings of OpenCV's cascade search.

    Attributes:
        model: lbpcascade_animeface.xml, a path (relative to the workspace) or an https URL.
        model_sha256: what the file must hash to, in hex.
        scale_factor: ratio of one search scale to the next, above 1; nearer to 1 finds more and takes longer.
        min_neighbors: how many overlapping hits make a face; lower finds more, and more that is none.
        min_size: px, the smallest face looked for.
    """

    model: str = ""
    model_sha256: str = ""
    scale_factor: float = 1.1
    min_neighbors: int = 5
    min_size: int = 24

    def __post_init__(self) -> None:
        if not self.scale_factor > 1:
            raise ValueError("scale_factor must be above 1")
        if self.min_neighbors < 1 or self.min_size < 8:
            raise ValueError("min_neighbors must be at least 1 and min_size at least 8")


@dataclass(frozen=True)
class OnnxParams:
    """Settings of a face detector in YOLOv8's ONNX format.

    Attributes:
        model: the .onnx file, a path (relative to the workspace) or an https URL.
        model_sha256: what the file must hash to, in hex.
        class_name: the model's class that is a face, upper or lower case; a model of one class needs no other.
        threshold: least score of a face, 0 to 1; lower finds more, and more that is none.
        long_side: px to which a page's long side is shrunk, for models that take any size; others have their own.
        max_overlap: intersection over union from which on two boxes are one face, 0 to 1.
        device: auto (the GPU when onnxruntime has one), cpu, cuda.
    """

    model: str = ""
    model_sha256: str = ""
    class_name: str = "face"
    threshold: float = 0.3
    long_side: int = 640
    max_overlap: float = 0.5
    device: str = "auto"

    def __post_init__(self) -> None:
        check_search(self)


def check_search(settings: MangaFaceParams | OnnxParams) -> None:
    """Raises ValueError for a setting, of those that both networks have, that makes no sense."""
    if not 0 < settings.threshold < 1 or not 0 < settings.max_overlap < 1:
        raise ValueError("threshold and max_overlap must be between 0 and 1")
    if not 64 <= settings.long_side <= 4096:
        raise ValueError("long_side must be from 64 to 4096")
    if settings.device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {settings.device}")


@dataclass(frozen=True)
class DetectParams:
    """The section `detect` of params.yaml.

    Attributes:
        detector: which backend: one of `DETECTORS`.
        mangaface: settings of that backend.
        lbpcascade: settings of that backend.
        onnx: settings of that backend.
    """

    detector: str = "mangaface"
    mangaface: MangaFaceParams = MangaFaceParams()
    lbpcascade: CascadeParams = CascadeParams()
    onnx: OnnxParams = OnnxParams()

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ValueError(f"detector must be one of {', '.join(DETECTORS)}, not {self.detector}")


def describe(settings: Any) -> str:
    """A detector's settings, a dataclass, as its version names them.

    Without the model's place and the device: the file's hash stands beside them, and neither changes the boxes.
    """
    apart = ("model", "model_sha256", "device")
    return " ".join(f"{key}={value}" for key, value in asdict(settings).items() if key not in apart)


def build_detector(settings: DetectParams, root: Path) -> Detector:
    """Makes the detector that the settings name; its model file is verified first.

    Args:
        settings: which, and how.
        root: the workspace, which relative paths start from.

    Raises:
        UserError: no model file, or not one of this kind.
    """
    return DETECTORS[settings.detector](settings, root)


def _mangaface(settings: DetectParams, root: Path) -> Detector:
    from mangagan.detection.mangaface.detector import WEIGHTS, MangaFace
    from mangagan.detection.model_file import resolve_model

    own = settings.mangaface
    weights = resolve_model("detect.mangaface", own.model, own.model_sha256, root) if own.model else WEIGHTS
    return MangaFace(own, weights)


def _lbpcascade(settings: DetectParams, root: Path) -> Detector:
    from mangagan.detection.lbpcascade import LbpCascade
    from mangagan.detection.model_file import resolve_model

    own = settings.lbpcascade
    return LbpCascade(resolve_model("detect.lbpcascade", own.model, own.model_sha256, root), own)


def _onnx(settings: DetectParams, root: Path) -> Detector:
    from mangagan.detection.model_file import resolve_model
    from mangagan.detection.onnx_yolo import OnnxYolo

    own = settings.onnx
    return OnnxYolo(resolve_model("detect.onnx", own.model, own.model_sha256, root), own)


DETECTORS: dict[str, Callable[[DetectParams, Path], Detector]] = {
    "mangaface": _mangaface,
    "lbpcascade": _lbpcascade,
    "onnx": _onnx,
}
