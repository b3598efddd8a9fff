"""Load the weights of the face quality network."""

from pathlib import Path

from mangagan.core.errors import UserError
from mangagan.face_network.weights import load_weights
from mangagan.face_quality.network import FaceQualityNet

WEIGHTS = Path(__file__).with_name("face_quality.safetensors")  # the weights of the package


def load_quality_network(path: Path) -> FaceQualityNet:
    """Load a weights file made by `python -m mangagan.quality_training`.

    Returns:
        The network on the CPU, in float32 and evaluation mode.

    Raises:
        UserError: The file is missing or does not contain weights of this network.
    """
    network = FaceQualityNet()
    try:
        load_weights(network, path)
    except OSError as error:
        reason = "not found" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise UserError(f"{path} {reason}. Install mangagan again or train the network (docs/quality.md)") from None
    except ValueError as error:
        raise UserError(
            f"{path} does not contain weights of the face quality network ({error}). Train the network with this "
            "version of mangagan (docs/quality.md)"
        ) from error
    return network.eval()
