"""The trained generator on disk: a safetensors file, which cannot hold code, and a model card with its hash."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as unpack
from safetensors.torch import save as pack
from torch import Tensor

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes, write_bytes, write_json
from mangagan.networks.dcgan import Generator

ARCHITECTURE = "dcgan"
PICKLE_MAGIC = (b"PK", b"\x80\x02", b"\x80\x04")  # `torch.save` writes a zip archive or a plain pickle


def serialize(generator: Generator) -> bytes:
    """Return the weights as the bytes of a safetensors file; equal weights give equal bytes."""
    return pack({name: value.detach().cpu().contiguous() for name, value in generator.state_dict().items()})


def generator_sha256(generator: Generator) -> str:
    """Return the SHA-256 of the weights file; it identifies the model."""
    return sha256_bytes(serialize(generator))


def save_generator(generator: Generator, weights_path: Path, card_path: Path, about: dict[str, Any]) -> None:
    """Write the weights, then the model card.

    Args:
        generator: Generator on any device.
        weights_path: Safetensors file.
        card_path: JSON file with `architecture`, `weights_sha256` and the entries of `about`.
        about: Further entries of the card.
    """
    weights = serialize(generator)
    architecture = {
        "name": ARCHITECTURE,
        "image_size": generator.image_size,
        "channels": generator.channels,
        "z_dim": generator.z_dim,
        "base_channels": generator.base_channels,
        "kernel": generator.kernel,
        "norm": generator.norm,
        "latent": generator.latent,
        "skips": generator.skips,
    }
    write_bytes(weights_path, weights)
    write_json(card_path, {**about, "architecture": architecture, "weights_sha256": sha256_bytes(weights)})


def load_generator(weights_path: Path, card_path: Path) -> Generator:
    """Read a generator; it is on the CPU and in evaluation mode.

    Args:
        weights_path: Safetensors file. Nothing in it is executed.
        card_path: Model card of these weights.

    Raises:
        UserError: A file is missing or damaged, the weights are a pickle, the card describes other weights, or another
            version of mangagan wrote the model.
    """
    card = read_card(card_path)
    weights = read_file(weights_path)
    if weights.startswith(PICKLE_MAGIC):
        raise UserError(
            f"{weights_path} is a pickle, which can run code. Only safetensors files are read. Run: dvc repro train"
        )
    if sha256_bytes(weights) != card.get("weights_sha256"):
        raise UserError(f"{card_path} does not describe {weights_path}. Run: dvc checkout, or: dvc repro train")
    try:
        tensors = unpack(weights)
    except (SafetensorError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{weights_path} is not a safetensors file ({reason}). Run: dvc repro train") from error
    generator = build_generator(card, card_path)
    if difference := describe_difference(generator.state_dict(), tensors):
        raise UserError(
            f"{weights_path} was written by another version of mangagan ({difference}). Use that version, or train the"
            " model again. Run: dvc repro train"
        )
    generator.load_state_dict(tensors)
    return generator.eval()


def build_generator(card: dict[str, Any], path: Path) -> Generator:
    """Return an untrained generator with the architecture of a model card.

    Raises:
        UserError: This version of mangagan does not know the architecture.
    """
    try:
        architecture = dict(card["architecture"])
        if (name := architecture.pop("name")) != ARCHITECTURE:
            raise ValueError(f"its name is {name!r}, not {ARCHITECTURE!r}")
        return Generator(**architecture)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise UserError(
            f"{path} describes an architecture that this version of mangagan cannot build ({reason})."
            " Run: dvc repro train"
        ) from error


def describe_difference(expected: dict[str, Tensor], found: dict[str, Tensor]) -> str:
    """Return the first difference between the tensors of a network and of a file; empty if names and shapes agree."""
    if missing := sorted(expected.keys() - found.keys()):
        return f"the tensor {missing[0]} is missing"
    if unknown := sorted(found.keys() - expected.keys()):
        return f"the tensor {unknown[0]} is unknown"
    for name, tensor in expected.items():
        if tensor.shape != found[name].shape:
            return f"the tensor {name} has the shape {tuple(found[name].shape)}, not {tuple(tensor.shape)}"
    return ""


def read_card(path: Path) -> dict[str, Any]:
    """Read a model card.

    Raises:
        UserError: The file is missing or not a JSON object.
    """
    try:
        card = json.loads(read_file(path))
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}). Run: dvc checkout, or: dvc repro train") from error
    if not isinstance(card, dict):
        raise UserError(f"{path} is not a model card. Run: dvc checkout, or: dvc repro train")
    return card


def read_file(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        UserError: The file is missing.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path} not found. Run: dvc repro train, or: dvc checkout to restore a trained model"
        ) from None
