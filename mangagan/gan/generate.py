"""Samples as files: as many as one likes, each traceable to its model and seed."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin

from mangagan.errors import UserError
from mangagan.files import write_bytes
from mangagan.gan.networks import Generator
from mangagan.gan.sampling import BATCH, latents, sample
from mangagan.gan.weights import generator_sha256
from mangagan.progress import track


def write_samples(directory: Path, generator: Generator, count: int, seed: int) -> None:
    """Writes `000000.png`, `000001.png` …; image i depends on the model, the seed and i alone.

    Each PNG's text says which `model` (SHA-256 of the weights file), `seed` and `index` it comes from.

    Args:
        directory: made when missing; files of other names in it are left alone.
        generator: on any device.
        count: how many, at least 1.
        seed: of the latents, at least 0.

    Raises:
        UserError: count or seed out of range, or the disk is full.
    """
    if count < 1 or seed < 0:
        raise UserError(f"count must be at least 1 and seed at least 0, not {count} and {seed}")
    model = generator_sha256(generator)
    for index, image in track(enumerate(samples(generator, count, seed)), count, "generate", "images"):
        text = PngImagePlugin.PngInfo()
        for key, value in (("model", model), ("seed", seed), ("index", index)):
            text.add_text(key, str(value))
        write_bytes(directory / f"{index:06}.png", encode(image, text))


def samples(generator: Generator, count: int, seed: int) -> Iterator[np.ndarray]:
    """Yields `count` images, uint8 (C, H, W), drawn a batch at a time."""
    for part in torch.split(latents(count, generator.z_dim, seed), BATCH):
        yield from sample(generator, part)


def encode(image: np.ndarray, text: PngImagePlugin.PngInfo) -> bytes:
    """uint8 (C, H, W) as the bytes of a PNG that carries `text`."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()
