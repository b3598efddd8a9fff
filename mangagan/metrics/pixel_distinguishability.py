"""Metric `pixel_distinguishability`: how well a small network learns to distinguish samples from hold-out faces.

Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests" (ICLR 2017, arXiv 1610.06545). The network is small and
trained only briefly; otherwise the AUC would be 1.00 for every generator and could not rank them. It uses no pretrained
features, so it is independent of the networks used to train the generator.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus

from mangagan.core.parallel import cpu_count
from mangagan.metrics.comparison import Figures, compare_with_holdout, make_missing
from mangagan.metrics.evaluation_data import EvaluationData
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.ranking import compute_auc
from mangagan.metrics.types import FLOOR_WITH_HOLDOUT, Direction, ImageMeasurement, Metric, MetricGroup

MIN_COUNT = 40  # minimum size of each set (samples, hold-out faces); half of it is for training
MAX_COUNT = 600  # maximum size of each set
REPEATS = 4  # networks trained for the value, and as many for the floor
SIDE = 56  # height and width of the images [px]
WIDTHS = (8, 16, 32, 32)  # feature maps of the convolutions
KERNEL = 4  # [px]
STEPS = 150  # training steps (Adam)
BATCH = 16  # samples per step, and as many hold-out faces
LEARNING_RATE = 1e-3
LEAKY_SLOPE = 0.2


def measure_pixel_distinguishability(data: EvaluationData, settings: EvaluateParams) -> Figures:
    """Measure the AUC of the network on images that it was not trained on."""
    if reason := data.explain_shortage(MIN_COUNT):
        return {"pixel_distinguishability": make_missing(reason, data.count)}

    def measure(chosen: np.ndarray, reference: np.ndarray, seed: int) -> dict[str, float]:
        return {"pixel_distinguishability": measure_network_auc(chosen, reference, seed)}

    count = min(data.count, MAX_COUNT)
    sets = replace(data.images, ruined={})  # no ceilings: the AUC of ruined faces is 1
    return compare_with_holdout(measure, sets, count, REPEATS, settings.seed, cpu_count())


def measure_network_auc(first: np.ndarray, second: np.ndarray, seed: int) -> float:
    """Train a network on half of each set and return its AUC on the other halves.

    Args:
        first: uint8 (N, C, S, S), N at least 2.
        second: uint8 of the same shape.
        seed: Seed of the halves, the initial weights and the batches.

    Returns:
        Probability that the network rates an image of `first` as more likely to belong to `first` than one of `second`;
        about 0.5 for two samples of one distribution.
    """
    generator = torch.Generator().manual_seed(seed)
    sets = [shrink(images)[torch.randperm(len(images), generator=generator)] for images in (first, second)]
    half = len(first) // 2
    network = build_network(first.shape[1], generator)
    train_network(network, sets[0][:half], sets[1][:half], generator)
    with torch.inference_mode():
        logits = [network(images[half:]).double().numpy() for images in sets]
    return compute_auc(*logits)


def build_network(channels: int, generator: torch.Generator) -> nn.Sequential:
    """Return a network that maps images (N, C, SIDE, SIDE) to logits (N,): convolutions, mean, linear layer."""
    widths = (channels, *WIDTHS)
    layers: list[nn.Module] = []
    with torch.device("meta"):  # meta: do not draw weights from the global random generator
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, KERNEL, stride=2, padding=1), nn.LeakyReLU(LEAKY_SLOPE)]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 1), nn.Flatten(0)]
    network = nn.Sequential(*layers).to_empty(device="cpu")
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter, LEAKY_SLOPE, generator=generator)
        else:
            nn.init.zeros_(parameter)
    # Channels-last memory halves the time. The type stub of torch lacks this call.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def train_network(network: nn.Module, first: Tensor, second: Tensor, generator: torch.Generator) -> None:
    """Train the network to return positive logits for `first` and negative ones for `second`.

    Each image is mirrored with probability 0.5.
    """
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    for _ in range(STEPS):
        chosen = (torch.randint(len(images), (BATCH,), generator=generator) for images in (first, second))
        batch = torch.cat([images[indices] for images, indices in zip((first, second), chosen, strict=True)])
        mirrored = torch.rand(2 * BATCH, generator=generator) < 0.5
        logits = network(torch.where(mirrored[:, None, None, None], batch.flip(-1), batch))
        loss = softplus(-logits[:BATCH]).mean() + softplus(logits[BATCH:]).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def shrink(images: np.ndarray) -> Tensor:
    """Return images as float32 (N, C, SIDE, SIDE) in [-1, 1], each pixel the mean of its area."""
    small = interpolate(torch.from_numpy(images).float() / 127.5 - 1, size=(SIDE, SIDE), mode="area")
    return small.contiguous(memory_format=torch.channels_last)


MEASUREMENT = ImageMeasurement(
    measure_pixel_distinguishability,
    (
        Metric(
            key="pixel_distinguishability",
            title="Distinguishability by a small network",
            question="How well does a small network learn to distinguish samples from real faces?",
            unit="AUC: 0.5 cannot distinguish them, 1 always can",
            direction=Direction.LOWER,
            group=MetricGroup.DISTANCE,
            floor=FLOOR_WITH_HOLDOUT,
            same="Not distinguishable from real faces.",
            below="Less distinguishable than two sets of real faces are.",
            above="Distinguishable from real faces.",
            about=f"A new network is trained for {STEPS} steps on half of the samples and hold-out faces, at {SIDE} px,"
            " and tested on the other half (Lopez-Paz and Oquab 2017). The value is the probability that it gives a"
            " sample a higher score than a hold-out face. The training is short; a longer one would give 1 even for"
            " small differences. A slight blur of all samples is enough for a value near 1.",
            bounds=(0.4, 1.0),
            ceilings=(),
        ),
    ),
)
