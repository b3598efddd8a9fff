"""The trained generator on disk: weights in safetensors, which holds no code, and a card that vouches for them."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as unpack
from safetensors.torch import save as pack

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes, write_bytes, write_json
from mangagan.networks.dcgan import Generator

NAME = "dcgan"


def serialize(generator: Generator) -> bytes:
    """The weights as the bytes of a safetensors file: float32, the same bytes for the same weights."""
    return pack({name: value.detach().cpu().contiguous() for name, value in generator.state_dict().items()})


def generator_sha256(generator: Generator) -> str:
    """The SHA-256 of the generator's weights file, which names the model."""
    return sha256_bytes(serialize(generator))


def save_generator(generator: Generator, weights_path: Path, card_path: Path, about: dict[str, Any]) -> None:
    """Writes the weights, then the card.

    Args:
        generator: on any device.
        weights_path: the safetensors file.
        card_path: the JSON file; gets `architecture`, `weights_sha256` and all of `about`.
        about: what else the card says; plain values.
    """
    weights = serialize(generator)
    architecture = {
        "name": NAME,
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
    """Reads a generator, on the CPU and in evaluation mode.

    Args:
        weights_path: the safetensors file; nothing in it is executed.
        card_path: its card.

    Raises:
        UserError: a file is missing or damaged, is a pickle, or the two do not belong together.
    """
    card = read_card(card_path)
    weights = read(weights_path)
    if weights[:2] in (b"PK", b"\x80\x02", b"\x80\x04"):
        raise UserError(f"{weights_path} is a pickle, which can run code: only safetensors files are read")
    if sha256_bytes(weights) != card.get("weights_sha256"):
        raise UserError(f"{weights_path} is not the file that {card_path} describes: run `dvc checkout` or train again")
    try:
        architecture = dict(card["architecture"])
        if architecture.pop("name") != NAME:
            raise UserError(f"{card_path} describes another kind of model than {NAME}: train again")
        generator = Generator(**architecture)
        generator.load_state_dict(unpack(weights))
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{weights_path} and {card_path} do not fit together ({reason}): train again") from error
    return generator.eval()


def read_card(path: Path) -> dict[str, Any]:
    """Reads a model card.

    Raises:
        UserError: it is missing or no JSON object.
    """
    try:
        card = json.loads(read(path))
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}): run `dvc checkout` or train again") from error
    if not isinstance(card, dict):
        raise UserError(f"{path} is no model card: run `dvc checkout` or train again")
    return card


def read(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        UserError: there is no such file.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path} not found: run `dvc repro train`, or `dvc checkout` for the one trained before"
        ) from None
