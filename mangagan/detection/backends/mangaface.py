"""The detector `mangaface`: this project's own network. Its weights are part of the package."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.core.model_files import resolve_model
from mangagan.detection.overlap import average_over_scales, suppress_overlaps
from mangagan.detection.strips import clip_to_image, remove_cut_faces, split_strip
from mangagan.detection.types import Detections, check_network_settings, describe_settings
from mangagan.face_network.boxes import CROP_MARGIN, decode_boxes
from mangagan.face_network.network import MAX_STRIDE
from mangagan.face_network.weights import WEIGHTS, load_face_network

MIN_SUPPORT_SCORE = 0.02  # minimum score of a box that can raise the score of a box at another scale


@dataclass(frozen=True)
class MangaFaceParams:
    """Settings of the project's own network.

    Attributes:
        model: Path (relative to the workspace) or https URL of a weights file. Empty: the weights of the package.
        model_sha256: SHA-256 of that file, hex.
        threshold: Minimum score of a face, in (0, 1). Lower: higher recall, more false positives.
        long_side: Maximum long side of a page after shrinking [px]. Larger: finds smaller faces, slower.
        scales: Scales of the page for detection [0.25, 1], as shares of `long_side` (of the long side of the page if
            that is shorter). The score of a face is the mean over the scales. The time grows with its square.
        flip: Average the outputs for the page and its mirror image. Doubles the time.
        max_overlap: IoU above which two boxes are the same face, in (0, 1).
        device: auto (the GPU if there is one), cpu or cuda.
    """

    model: str = ""
    model_sha256: str = ""
    threshold: float = 0.15
    long_side: int = 896
    scales: tuple[float, ...] = (1.0, 0.5)
    flip: bool = False
    max_overlap: float = 0.35
    device: str = "auto"

    def __post_init__(self) -> None:
        check_network_settings(self.threshold, self.max_overlap, self.long_side, self.device)
        if not self.scales or not all(0.25 <= scale <= 1 for scale in self.scales):
            raise ValueError("scales must be one or more numbers from 0.25 to 1")


class MangaFace:
    """Detector: a small convolutional network. The score is a probability [0, 1]."""

    name = "mangaface"
    crop_margin = CROP_MARGIN

    def __init__(self, settings: MangaFaceParams, weights: Path = WEIGHTS) -> None:
        """Load the weights.

        Raises:
            UserError: The file is missing or does not fit the network, or there is no GPU but device is cuda.
        """
        if settings.device == "cuda" and not torch.cuda.is_available():
            raise UserError("params.yaml: detect.mangaface.device is cuda, but there is no GPU. Set it to auto or cpu")
        self.settings = settings
        cuda = settings.device != "cpu" and torch.cuda.is_available()
        self.device = torch.device("cuda" if cuda else "cpu")
        self.network = load_face_network(weights).to(self.device)
        # Saves a sixth of the time on a CPU. The stub of torch lacks the argument.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        libraries = f"opencv={cv2.__version__} torch={torch.__version__.split('+')[0]}"
        self.version = f"{sha256_file(weights)[:12]} {describe_settings(settings)} {libraries}"

    @classmethod
    def build(cls, settings: MangaFaceParams, root: Path) -> Self:
        """Build the detector with the weights file of the settings, or with the weights of the package."""
        if not settings.model:
            return cls(settings)
        return cls(settings, resolve_model("detect.mangaface.model", settings.model, settings.model_sha256, root))

    def detect(self, page: np.ndarray) -> Detections:
        """Return faces as described in `Detector.detect`."""
        gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) if page.ndim == 3 else page
        found = [np.zeros((0, 6))]
        for piece in split_strip(gray):
            shrink = min(1.0, self.settings.long_side / max(piece.pixels.shape))
            ratios = {min(1.0, scale * shrink) for scale in self.settings.scales}
            scales = [self.detect_at_scale(piece.pixels, ratio) for ratio in sorted(ratios, reverse=True)]
            found.append(remove_cut_faces(average_over_scales(scales), piece, gray))
        faces = np.concatenate(found)
        faces = suppress_overlaps(faces[faces[:, 4] >= self.settings.threshold], self.settings.max_overlap)
        faces = clip_to_image(faces, gray.shape)
        # Processors differ in the last bits. Rounding removes these differences.
        return Detections(faces[:, :4].round(1), faces[:, 4].round(4), faces[:, 5].round(4))

    def detect_at_scale(self, image: np.ndarray, ratio: float) -> np.ndarray:
        """Return the faces of a gray image, uint8 (H, W), that is shrunk by `ratio` first.

        Returns:
            Faces as from `decode_boxes`, in px of the image.
        """
        height, width = (max(round(side * ratio), 1) for side in image.shape)
        small = image if ratio == 1 else cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        ink = np.zeros((-(-height // MAX_STRIDE) * MAX_STRIDE, -(-width // MAX_STRIDE) * MAX_STRIDE), np.float32)
        ink[:height, :width] = 1 - small.astype(np.float32) / 255
        output = self.run_network(torch.from_numpy(ink)[None, None])
        faces = decode_boxes(output, min(MIN_SUPPORT_SCORE, self.settings.threshold))
        faces[:, :4] *= np.array([image.shape[1] / width, image.shape[0] / height] * 2)
        return faces

    @torch.inference_mode()
    def run_network(self, ink: Tensor) -> Tensor:
        """Return the output of the network. With `flip`, return the mean over the image and its mirror image."""
        ink = ink.to(self.device)
        if not self.settings.flip:
            return self.network(ink)
        output, mirrored = self.network(torch.cat([ink, ink.flip(3)])).chunk(2)
        return (output + mirrored.flip(3)[:, [0, 3, 2, 1, 4, 5]]) / 2  # a mirrored box swaps left and right
