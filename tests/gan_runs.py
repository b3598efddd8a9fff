"""What the tests of the networks share: tiny faces, tiny networks, when two runs are the same."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from mangagan.gan.config import TrainConfig
from mangagan.gan.training import TrainState, create_state

CPU = torch.device("cpu")
TINY = TrainConfig(kimg=0.04, log_kimg=0.016, snapshot_kimg=1, base_channels=4, z_dim=8, batch_size=4, device="cpu")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks gain nothing from more, and lose much when the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def faces(count: int = 8, size: int = 28, channels: int = 1) -> np.ndarray:
    """Discs of different sizes and tones on white."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows - size / 2, columns - size / 2)
    images = np.full((count, channels, size, size), 255, np.uint8)
    for image in images:
        image[:, distance < rng.uniform(0.2, 0.45) * size] = rng.integers(0, 128)
    return images


def fresh(config: TrainConfig, images: np.ndarray) -> TrainState:
    return create_state(config, images.shape[2], images.shape[1], CPU)


def assert_same(one: TrainState, other: TrainState) -> None:
    assert one.images_seen == other.images_seen
    assert one.rows == other.rows
    for name in ("generator", "discriminator"):
        expected = getattr(other, name).state_dict()
        for key, value in getattr(one, name).state_dict().items():
            assert torch.equal(value, expected[key]), f"{name}.{key} differs"
    for name in ("optimizer_g", "optimizer_d"):
        expected = getattr(other, name).state_dict()["state"]
        for number, moments in getattr(one, name).state_dict()["state"].items():
            assert all(torch.equal(value, expected[number][key]) for key, value in moments.items()), name
