"""The weights file of the network."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from mangagan.core.errors import UserError
from mangagan.face_network.network import FaceNet

WEIGHTS = Path(__file__).with_name("mangaface.safetensors")  # the weights of the package


def load_face_network(path: Path) -> FaceNet:
    """Load a weights file made by `python -m mangagan.detector_training`.

    Returns:
        The network on the CPU, in float32 and evaluation mode.

    Raises:
        UserError: The file is missing or does not contain weights of this network.
    """
    network = FaceNet(folded=True)
    try:
        load_weights(network, path)
    except OSError as error:
        reason = "not found" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise UserError(f"{path} {reason}. Install mangagan again or train the network (docs/detection.md)") from None
    except ValueError as error:
        raise UserError(
            f"{path} does not contain weights of the detector mangaface ({error}). Use the weights of the package "
            "or train the network with this version of mangagan (docs/detection.md)"
        ) from error
    return network.eval()


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a safetensors file into a network, in place.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is damaged or does not fit the network. The message is one line.
    """
    data = path.read_bytes()
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        raise ValueError(f"not a safetensors file: {' '.join(str(error).split())}") from error
    expected = network.state_dict()
    if missing := sorted(expected.keys() - tensors.keys()):
        raise ValueError(f"weights of another version: the tensor {missing[0]} is missing")
    if unknown := sorted(tensors.keys() - expected.keys()):
        raise ValueError(f"weights of another version: the tensor {unknown[0]} is unknown")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(expected[name].shape)}"
            raise ValueError(f"weights of another version: {name} has the shape {shapes}")
        if not tensor.float().isfinite().all():
            raise ValueError(f"damaged weights: {name} has values that are not finite")
    network.load_state_dict(tensors)
