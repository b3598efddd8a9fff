"""The training loop: every step is a function of the weights, the seed and the images seen so far.

No random state is carried along, so that a run that was interrupted and resumed ends bit-identical to one that was not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mangagan.errors import UserError
from mangagan.gan.batches import Batches, derive_seed, generator_for
from mangagan.gan.config import TrainConfig
from mangagan.gan.networks import LAYOUT, Discriminator, Generator, initialize
from mangagan.gan.sampling import latents, sample

GRID = 64  # latents of a snapshot
CURVES = ("kimg", "loss_d", "loss_g", "d_real", "d_fake")


@dataclass
class TrainState:
    """All that changes during training."""

    generator: Generator
    discriminator: Discriminator
    optimizer_g: torch.optim.Adam
    optimizer_d: torch.optim.Adam
    images_seen: int = 0
    sums: Tensor = field(default_factory=lambda: torch.zeros(4))  # of the curves since the last row; on the device
    steps: int = 0  # in `sums`
    rows: list[list[float]] = field(default_factory=list)  # finished rows of CURVES


def ignore(*_: object) -> None:
    """Does nothing; the default of a hook."""


@dataclass(frozen=True)
class Hooks:
    """What the loop tells the outside world, and what it asks."""

    step: Callable[[int], object] = ignore  # images seen; must not touch the device
    log: Callable[[list[float]], object] = ignore  # a row of CURVES
    snapshot: Callable[[float, np.ndarray], object] = ignore  # kimg, uint8 (64, C, H, W)
    checkpoint: Callable[[TrainState], object] = ignore
    stop: Callable[[], bool] = lambda: False  # asked after each step; True saves a checkpoint and ends the loop


def create_state(config: TrainConfig, image_size: int, channels: int, device: torch.device) -> TrainState:
    """The state before the first step; the weights depend on `config.seed`, not on the device."""
    randomness = torch.Generator().manual_seed(derive_seed(config.seed, "weights", 0))
    generator = Generator(image_size, channels, config.z_dim, config.base_channels)
    discriminator = Discriminator(image_size, channels, config.base_channels)
    for network in (generator, discriminator):
        initialize(network, randomness)
        network.to(device)
        network.to(memory_format=LAYOUT)  # type: ignore[call-overload]  # torch's stub lacks it

    def adam(network: torch.nn.Module) -> torch.optim.Adam:
        betas = (config.beta1, config.beta2)
        return torch.optim.Adam(network.parameters(), lr=config.learning_rate, betas=betas, fused=True)

    sums = torch.zeros(4, device=device)
    return TrainState(generator, discriminator, adam(generator), adam(discriminator), sums=sums)


def train(state: TrainState, faces: np.ndarray, config: TrainConfig, hooks: Hooks) -> bool:
    """Trains until `config.kimg` or until `hooks.stop()`.

    Args:
        state: changed in place; fresh from `create_state` or out of a checkpoint.
        faces: uint8 (N, C, H, W), N at least 2.
        config: how.
        hooks: called in the loop.

    Returns:
        True when the budget is used up, False when the loop was stopped.

    Raises:
        UserError: too few faces, or the training diverged.
    """
    device = state.sums.device
    batch = clip_batch(config.batch_size, len(faces))
    batches = Batches(torch.from_numpy(faces).to(device), batch, config)
    fixed = latents(GRID, config.z_dim, config.seed)
    if state.images_seen == 0:
        hooks.snapshot(0, sample(state.generator, fixed))
    end = final_images(config, len(faces))
    while state.images_seen < end:
        before = state.images_seen
        real = batches.read(before)
        z = torch.randn(batch, config.z_dim, generator=generator_for(config, "z", before, device), device=device)
        state.sums += train_step(state, real, z)
        state.steps += 1
        state.images_seen += batch
        after_step(state, before, config, hooks, fixed)
        if due(before, state.images_seen, config.checkpoint_kimg) and state.images_seen < end:
            save(state, hooks)
        if hooks.stop():
            save(state, hooks)
            return False
    save(state, hooks)
    return True


def train_step(state: TrainState, real: Tensor, z: Tensor) -> Tensor:
    """One update of D, then one of G on the same latents (Goodfellow et al. 2014, non-saturating loss).

    Args:
        state: its networks and optimizers are updated in place.
        real: (N, C, H, W) in [-1, 1].
        z: (N, z_dim).

    Returns:
        (4,) on the device: loss_d, loss_g, mean D(x) and mean D(G(z)), probabilities before the update.
    """
    cast = torch.autocast(real.device.type, torch.bfloat16, enabled=real.device.type == "cuda")
    with cast:
        fake = state.generator(z).contiguous(memory_format=LAYOUT)
        real_logits = state.discriminator(real).float()
        fake_logits = state.discriminator(fake.detach()).float()
    loss_d = discriminator_loss(real_logits, fake_logits)
    state.optimizer_d.zero_grad()
    torch.autograd.backward(loss_d)
    state.optimizer_d.step()

    state.discriminator.requires_grad_(False)  # saves D's weight gradients, a third of its backward pass
    with cast:
        judged = state.discriminator(fake).float()
    loss_g = generator_loss(judged)
    state.optimizer_g.zero_grad()
    torch.autograd.backward(loss_g)
    state.optimizer_g.step()
    state.discriminator.requires_grad_(True)
    probabilities = [real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()]
    return torch.stack([loss_d, loss_g, *probabilities]).detach()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), mean over the batch; 2·log 2 for a discriminator that cannot tell."""
    real = binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    return real + binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))


