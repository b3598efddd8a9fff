"""The backend `mangaface`: pages to boxes by the network whose weights lie beside this file."""

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
from mangagan.detection.overlap import agree, suppress
from mangagan.detection.strips import inside, pieces, uncut
from mangagan.detection.types import Detections, check_search, describe
from mangagan.face_network.boxes import decode
from mangagan.face_network.network import MULTIPLE
from mangagan.face_network.weights import WEIGHTS, load_face_network

DOUBTFUL = 0.02  # least score of a box that may support another, found at another size


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


class MangaFace:
    """Finds faces with a small network; the score is how sure it is, 0 to 1."""

    name = "mangaface"
    crop_margin = 0.35  # its boxes are tight around the face; this adds the hair and the chin's surroundings

    def __init__(self, settings: MangaFaceParams, weights: Path = WEIGHTS) -> None:
        """Loads the weights.

        Raises:
            UserError: the file is missing or holds no weights of this network, or the device is absent.
        """
        if settings.device == "cuda" and not torch.cuda.is_available():
            raise UserError("params.yaml: detect.mangaface.device is cuda, but there is no GPU: set it to auto or cpu")
        self.settings = settings
        cuda = settings.device != "cpu" and torch.cuda.is_available()
        self.device = torch.device("cuda" if cuda else "cpu")
        self.network = load_face_network(weights).to(self.device)
        # A sixth less time on a CPU; torch's stub lacks the argument.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        libraries = f"opencv={cv2.__version__} torch={torch.__version__.split('+')[0]}"
        self.version = f"{sha256_file(weights)[:12]} {describe(settings)} {libraries}"

    @classmethod
    def build(cls, settings: MangaFaceParams, root: Path) -> Self:
        """Build the detector with the weights that the settings name, or with those in the package."""
        if not settings.model:
            return cls(settings)
        return cls(settings, resolve_model("detect.mangaface", settings.model, settings.model_sha256, root))

    def detect(self, page: np.ndarray) -> Detections:
        """Finds faces as `Detector.detect` says."""
        gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) if page.ndim == 3 else page
        found = [np.zeros((0, 6))]
        for left, top, piece in pieces(gray):
            whole = min(1.0, self.settings.long_side / max(piece.shape))
            ratios = {min(1.0, scale * whole) for scale in self.settings.scales}
            views = [self.search(piece, ratio) for ratio in sorted(ratios, reverse=True)]
            found.append(uncut(agree(views), left, top, piece, gray))
        faces = np.concatenate(found)
        faces = suppress(faces[faces[:, 4] >= self.settings.threshold], self.settings.max_overlap)
        faces = inside(faces, gray.shape)
        # Coarser than the differences between one processor's arithmetic and another's.
        return Detections(faces[:, :4].round(1), faces[:, 4].round(4), faces[:, 5].round(4))

    def search(self, piece: np.ndarray, ratio: float) -> np.ndarray:
        """Faces in a gray picture (H, W) that is looked at shrunk by `ratio`: as `boxes.decode`."""
        height, width = (max(round(side * ratio), 1) for side in piece.shape)
        small = piece if ratio == 1 else cv2.resize(piece, (width, height), interpolation=cv2.INTER_AREA)
        ink = np.zeros((-(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE), np.float32)
        ink[:height, :width] = 1 - small.astype(np.float32) / 255
        faces = decode(self.look(torch.from_numpy(ink)[None, None]), min(DOUBTFUL, self.settings.threshold))
        faces[:, :4] *= np.array([piece.shape[1] / width, piece.shape[0] / height] * 2)
        return faces

    @torch.inference_mode()
    def look(self, ink: Tensor) -> Tensor:
        """The network's output for a page, and with `flip` the mean of it and of the mirrored page's."""
        ink = ink.to(self.device)
        if not self.settings.flip:
            return self.network(ink)
        output, mirrored = self.network(torch.cat([ink, ink.flip(3)])).chunk(2)
        return (output + mirrored.flip(3)[:, [0, 3, 2, 1, 4, 5]]) / 2  # left and right change places
