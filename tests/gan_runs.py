"""Helpers of the training tests: tiny faces, tiny networks, comparison of two runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mangagan.gan.checkpoint import FILE, PLAIN, SCALARS, list_networks, list_optimizers
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.measurements import Measurements, Measurer
from mangagan.gan.observer import Observer
from mangagan.gan.state import TrainState, create_state

CPU = torch.device("cpu")
CONFIG = TrainConfig(kimg=0.04, log_kimg=0.016, snapshot_kimg=1, base_channels=4, z_dim=8, batch_size=4, device="cpu")
CONFIG = replace(CONFIG, precision="float32")  # the same figures on every processor
TINY = resolve(CONFIG)
CLASSIC = resolve(replace(CONFIG, recipe="classic"))


def faces(count: int = 8, size: int = 28, channels: int = 1) -> np.ndarray:
    """Return discs of different sizes and tones on white."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows - size / 2, columns - size / 2)
    images = np.full((count, channels, size, size), 255, np.uint8)
    for image in images:
        image[:, distance < rng.uniform(0.2, 0.45) * size] = rng.integers(0, 128)
    return images


def fresh(settings: Settings, images: np.ndarray) -> TrainState:
    return create_state(settings, images.shape[2], images.shape[1], CPU)


def observe(settings: Settings, images: np.ndarray, folder: Path, measurer: Measurer | None = None) -> Observer:
    """Return an observer of a run in the folder, without reports."""
    return Observer(settings, images, folder / FILE, Measurements(folder, settings, measurer))


def assert_same(one: TrainState, other: TrainState) -> None:
    for name in (*PLAIN, "rows"):
        assert getattr(one, name) == getattr(other, name), name
    for name in SCALARS:
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    for name, network in list_networks(one).items():
        expected = list_networks(other)[name].state_dict()
        for key, value in network.state_dict().items():
            assert torch.equal(value, expected[key]), f"{name}.{key} differs"
    for name, optimizer in list_optimizers(one).items():
        expected = list_optimizers(other)[name].state_dict()["state"]
        for number, moments in optimizer.state_dict()["state"].items():
            assert all(torch.equal(value, expected[number][key]) for key, value in moments.items()), name
