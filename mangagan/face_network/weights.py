"""The weights file of the face network."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as unpack

from mangagan.core.errors import UserError
from mangagan.face_network.network import FaceNet

WEIGHTS = Path(__file__).with_name("mangaface.safetensors")


def load_face_network(path: Path) -> FaceNet:
    """Reads weights that `python -m mangagan.detector_training` wrote.

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
    except (SafetensorError, ValueError, RuntimeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} holds no weights of the detector mangaface ({reason})") from error
    return network.eval()
