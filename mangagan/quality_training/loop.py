"""Training loop and dataset of the face quality network."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, Dataset

from mangagan.detector_training.crops import Rng
from mangagan.detector_training.labels import Picture
from mangagan.detector_training.loop import TrainingLog, schedule_rate, update_average
from mangagan.detector_training.tones import distort
from mangagan.face_quality.network import FaceQualityNet
from mangagan.quality_training.crops import cover_face, draw_crop
from mangagan.quality_training.examples import Example, draw_other_box

MAX_GRADIENT_NORM = 5.0
USABLE_WEIGHT = 1.0  # weight of the loss of the output `usable`; that of `face` is 1


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the training."""

    crops: int = 24_000  # training budget: number of crops
    batch_size: int = 64  # crops per step
    learning_rate: float = 1e-3  # maximum learning rate of the head; cosine decay to 0
    encoder_rate: float = 0.2  # learning rate of the encoder, as a share of `learning_rate`
    weight_decay: float = 0.05  # weight decay of AdamW; only for kernels
    warm_up: float = 0.05  # share of the steps in which the learning rate rises [0, 1]
    ema_beta: float = 0.99  # decay of the moving average of the weights, per step [0, 1]
    covered: float = 0.3  # probability that a part of a usable face is covered [0, 1]
    tones: float = 0.8  # probability of augmented gray levels [0, 1]
    seed: int = 0


@dataclass(frozen=True)
class Source:
    """A part of the training data.

    Attributes:
        share: Share of the crops [0, 1].
        examples: Examples, sampled uniformly. Empty: sample boxes without a face on `pictures`.
        pictures: Pictures for boxes without a face. Used only if `examples` is empty.
    """

    share: float
    examples: list[Example]
    pictures: list[Picture]


class CropDataset(Dataset[tuple[np.ndarray, np.ndarray]]):
    """Random crops. Crop i depends only on the sources, the settings and i."""

    def __init__(self, sources: list[Source], settings: TrainingSettings) -> None:
        self.settings = settings
        self.sources = [source for source in sources if source.examples or source.pictures]
        shares = np.array([source.share for source in self.sources])
        self.odds = shares / shares.sum()

    def __len__(self) -> int:
        return self.settings.crops

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the ink of a crop, float32 (1, SIDE, SIDE) in [0, 1], and its labels, float32 (2,): face, usable."""
        rng = np.random.default_rng((self.settings.seed, number))
        example = self.draw_example(rng)
        pixels, box = draw_crop(rng, example)
        labels = (example.face, example.usable)
        if example.usable == 1 and rng.random() < self.settings.covered:
            other, _ = draw_crop(rng, self.draw_example(rng))
            pixels, labels = cover_face(rng, pixels, box, other)
        if rng.random() < self.settings.tones:
            pixels = distort(rng, pixels)
        return 1 - pixels[None].astype(np.float32) / 255, np.array(labels, np.float32)

    def draw_example(self, rng: Rng) -> Example:
        """Return a random example of a random source."""
        while True:
            source = self.sources[rng.choice(len(self.sources), p=self.odds)]
            if source.examples:
                return source.examples[rng.integers(len(source.examples))]
            example = draw_other_box(rng, source.pictures[rng.integers(len(source.pictures))])
            if example:
                return example


def train(network: FaceQualityNet, crops: CropDataset, settings: TrainingSettings) -> FaceQualityNet:
    """Train `network` in place.

    Returns:
        The moving average of the weights after the last step, in evaluation mode.
    """
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch's stub lacks it
    averaged = deepcopy(network)
    optimizer = torch.optim.AdamW(group_parameters(network, settings), fused=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    steps = settings.crops // settings.batch_size
    log = TrainingLog(settings.crops, settings.batch_size, ("face", "usable"))
    for step, (ink, labels) in enumerate(DataLoader(crops, settings.batch_size, drop_last=True)):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * schedule_rate(step / steps, settings.warm_up)
        loss, terms = compute_loss(network(ink.to(memory_format=torch.channels_last)), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        update_average(averaged, network, min(settings.ema_beta, (1 + step) / (10 + step)))
        log.add(step, terms)
    return averaged.eval()


def compute_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch, and its terms (2,), detached: face, usable.

    Args:
        logits: (N, 2): face, usable.
        labels: (N, 2): 1 yes, 0 no, -1 unknown.
    """
    known = (labels >= 0).float()
    entropy = binary_cross_entropy_with_logits(logits, labels.clamp(min=0), weight=known, reduction="none")
    terms = entropy.sum(0) / known.sum(0).clamp(min=1)
    return terms[0] + USABLE_WEIGHT * terms[1], terms.detach()


def group_parameters(network: FaceQualityNet, settings: TrainingSettings) -> list[dict[str, object]]:
    """Return parameter groups: kernels (with weight decay) and vectors (without), of the encoder and of the head."""
    groups = []
    for encoder in (True, False):
        rate = settings.learning_rate * (settings.encoder_rate if encoder else 1)
        for kernels in (True, False):
            chosen = [
                parameter
                for name, parameter in network.named_parameters()
                if name.startswith(("stem", "stages")) == encoder and (parameter.ndim > 1) == kernels
            ]
            groups.append({"params": chosen, "lr": rate, "weight_decay": settings.weight_decay if kernels else 0.0})
    return groups
