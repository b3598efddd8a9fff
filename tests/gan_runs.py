"""What the tests of the networks share: tiny faces, tiny networks, when two runs are the same."""

from dataclasses import replace

import numpy as np
import torch

from mangagan.gan.checkpoint import OPTIMIZERS, PLAIN, SCALARS, networks
from mangagan.gan.config import Settings, TrainConfig, resolve
from mangagan.gan.state import TrainState, create_state

CPU = torch.device("cpu")
CONFIG = TrainConfig(kimg=0.04, log_kimg=0.016, snapshot_kimg=1, base_channels=4, z_dim=8, batch_size=4, device="cpu")
CONFIG = replace(CONFIG, precision="float32")  # the same figures on every processor
TINY = resolve(CONFIG)
CLASSIC = resolve(replace(CONFIG, recipe="classic"))


def faces(count: int = 8, size: int = 28, channels: int = 1) -> np.ndarray:
    """Discs of different sizes and tones on white."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows - size / 2, columns - size / 2)
    images = np.full((count, channels, size, size), 255, np.uint8)
    for image in images:
        image[:, distance < rng.uniform(0.2, 0.45) * size] = rng.integers(0, 128)
    return images


def fresh(settings: Settings, images: np.ndarray) -> TrainState:
    return create_state(settings, images.shape[2], images.shape[1], CPU)


def assert_same(one: TrainState, other: TrainState) -> None:
    for name in PLAIN:
        if name != "best":
            assert getattr(one, name) == getattr(other, name), name
    for name in SCALARS:
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert (one.best is None) == (other.best is None)
    pairs = [
        (name, network.state_dict(), networks(other)[name].state_dict()) for name, network in networks(one).items()
    ]
    if one.best is not None and other.best is not None:
        pairs.append(("best", one.best, other.best))
    for name, found, expected in pairs:
        for key, value in found.items():
            assert torch.equal(value, expected[key]), f"{name}.{key} differs"
    for name in OPTIMIZERS:
        expected = getattr(other, name).state_dict()["state"]
        for number, moments in getattr(one, name).state_dict()["state"].items():
            assert all(torch.equal(value, expected[number][key]) for key, value in moments.items()), name
