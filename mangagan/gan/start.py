"""The networks of a finished run as one file, from which another run can start: a safetensors file without code."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as unpack
from safetensors.torch import save as pack
from torch import Tensor

from mangagan.core.errors import UserError
from mangagan.gan.config import Settings
from mangagan.gan.state import TrainState
from mangagan.networks.dcgan import Generator
from mangagan.networks.weights import describe_difference, read_file

STRENGTH = "augment.strength"
ADVICE = "Choose the file of a run with the same recipe, size, channels and width, or set train.start to none"


def serialize_networks(state: TrainState, generator: Generator) -> bytes:
    """Return the networks as the bytes of a safetensors file; equal weights give equal bytes.

    Args:
        state: State at the end of the run. Its discriminators are left out if the training diverged.
        generator: The delivered generator.
    """
    networks: dict[str, torch.nn.Module] = {"discriminator": state.discriminator}
    if state.feature_discriminator is not None:
        networks["feature_discriminator"] = state.feature_discriminator
    weights = [weight for network in networks.values() for weight in network.parameters()]
    if not all(weight.isfinite().all() for weight in weights):
        networks = {}
    networks["generator"] = generator
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    return pack({**tensors, STRENGTH: state.strength.detach().cpu()})


def load_start(state: TrainState, settings: Settings, path: Path) -> None:
    """Set the weights of a new state to those of a finished run.

    The optimizers, the learning rates and the count of images start anew. The strength of the augmentation is set too,
    unless it is constant. Discriminators on features that the file
    lacks start from random weights.

    Args:
        state: State before the first step; changed in place.
        settings: Settings of the run.
        path: File of `serialize_networks`.

    Raises:
        UserError: The file is missing or damaged, or holds networks of another architecture.
    """
    tensors = read_tensors(path)
    load_network(state.generator, tensors, "generator", path)
    if state.average is not None:
        state.average.load_state_dict(state.generator.state_dict())
    load_network(state.discriminator, tensors, "discriminator", path)
    if state.feature_discriminator is not None and select_tensors(tensors, "feature_discriminator"):
        load_network(state.feature_discriminator, tensors, "feature_discriminator", path)
    if settings.augment_target and STRENGTH in tensors and tensors[STRENGTH].shape == state.strength.shape:
        state.strength.copy_(tensors[STRENGTH])


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file.

    Raises:
        UserError: The file is missing, is not a safetensors file, or has values that are not finite.
    """
    try:
        tensors = unpack(read_file(path))
    except (SafetensorError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"train.start: {path} is not a safetensors file ({reason}). {ADVICE}") from error
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise UserError(f"train.start: {path} has weights that are not finite. {ADVICE}")
    return tensors


def load_network(network: torch.nn.Module, tensors: dict[str, Tensor], name: str, path: Path) -> None:
    """Load the tensors with a prefix into a network; raise UserError unless names and shapes agree."""
    found = select_tensors(tensors, name)
    if not found:
        raise UserError(
            f"train.start: {path} has no {name}: it holds a generator only, or its training diverged. {ADVICE}"
        )
    if difference := describe_difference(network.state_dict(), found):
        raise UserError(f"train.start: {path} does not fit ({name}: {difference}). {ADVICE}")
    network.load_state_dict(found)


def select_tensors(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors of one network, without its prefix."""
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
