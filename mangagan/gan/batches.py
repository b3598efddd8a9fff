"""The inputs of each step as a function of the seed and the number of images shown: faces and all random numbers."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from mangagan.gan import distributed
from mangagan.gan.augment import draw_numbers
from mangagan.gan.config import Settings
from mangagan.networks.dcgan import MEMORY_FORMAT


def derive_seed(seed: int, purpose: str, number: int) -> int:
    """Return a seed for one draw, independent of every other purpose and number."""
    digest = hashlib.blake2b(f"{seed} {purpose} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def create_rng(seed: int, purpose: str, number: int, device: torch.device) -> torch.Generator:
    """Return a new random number generator for one draw, on the device."""
    return torch.Generator(device).manual_seed(derive_seed(seed, purpose, number))


@dataclass(frozen=True)
class StepInputs:
    """Everything that differs from one step to the next; N is the number of images of this process.

    Attributes:
        real: Real images, float32 (N, C, H, W) in [-1, 1].
        z: Latents, float32 (N, z_dim).
        real_numbers: Random numbers that augment the real images, see `augment.draw_numbers`; (N, 0) if there are none.
        fake_numbers: The same for the generated images in the update of D.
        generator_numbers: The same for each update of G, (generator_steps, N, …).
        penalize: True if the gradient penalty applies (lazy regularization).
        scale: Share of the batch, the weight of its loss; below 1 only in parts of a split batch.
    """

    real: Tensor
    z: Tensor
    real_numbers: Tensor
    fake_numbers: Tensor
    generator_numbers: Tensor
    penalize: bool
    scale: float = 1.0

    def split(self, parts: int) -> list["StepInputs"]:
        """Split the batch into at most `parts` parts."""
        chunks = zip(
            self.real.chunk(parts),
            self.z.chunk(parts),
            self.real_numbers.chunk(parts),
            self.fake_numbers.chunk(parts),
            self.generator_numbers.chunk(parts, dim=1),
            strict=True,
        )
        return [
            StepInputs(*tensors, penalize=self.penalize, scale=len(tensors[0]) / len(self.real)) for tensors in chunks
        ]


class Batches:
    """Shuffled batches, without replacement within an epoch; a batch may span two epochs.

    Args:
        faces: uint8 (N, C, H, W). Faces are selected and mirrored where they are stored: on the training device, in
            memory, or in a file mapped into memory.
        batch_size: Images of a step in all processes, at most N.
        settings: `seed` and `flip`.
        device: Training device. Default: the device of the faces.
    """

    def __init__(self, faces: Tensor, batch_size: int, settings: Settings, device: torch.device | None = None) -> None:
        self.faces, self.batch_size, self.settings, self.device = faces, batch_size, settings, device or faces.device
        self.epoch, self.order = -1, torch.empty(0)
        rng = torch.Generator().manual_seed(derive_seed(settings.seed, "halves", 0))
        # `flip: alternate` mirrors one half of the faces in even epochs, the other half in odd epochs.
        self.half = (torch.randperm(len(faces), generator=rng) % 2).to(faces.device)

    def select(self, images_seen: int) -> Tensor:
        """Return the indices int64 (batch size,) of the batch that begins at `images_seen`."""
        epoch, start = divmod(images_seen, len(self.faces))
        first = self.shuffle(epoch)[start : start + self.batch_size]
        missing = self.batch_size - len(first)
        return torch.cat([first, self.shuffle(epoch + 1)[:missing]]) if missing else first

    def shuffle(self, epoch: int) -> Tensor:
        """Return the order of the faces in an epoch."""
        if epoch != self.epoch:
            rng = torch.Generator().manual_seed(derive_seed(self.settings.seed, "shuffle", epoch))
            self.epoch, self.order = epoch, torch.randperm(len(self.faces), generator=rng).to(self.faces.device)
        return self.order

    def choose_mirrored(self, images_seen: int, indices: Tensor) -> Tensor:
        """Return bool (batch size,): the images to mirror of the batch that begins at `images_seen`."""
        storage = self.faces.device
        if self.settings.flip == "alternate":
            epochs = torch.arange(images_seen, images_seen + self.batch_size, device=storage) // len(self.faces)
            return (self.half[indices] + epochs) % 2 == 1
        # Drawn on the training device: the storage of the faces (`memory_mb`) must not change the result.
        rng = create_rng(self.settings.seed, "flip", images_seen, self.device)
        return (torch.rand(self.batch_size, generator=rng, device=self.device) < 0.5).to(storage)

    def read(self, images_seen: int) -> Tensor:
        """Return this process's share of the batch that begins at `images_seen`: float32 (N, C, H, W) in [-1, 1]."""
        indices = self.select(images_seen)
        images = self.faces[distributed.take_share(indices)]
        if self.settings.flip != "none":
            mirrored = distributed.take_share(self.choose_mirrored(images_seen, indices))
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return (images.to(self.device).float() / 127.5 - 1).contiguous(memory_format=MEMORY_FORMAT)


def feed(batches: Batches, images_seen: int, settings: Settings) -> StepInputs:
    """Return the inputs of the step that begins at `images_seen`.

    All random numbers are drawn here, for the whole batch, so that they do not depend on the number of processes or on
    `accumulate`.
    """
    count, device = batches.batch_size, batches.device

    def draw(purpose: str) -> Tensor:
        if not settings.augmentations:
            return torch.empty(count // distributed.size(), 0, device=device)
        return distributed.take_share(draw_numbers(count, create_rng(settings.seed, purpose, images_seen, device)))

    rng = create_rng(settings.seed, "z", images_seen, device)
    return StepInputs(
        real=batches.read(images_seen),
        z=distributed.take_share(torch.randn(count, settings.z_dim, generator=rng, device=device)),
        real_numbers=draw("augment real"),
        fake_numbers=draw("augment fake"),
        generator_numbers=torch.stack([draw(f"augment generator {step}") for step in range(settings.generator_steps)]),
        penalize=images_seen // count % settings.penalty_every == 0,
    )
