"""The backend `mangaface`: pages to boxes by the network whose weights lie beside this file."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from mangagan.detection.base import Detections, MangaFaceParams, describe
from mangagan.detection.mangaface.boxes import decode
from mangagan.detection.mangaface.network import MULTIPLE, FaceNet
from mangagan.detection.overlap import agree, suppress
from mangagan.detection.strips import inside, pieces, uncut
from mangagan.errors import UserError
from mangagan.files import sha256_file
from mangagan.tensors import unpack

DOUBTFUL = 0.02  # least score of a box that may support another, found at another size
WEIGHTS = Path(__file__).with_name("mangaface.safetensors")


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
        self.network = load(weights).to(self.device)
        # A sixth less time on a CPU; torch's stub lacks the argument.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        libraries = f"opencv={cv2.__version__} torch={torch.__version__.split('+')[0]}"
        self.version = f"{sha256_file(weights)[:12]} {describe(settings)} {libraries}"
        # One thread a page: pages run side by side, and the number of threads would change the last bits.
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        # On a GPU, as on a CPU, in single precision: TensorFloat-32 would move boxes by more than they are rounded.
        torch.backends.cudnn.allow_tf32 = False

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


def load(path: Path) -> FaceNet:
    """Reads weights that `python -m mangagan.detection.train` wrote.

    Raises:
        UserError: the file is missing or holds no weights of this network.
    """
    network = FaceNet(folded=True)
    try:
        tensors = {name: tensor.float() for name, tensor in unpack(path.read_bytes()).items()}
        if not all(tensor.isfinite().all() for tensor in tensors.values()):
            raise ValueError("some are not finite")
        network.load_state_dict(tensors)
    except FileNotFoundError:
        raise UserError(f"{path} not found: install mangagan again, or train it (see docs/detection.md)") from None
    except (ValueError, RuntimeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} holds no weights of the detector mangaface ({reason})") from error
    return network.eval()
