"""The training loop."""

import math
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mangagan.core.errors import UserError
from mangagan.detector_training import collage
from mangagan.detector_training.crops import Rng, draw_crop
from mangagan.detector_training.labels import Picture
from mangagan.detector_training.targets import Target, loss, make_target
from mangagan.detector_training.tones import distort
from mangagan.face_network.network import FaceNet


@dataclass(frozen=True)
class Settings:
    """How to train."""

    crops: int = 112_000  # to be seen in all
    side: int = 256  # px of a crop, a multiple of 64
    batch_size: int = 16  # crops a step
    learning_rate: float = 2e-3  # AdamW's, at its highest; falls to 0 along a cosine
    weight_decay: float = 0.02
    warm_up: float = 0.05  # share of the steps in which the rate rises
    average: float = 0.998  # of the weights: the share that a step keeps
    panels: float = 0.15  # chance of a crop made of four
    pasted: float = 0.15  # chance of a face from elsewhere
    balloons: float = 0.2  # chance of a balloon
    seed: int = 0
    device: str = "cpu"
    workers: int = 0  # processes that prepare crops; 0: none but this one


class Crops(Dataset[tuple[np.ndarray, Target[np.ndarray]]]):
    """Crop number i, a function of (seed, i) alone: neither workers nor their number change what is seen."""

    def __init__(self, sources: list[tuple[float, list[Picture]]], settings: Settings, first: int = 0) -> None:
        """Names the sources.

        Args:
            sources: (share of the crops, pictures); shares add up to 1.
            settings: how.
            first: number of the first crop.
        """
        self.settings, self.first = settings, first
        self.sources = [pictures for _, pictures in sources]
        self.shares = [share for share, _ in sources]
        # Pages with more faces come more often, so that each face comes equally often; faceless ones still come.
        self.odds = [odds(pictures) for pictures in self.sources]

    def __len__(self) -> int:
        return self.settings.crops

    def __getitem__(self, number: int) -> tuple[np.ndarray, Target[np.ndarray]]:
        """Ink, float32 (1, side, side) in 0 to 1, and what the network should say about it."""
        rng = np.random.default_rng((self.settings.seed, self.first + number))
        pixels, faces = self.compose(rng)
        pixels = distort(rng, pixels)
        return (1 - pixels[None].astype(np.float32) / 255), make_target(faces, self.settings.side)

    def compose(self, rng: Rng) -> collage.Crop:
        """A crop with its faces before distortion."""
        if rng.random() < self.settings.panels:
            return collage.panels(rng, [self.window(rng) for _ in range(4)])
        crop = self.window(rng)
        if rng.random() < self.settings.pasted:
            crop = collage.paste_face(rng, crop, self.window(rng, around_face=1.0))
        if rng.random() < self.settings.balloons:
            crop = collage.add_balloon(rng, crop)
        return crop

    def window(self, rng: Rng, around_face: float = 0.8) -> collage.Crop:
        """A part of one picture."""
        source = rng.choice(len(self.sources), p=self.shares)
        picture = self.sources[source][rng.choice(len(self.sources[source]), p=self.odds[source])]
        return draw_crop(rng, picture, self.settings.side, around_face)


def odds(pictures: list[Picture]) -> np.ndarray:
    """How often each picture comes: by its number of faces, float64 (N,), adding up to 1."""
    weights = np.array([max(len(picture.faces), 0.5) for picture in pictures])
    return weights / weights.sum()


def train(network: FaceNet, crops: Crops, settings: Settings) -> FaceNet:
    """Trains `network` in place on `settings.device`.

    Returns:
        The average of its weights along the way, on the CPU, in evaluation mode.
    """
    device = torch.device(settings.device)
    network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch's stub lacks it
    averaged = deepcopy(network)
    optimizer = torch.optim.AdamW(parameter_groups(network, settings), lr=settings.learning_rate, fused=True)
    steps = settings.crops // settings.batch_size
    log = Log(settings.crops, settings.batch_size)
    for step, (ink, target) in enumerate(batches(crops, settings, device)):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate(step / steps, settings.warm_up)
        total, parts = loss(network(ink), target)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        follow(averaged, network, min(settings.average, (1 + step) / (10 + step)))
        log.add(step, parts)
    return averaged.cpu().eval()


def batches(crops: Crops, settings: Settings, device: torch.device) -> Iterator[tuple[Tensor, Target[Tensor]]]:
    """The crops in order, in batches on the device."""
    loader = DataLoader(crops, settings.batch_size, drop_last=True, num_workers=settings.workers)
    for ink, target in loader:
        moved = ink.to(device, memory_format=torch.channels_last)
        yield moved, Target(*(tensor.to(device) for tensor in target))


def parameter_groups(network: FaceNet, settings: Settings) -> list[dict[str, object]]:
    """Weight decay for convolutions, none for biases and normalization."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]


def rate(done: float, warm_up: float) -> float:
    """The learning rate as a share of the highest, after a share `done` of the steps."""
    return min(done / warm_up + 0.01, 1.0) * 0.5 * (1 + math.cos(math.pi * done))


@torch.no_grad()
def follow(averaged: FaceNet, network: FaceNet, keep: float) -> None:
    """Moves each weight and running statistic of `averaged` towards that of `network`."""
    for old, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - keep)


class Log:
    """A line on stderr every `EVERY` steps: crops seen, crops a second, and the mean of each part of the loss."""

    EVERY = 100

    def __init__(self, crops: int, batch_size: int) -> None:
        self.crops, self.batch_size = crops, batch_size
        self.sums, self.started = torch.zeros(3), time.perf_counter()

    def add(self, step: int, parts: Tensor) -> None:
        """Counts a step, from 0."""
        self.sums = self.sums.to(parts.device) + parts
        if (step + 1) % self.EVERY == 0:
            seen = (step + 1) * self.batch_size
            heat, box, usable = (self.sums / self.EVERY).tolist()
            if not math.isfinite(heat + box + usable):
                raise UserError(f"training diverged after {seen} crops: try another --seed or a larger --batch-size")
            pace = seen / (time.perf_counter() - self.started)
            losses = f"heat {heat:.3f}  box {box:.3f}  usable {usable:.3f}"
            print(f"{seen}/{self.crops} crops  {pace:.1f}/s  {losses}", file=sys.stderr, flush=True)
            self.sums = torch.zeros(3)