def generator_loss(fake_logits: Tensor) -> Tensor:
    """-log D(G(z)), mean over the batch: its gradient does not vanish when D wins; log 2 for one that cannot tell."""
    return binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def after_step(state: TrainState, before: int, config: TrainConfig, hooks: Hooks, fixed: Tensor) -> None:
    """Tells what is due between `before` and `state.images_seen`: a row of the curves, a snapshot."""
    hooks.step(state.images_seen)
    if due(before, state.images_seen, config.log_kimg):
        state.rows.append(current_row(state))
        state.sums.zero_()
        state.steps = 0
        hooks.log(state.rows[-1])
    if due(before, state.images_seen, config.snapshot_kimg):
        kimg = state.images_seen // (1000 * config.snapshot_kimg) * config.snapshot_kimg
        hooks.snapshot(kimg, sample(state.generator, fixed))


def save(state: TrainState, hooks: Hooks) -> None:
    """Hands the state to the checkpoint hook, unless it holds NaN: no one could go on from there."""
    current_row(state)
    weights = [*state.generator.parameters(), *state.discriminator.parameters()]
    if not torch.stack([weight.isfinite().all() for weight in weights]).all():
        raise diverged(state)
    hooks.checkpoint(state)


def current_row(state: TrainState) -> list[float]:
    """The means since the last row, as a row of CURVES. This is a device sync point.

    Raises:
        UserError: a loss is NaN or infinite.
    """
    means = (state.sums / max(state.steps, 1)).tolist()
    if not all(math.isfinite(mean) for mean in means):
        raise diverged(state)
    return [state.images_seen / 1000, *means]


def diverged(state: TrainState) -> UserError:
    """The error for NaN."""
    return UserError(
        f"training diverged (NaN) before {state.images_seen / 1000:.1f} kimg: "
        "halve train.learning_rate in params.yaml or raise train.batch_size"
    )


def due(before: int, after: int, every_kimg: float) -> bool:
    """Whether a multiple of `every_kimg` lies in (before, after] images."""
    return int(after / (1000 * every_kimg)) > int(before / (1000 * every_kimg))


def final_images(config: TrainConfig, faces: int) -> int:
    """The images seen at the end of a run over so many faces: the budget, up to the last whole batch."""
    batch = clip_batch(config.batch_size, faces)
    return -(-round(1000 * config.kimg) // batch) * batch


def clip_batch(batch_size: int, faces: int) -> int:
    """The batch that is used: the one asked for or all the faces there are.

    Raises:
        UserError: fewer than two faces.
    """
    if faces < 2:
        raise UserError(f"training needs at least 2 faces, found {faces}: add screenshots or loosen detect and dedup")
    return min(batch_size, faces)
