"""All that changes during training, and what of it is delivered."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from mangagan.gan import distributed, ema
from mangagan.gan.augment import augment
from mangagan.gan.batches import derive_seed
from mangagan.gan.config import Settings
from mangagan.networks.dcgan import LAYOUT, Discriminator, Generator, initialize
from mangagan.networks.sampling import latents, sample

CURVES = ("kimg", "loss_d", "loss_g", "d_real", "d_fake", "realness", "augment_p")
CALIBRATION = 512  # latents that the statistics of an averaged generator's BatchNorm are taken of


@dataclass
class TrainState:
    """All that changes during training.

    Attributes:
        generator: G, as the optimizer moves it.
        discriminator: D.
        average: the average of G's weights; None for a recipe without.
        optimizer_g: Adam of G.
        optimizer_d: Adam of D.
        strength: () float32, the probability of an augmentation.
        realness: () float32, `losses.realness` averaged over the last steps; drives the strength.
        images_seen: how far the run is.
        sums: of the curves since the last row; on the device.
        steps: in `sums`.
        rows: finished rows of CURVES.
        measured: what `Hooks.measure` returned, with `kimg`, oldest first.
        best: the weights of the generator with the least kernel distance measured; None before the first.
        alarms: name → line of every alarm that was raised.
        draw: G's forward pass, compiled where the settings say so.
        judge: D's.
        augment: what D gets to see of images, compiled likewise.
    """

    generator: Generator
    discriminator: Discriminator
    average: Generator | None
    optimizer_g: torch.optim.Adam
    optimizer_d: torch.optim.Adam
    strength: Tensor
    realness: Tensor
    sums: Tensor
    draw: Callable[[Tensor], Tensor]
    judge: Callable[[Tensor], Tensor]
    augment: Callable[[Tensor, tuple[str, ...], Tensor, Tensor], Tensor]
    images_seen: int = 0
    steps: int = 0
    rows: list[list[float]] = field(default_factory=list)
    measured: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    alarms: dict[str, str] = field(default_factory=dict)


def create_state(settings: Settings, image_size: int, channels: int, device: torch.device) -> TrainState:
    """The state before the first step; the weights depend on `settings.seed`, not on the device."""
    randomness = torch.Generator().manual_seed(derive_seed(settings.seed, "weights", 0))
    width, kernel = settings.base_channels, settings.kernel
    generator = Generator(
        image_size, channels, settings.z_dim, width, kernel, settings.norm_g, settings.latent, settings.skips
    )
    bias = settings.loss != "relativistic"
    discriminator = Discriminator(image_size, channels, width, kernel, settings.norm_d, settings.minibatch_stddev, bias)
    for network in (generator, discriminator):
        initialize(network, randomness)
        network.to(device)
        network.to(memory_format=LAYOUT)  # type: ignore[call-overload]  # torch's stub lacks it

    def adam(network: torch.nn.Module, learning_rate: float) -> torch.optim.Adam:
        betas = (settings.beta1, settings.beta2)
        return torch.optim.Adam(network.parameters(), lr=learning_rate, betas=betas, fused=True)

    state = TrainState(
        generator=generator,
        discriminator=discriminator,
        average=copy.deepcopy(generator).requires_grad_(False) if settings.ema_kimg else None,
        optimizer_g=adam(generator, settings.learning_rate_g),
        optimizer_d=adam(discriminator, settings.learning_rate_d),
        strength=torch.tensor(settings.augment_p, device=device),
        realness=torch.tensor(0.0, device=device),
        sums=torch.zeros(len(CURVES) - 1, device=device),
        # The compiled networks share the weights of the plain ones, which the state_dicts are taken of.
        draw=torch.compile(generator, dynamic=False) if settings.compile else generator,
        judge=torch.compile(discriminator, dynamic=False) if settings.compile else discriminator,
        augment=torch.compile(augment, dynamic=False) if settings.compile else augment,
    )
    for network in (generator, discriminator):  # not the average, which one process alone calibrates
        distributed.synchronize(network)
    return state


def delivered(state: TrainState, settings: Settings) -> Generator:
    """The generator that samples are drawn with: the average where there is one, else G itself.

    Returns:
        A network of its own where it is the average: its BatchNorm statistics are taken anew.
    """
    if state.average is None:
        return state.generator
    return ema.calibrated(
        state.average, latents(CALIBRATION, settings.z_dim, derive_seed(settings.seed, "calibrate", 0))
    )


def drawer(generator: Generator, settings: Settings) -> Callable[[int], np.ndarray]:
    """What the measuring function draws samples with: always of the same latents, the first n of them."""
    seed = derive_seed(settings.seed, "measure", 0)
    return lambda count: sample(generator, latents(count, settings.z_dim, seed))
