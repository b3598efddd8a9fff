"""Samples as files: as many as one likes, each traceable to its model and latent."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from torch import Tensor

from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, write_bytes
from mangagan.core.progress import track
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import BATCH, latents, sample
from mangagan.networks.weights import generator_sha256
from mangagan.pictures.grid import grid

MOST_PIXELS = 80_000_000  # of a grid: Pillow takes larger pictures for an attack


@dataclass(frozen=True)
class Source:
    """Where latents come from.

    The truncation is ψ of Karras et al. (2019, arXiv 1812.04948, section B), applied to the latents themselves, as
    there is no mapping network: z becomes mean + ψ·(z − mean), and their mean is 0.

    Args:
        seed: of the latents, at least 0.
        truncation: ψ in [0, 1]; 1 leaves a latent as it was drawn, 0 leaves the mean, which is one face for all.
        given: float32 (N, z_dim), to be taken in place of the seed's.
        given_sha256: of the file that these were read from.

    Raises:
        UserError: seed or truncation out of range.
    """

    seed: int = 0
    truncation: float = 1.0
    given: Tensor | None = None
    given_sha256: str = ""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"the seed must be at least 0, not {self.seed}")
        if not 0 <= self.truncation <= 1:
            raise UserError(f"the truncation must be between 0 and 1, not {self.truncation:g}")

    def batches(self, count: int, z_dim: int) -> Iterator[Tensor]:
        """Yields the first `count` latents, at most BATCH at once: float32 (n, z_dim), on the CPU.

        Latent i depends on the source and i alone.
        """
        rng = np.random.default_rng(self.seed)  # the stream goes on from one batch to the next
        for start in range(0, count, BATCH):
            size = min(BATCH, count - start)
            z = latents(size, z_dim, rng) if self.given is None else self.given[start : start + size]
            yield z * self.truncation

    def text(self) -> dict[str, str]:
        """What a picture's metadata says about its latents."""
        origin = {"seed": str(self.seed)} if self.given is None else {"z_sha256": self.given_sha256}
        return {**origin, "truncation": f"{self.truncation:g}"}


def samples(generator: Generator, count: int, seed: int) -> Iterator[np.ndarray]:
    """Yields `count` images, uint8 (C, H, W), drawn a batch at a time; image i depends on the seed and i alone."""
    yield from draw(generator, Source(seed), count)


def draw(generator: Generator, source: Source, count: int) -> Iterator[np.ndarray]:
    """Yields the images of the first `count` latents, uint8 (C, H, W), drawn a batch at a time."""
    for z in source.batches(count, generator.z_dim):
        yield from sample(generator, z)


def write_samples(directory: Path, generator: Generator, source: Source, count: int) -> None:
    """Writes `000000.png`, `000001.png` …; image i depends on the model, the source and i alone.

    Each PNG's text says which `model` (SHA-256 of the weights file), `seed` (or `z_sha256`, of the file of latents),
    `truncation` and `index` it comes from.

    Args:
        directory: new or empty; takes its place when all images are there, so that it never holds some of them.
        generator: on any device.
        source: of the latents.
        count: how many, at least 1.

    Raises:
        UserError: count out of range, or the folder cannot be written.
    """
    require_count(count)
    text = {"model": generator_sha256(generator), **source.text()}
    digits = max(6, len(str(count - 1)))
    with atomic_directory(directory.resolve()) as folder:  # of a link, the folder that it names
        for index, image in track(enumerate(draw(generator, source, count)), count, "generate", "images"):
            png = encode(image.transpose(1, 2, 0), {**text, "index": str(index)})
            write_bytes(folder / f"{index:0{digits}}.png", png)


def write_grid(path: Path, generator: Generator, source: Source, count: int, columns: int | None = None) -> None:
    """Writes the first `count` images side by side as one PNG, whose text is as for `write_samples`.

    Args:
        path: the PNG; replaced when it exists.
        generator: on any device.
        source: of the latents.
        count: how many, at least 1.
        columns: images a row; by default as many as make the grid about as wide as high.

    Raises:
        UserError: count out of range, too many for one picture, or the file cannot be written.
    """
    require_count(count)
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    most = MOST_PIXELS // generator.image_size**2
    if math.ceil(count / columns) * columns > most:
        raise UserError(f"a grid holds at most {most} images of {generator.image_size} px, not {count}: ask for fewer")
    images = np.stack(list(track(draw(generator, source, count), count, "generate", "images")))
    text = {"model": generator_sha256(generator), **source.text(), "count": str(count), "columns": str(columns)}
    write_bytes(path, encode(grid(images, columns), text))


def require_count(count: int) -> None:
    """Raises UserError unless there is something to draw."""
    if count < 1:
        raise UserError(f"count must be at least 1, not {count}")


def encode(pixels: np.ndarray, text: dict[str, str]) -> bytes:
    """uint8 (H, W, C) with C 1 or 3 as the bytes of a PNG that carries `text`."""
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        chunks.add_text(key, value)
    buffer = io.BytesIO()
    picture(pixels).save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def picture(pixels: np.ndarray) -> Image.Image:
    """uint8 (H, W, C) with C 1 or 3 as a gray or RGB image."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
