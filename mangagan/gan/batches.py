"""What each step is fed, as a function of the seed and the images seen: faces, mirroring, a source of latents."""

import hashlib

import torch
from torch import Tensor

from mangagan.gan import distributed
from mangagan.gan.config import Settings
from mangagan.networks.dcgan import LAYOUT


def derive_seed(seed: int, purpose: str, number: int) -> int:
    """A seed for one draw: independent of every other purpose and number."""
    digest = hashlib.blake2b(f"{seed} {purpose} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_for(seed: int, purpose: str, number: int, device: torch.device) -> torch.Generator:
    """A fresh random source on the device for one draw."""
    return torch.Generator(device).manual_seed(derive_seed(seed, purpose, number))


class Batches:
    """Shuffled batches: without replacement within an epoch, a batch may span two epochs.

    Args:
        faces: uint8 (N, C, H, W); where they lie is where they are picked and mirrored: on the training device, or in
            memory or in a file mapped into it, when they are too many for that.
        batch: images a step, at most N.
        settings: seed and flip.
        device: the training device; the faces' by default.
    """

    def __init__(self, faces: Tensor, batch: int, settings: Settings, device: torch.device | None = None) -> None:
        self.faces, self.batch, self.settings, self.device = faces, batch, settings, device or faces.device
        self.epoch, self.order = -1, torch.empty(0)
        halves = torch.Generator().manual_seed(derive_seed(settings.seed, "halves", 0))
        # One half of the faces is mirrored in even epochs, the other in odd ones.
        self.half = (torch.randperm(len(faces), generator=halves) % 2).to(faces.device)

    def indices(self, images_seen: int) -> Tensor:
        """Which faces make the batch that starts at `images_seen`: int64 (batch,)."""
        epoch, start = divmod(images_seen, len(self.faces))
        first = self.permutation(epoch)[start : start + self.batch]
        rest = self.batch - len(first)
        return torch.cat([first, self.permutation(epoch + 1)[:rest]]) if rest else first

    def permutation(self, epoch: int) -> Tensor:
        """The order of the faces in an epoch."""
        if epoch != self.epoch:
            randomness = torch.Generator().manual_seed(derive_seed(self.settings.seed, "shuffle", epoch))
            self.epoch, self.order = epoch, torch.randperm(len(self.faces), generator=randomness).to(self.faces.device)
        return self.order

    def mirrored(self, images_seen: int, indices: Tensor) -> Tensor:
        """Which images of the batch that starts at `images_seen` are mirrored: bool (batch,)."""
        device = self.faces.device
        if self.settings.flip == "alternate":
            epochs = torch.arange(images_seen, images_seen + self.batch, device=device) // len(self.faces)
            return (self.half[indices] + epochs) % 2 == 1
        randomness = generator_for(self.settings.seed, "flip", images_seen, device)
        return torch.rand(self.batch, generator=randomness, device=device) < 0.5

    def read(self, images_seen: int) -> Tensor:
        """The batch that starts at `images_seen`: float32 (batch, C, H, W) in [-1, 1], on the training device.

        Of several processes each gets its share.
        """
        indices = self.indices(images_seen)
        images = self.faces[distributed.share(indices)]
        if self.settings.flip != "none":
            mirrored = distributed.share(self.mirrored(images_seen, indices))
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return (images.to(self.device).float() / 127.5 - 1).contiguous(memory_format=LAYOUT)
