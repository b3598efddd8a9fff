"""The knobs of training: the `train` section of params.yaml."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainConfig:
    """How long to train, what, and how. 1 kimg = 1,000 training images shown, counting repeats.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    # Budget and schedule. None of them changes the steps taken: a larger budget goes on where a smaller one ended.
    kimg: float = 300.0  # length of the run; 250 passes over 1,200 faces
    log_kimg: float = 1.0  # one row of the curves is the mean over this many; each costs a device sync
    snapshot_kimg: int = 20  # a grid of samples every so many, always of the same 64 latents
    checkpoint_kimg: float = 5.0  # the most that a crash costs; a signal saves one at once
    # Data
    channels: Literal["auto", "gray", "rgb"] = "auto"  # auto: gray when at least 98 % of the faces are, else RGB
    flip: bool = True  # mirrors each image with probability ½: free data, faces have no handedness
    # Networks
    base_channels: int = 32  # width: 256-128-64-32; 64 is the paper's, at 3.7 times the cost on a CPU: for a GPU
    z_dim: int = 100  # length of a latent; the paper's
    # Optimization
    batch_size: int = 32  # images a step, 2 or more, at most all faces; halving it doubles the steps a kimg
    learning_rate: float = 2e-4  # Adam's, for both networks; the paper's
    beta1: float = 0.5  # Adam's momentum; the paper's: 0.9 made training oscillate
    beta2: float = 0.999  # Adam's, the usual value
    # Machine
    seed: int = 0  # one seed, one result on a CPU
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: the GPU when there is one
    threads: int = 0  # CPU threads; 0 takes what torch does, one a core

    def __post_init__(self) -> None:
        for name in ("kimg", "log_kimg", "snapshot_kimg", "checkpoint_kimg", "learning_rate"):
            require(getattr(self, name) > 0, f"{name} must be above 0")
        for name in ("base_channels", "z_dim"):
            require(1 <= getattr(self, name) <= 4096, f"{name} must be in 1 … 4096")
        for name in ("beta1", "beta2"):
            require(0 <= getattr(self, name) < 1, f"{name} must be at least 0 and below 1")
        require(self.batch_size >= 2, "batch_size must be at least 2: BatchNorm needs a batch")
        require(0 <= self.seed < 2**63, "seed must be in 0 … 2⁶³-1")
        require(self.threads >= 0, "threads must be at least 0")


def require(condition: bool, message: str) -> None:
    """Raises ValueError with `message` unless the condition holds."""
    if not condition:
        raise ValueError(message)
