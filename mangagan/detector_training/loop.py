"""The training loop and its data set."""

import math
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mangagan.core.errors import UserError
from mangagan.detector_training import collage
from mangagan.detector_training.crops import Rng, draw_crop
from mangagan.detector_training.labels import Picture
from mangagan.detector_training.targets import Target, compute_loss, make_target
from mangagan.detector_training.tones import distort
from mangagan.face_network.network import FaceNet

MAX_GRADIENT_NORM = 10.0
LOG_STEPS = 100  # steps for each line of the log


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one training phase."""

    crops: int = 112_000  # training budget: number of crops
    side: int = 256  # height and width of a crop [px], a multiple of 64
    batch_size: int = 16  # crops for each step
    learning_rate: float = 2e-3  # maximum of AdamW's learning rate; a cosine decays it to 0
    weight_decay: float = 0.02  # AdamW's, of the convolution kernels
    warm_up: float = 0.05  # share of the steps in which the learning rate rises [0, 1]
    ema_beta: float = 0.998  # decay of the moving average of the weights, for each step [0, 1]
    panels: float = 0.15  # probability of a crop made of four panels [0, 1]
    pasted: float = 0.15  # probability of a pasted face [0, 1]
    balloons: float = 0.2  # probability of a speech balloon [0, 1]
    seed: int = 0
    device: str = "cpu"  # cpu or cuda
    workers: int = 0  # processes that prepare crops; 0: prepare them in the main process


class CropDataset(Dataset[tuple[np.ndarray, Target[np.ndarray]]]):
    """Random crops. Crop i depends on (seed, i) only, so the number of workers does not change the training."""

    def __init__(self, sources: list[tuple[float, list[Picture]]], settings: TrainingSettings, first: int = 0) -> None:
        """Store the sources.

        Args:
            sources: (share of the crops, pictures) for each source. The shares add up to 1.
            settings: How to draw the crops.
            first: Number of the first crop.
        """
        self.settings, self.first = settings, first
        self.sources = [pictures for _, pictures in sources]
        self.shares = [share for share, _ in sources]
        self.odds = [compute_picture_odds(pictures) for pictures in self.sources]

    def __len__(self) -> int:
        return self.settings.crops

    def __getitem__(self, number: int) -> tuple[np.ndarray, Target[np.ndarray]]:
        """Return the ink of a crop, float32 (1, side, side) in [0, 1], and its target."""
        rng = np.random.default_rng((self.settings.seed, self.first + number))
        pixels, faces = self.compose(rng)
        pixels = distort(rng, pixels)
        return (1 - pixels[None].astype(np.float32) / 255), make_target(faces, self.settings.side)

    def compose(self, rng: Rng) -> collage.Crop:
        """Draw a crop with its faces, before the gray levels are augmented."""
        if rng.random() < self.settings.panels:
            return collage.compose_panels(rng, [self.draw_window(rng) for _ in range(4)])
        crop = self.draw_window(rng)
        if rng.random() < self.settings.pasted:
            crop = collage.paste_face(rng, crop, self.draw_window(rng, around_face=1.0))
        if rng.random() < self.settings.balloons:
            crop = collage.add_balloon(rng, crop)
        return crop

    def draw_window(self, rng: Rng, around_face: float = 0.8) -> collage.Crop:
        """Draw a source, a picture of it, and a crop of the picture."""
        source = rng.choice(len(self.sources), p=self.shares)
        picture = self.sources[source][rng.choice(len(self.sources[source]), p=self.odds[source])]
        return draw_crop(rng, picture, self.settings.side, around_face)


def compute_picture_odds(pictures: list[Picture]) -> np.ndarray:
    """Return the probability of each picture, float64 (N,), in proportion to its faces: each face is equally likely.

    A picture without faces counts as half a face, so that it is drawn as well.
    """
    weights = np.array([max(len(picture.faces), 0.5) for picture in pictures])
    return weights / weights.sum()


def train(network: FaceNet, crops: CropDataset, settings: TrainingSettings) -> FaceNet:
    """Train `network` in place on `settings.device`.

    Returns:
        The moving average of the weights after the last step, on the CPU, in evaluation mode.
    """
    device = torch.device(settings.device)
    network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch's stub lacks it
    averaged = deepcopy(network)
    optimizer = torch.optim.AdamW(group_parameters(network, settings), lr=settings.learning_rate, fused=True)
    steps = settings.crops // settings.batch_size
    log = TrainingLog(settings.crops, settings.batch_size, ("heat", "box", "usable"))
    for step, (ink, target) in enumerate(iterate_batches(crops, settings, device)):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * schedule_rate(step / steps, settings.warm_up)
        loss, terms = compute_loss(network(ink), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        update_average(averaged, network, min(settings.ema_beta, (1 + step) / (10 + step)))
        log.add(step, terms)
    return averaged.cpu().eval()


def iterate_batches(
    crops: CropDataset, settings: TrainingSettings, device: torch.device
) -> Iterator[tuple[Tensor, Target[Tensor]]]:
    """Yield the crops in batches on the device, in order. An incomplete last batch is dropped."""
    loader = DataLoader(crops, settings.batch_size, drop_last=True, num_workers=settings.workers)
    for ink, target in loader:
        moved = ink.to(device, memory_format=torch.channels_last)
        yield moved, Target(*(tensor.to(device) for tensor in target))


def group_parameters(network: FaceNet, settings: TrainingSettings) -> list[dict[str, object]]:
    """Return parameter groups with weight decay for kernels and without it for biases and batch normalization."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]


def schedule_rate(progress: float, warm_up: float) -> float:
    """Return the learning rate as a share of its maximum: linear warm-up times a cosine.

    Args:
        progress: Share of the steps that are done [0, 1].
        warm_up: Share of the steps in which the learning rate rises [0, 1].
    """
    return min(progress / warm_up + 0.01, 1.0) * 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def update_average(averaged: nn.Module, network: nn.Module, beta: float) -> None:
    """Update the moving average of weights and running statistics, with decay `beta`, in place."""
    for old, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - beta)


class TrainingLog:
    """Prints a line on stderr every `LOG_STEPS` steps: crops, crops per second, and the mean of each loss term."""

    def __init__(self, crops: int, batch_size: int, terms: tuple[str, ...]) -> None:
        """Start the clock. `terms` are the names of the loss terms."""
        self.crops, self.batch_size, self.terms = crops, batch_size, terms
        self.sums, self.started = torch.zeros(len(terms)), time.perf_counter()

    def add(self, step: int, terms: Tensor) -> None:
        """Add the loss terms of a step, counted from 0.

        Raises:
            UserError: The loss is not finite.
        """
        self.sums = self.sums.to(terms.device) + terms
        if (step + 1) % LOG_STEPS == 0:
            count = (step + 1) * self.batch_size
            means = (self.sums / LOG_STEPS).tolist()
            if not math.isfinite(sum(means)):
                raise UserError(f"training diverged after {count} crops. Try another --seed or a larger --batch-size")
            speed = count / (time.perf_counter() - self.started)
            losses = "  ".join(f"{name} {mean:.3f}" for name, mean in zip(self.terms, means, strict=True))
            print(f"{count}/{self.crops} crops  {speed:.1f}/s  {losses}", file=sys.stderr, flush=True)
            self.sums = torch.zeros(len(self.terms))
