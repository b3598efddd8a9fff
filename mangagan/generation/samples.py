"""Generated images as files. Each file names its model and its latent."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import PngImagePlugin
from torch import Tensor

from mangagan.core.errors import UserError
from mangagan.core.files import atomic_directory, write_bytes
from mangagan.core.images import to_pillow
from mangagan.core.progress import track
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import BATCH_SIZE, draw_latents, generate_images
from mangagan.networks.weights import generator_sha256
from mangagan.pictures.grid import draw_grid

MAX_GRID_PIXELS = 80_000_000  # Pillow warns of larger images as possible decompression bombs


@dataclass(frozen=True)
class LatentSource:
    """A sequence of latents: random ones of a seed, or those of a file.

    The truncation is ψ of Karras et al. (2019, arXiv 1812.04948, section B): z becomes mean + ψ·(z - mean). There is
    no mapping network, so it applies to the latents themselves, whose mean is 0.

    Args:
        seed: Seed of the random latents, at least 0.
        truncation: ψ in [0, 1]. 1 does not change the latents; 0 maps all of them to the mean, which is one face.
        given: float32 (N, z_dim) to use instead of random latents. None to use the seed.
        given_sha256: SHA-256 of the file of `given`.

    Raises:
        UserError: Seed or truncation is out of range.
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

    def iterate_batches(self, count: int, z_dim: int) -> Iterator[Tensor]:
        """Yield the first `count` latents as float32 (n, z_dim) on the CPU, n at most BATCH_SIZE.

        Latent i depends only on the source and i.
        """
        rng = np.random.default_rng(self.seed)  # one stream for all batches
        for start in range(0, count, BATCH_SIZE):
            size = min(BATCH_SIZE, count - start)
            z = draw_latents(size, z_dim, rng) if self.given is None else self.given[start : start + size]
            yield z * self.truncation

    def describe(self) -> dict[str, str]:
        """Return the entries about the latents for the metadata of a file."""
        origin = {"seed": str(self.seed)} if self.given is None else {"z_sha256": self.given_sha256}
        return {**origin, "truncation": f"{self.truncation:g}"}


def iterate_images(generator: Generator, source: LatentSource, count: int) -> Iterator[np.ndarray]:
    """Yield the images of the first `count` latents, uint8 (C, H, W); they are generated in batches."""
    for z in source.iterate_batches(count, generator.z_dim):
        yield from generate_images(generator, z)


def write_samples(directory: Path, generator: Generator, source: LatentSource, count: int) -> None:
    """Write `000000.png`, `000001.png` …; image i depends only on the model, the source and i.

    The text chunks of each PNG are `model` (SHA-256 of the weights file), `seed` (or `z_sha256`, SHA-256 of the file of
    latents), `truncation` and `index`.

    Args:
        directory: New or empty folder. It is written only when all images are complete.
        generator: Generator on any device.
        source: Source of the latents.
        count: Number of images, at least 1.

    Raises:
        UserError: The count is out of range, or the folder cannot be written.
    """
    check_count(count)
    metadata = {"model": generator_sha256(generator), **source.describe()}
    digits = max(6, len(str(count - 1)))
    with atomic_directory(directory.resolve()) as folder:  # resolve: write into the target of a symbolic link
        images = track(iterate_images(generator, source, count), count, "generate", "images")
        for index, image in enumerate(images):
            png = encode_png_with_text(image.transpose(1, 2, 0), {**metadata, "index": str(index)})
            write_bytes(folder / f"{index:0{digits}}.png", png)


def write_grid(path: Path, generator: Generator, source: LatentSource, count: int, columns: int | None = None) -> None:
    """Write the first `count` images as a grid in one PNG, with text chunks as in `write_samples`.

    Args:
        path: PNG file; an existing file is replaced.
        generator: Generator on any device.
        source: Source of the latents.
        count: Number of images, at least 1.
        columns: Images in a row. Default: about as many as there are rows.

    Raises:
        UserError: The count is out of range, the grid is too large, or the file cannot be written.
    """
    check_count(count)
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    max_images = MAX_GRID_PIXELS // generator.image_size**2
    if math.ceil(count / columns) * columns > max_images:
        raise UserError(
            f"a grid holds at most {max_images} images of {generator.image_size} px, not {count}. Use a smaller --count"
        )
    images = np.stack(list(track(iterate_images(generator, source, count), count, "generate", "images")))
    metadata = {"model": generator_sha256(generator), **source.describe(), "count": str(count), "columns": str(columns)}
    write_bytes(path, encode_png_with_text(draw_grid(images, columns), metadata))


def check_count(count: int) -> None:
    """Raise UserError if the number of images is below 1."""
    if count < 1:
        raise UserError(f"count must be at least 1, not {count}")


def encode_png_with_text(image: np.ndarray, text: dict[str, str]) -> bytes:
    """Encode uint8 (H, W, C), C 1 or 3, as a PNG with text chunks."""
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        chunks.add_text(key, value)
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()
