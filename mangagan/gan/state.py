"""Everything that changes during training, and the generator that is delivered from it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from mangagan.face_network.weights import WEIGHTS, load_face_network
from mangagan.gan import distributed, ema
from mangagan.gan.augment import augment
from mangagan.gan.batches import derive_seed
from mangagan.gan.config import Settings
from mangagan.gan.curves import STATISTICS, CurveRow
from mangagan.networks.dcgan import MEMORY_FORMAT, Discriminator, Generator, initialize
from mangagan.networks.feature_discriminator import FeatureDiscriminator, FrozenEncoder
from mangagan.networks.sampling import draw_latents, generate_images

CALIBRATION_LATENTS = 512  # for the BatchNorm statistics of an averaged generator

Sampler = Callable[[int], np.ndarray]  # n → images of a generator, uint8 (n, C, S, S)


@dataclass
class TrainState:
    """Everything that changes during training.

    Attributes:
        generator: G, as the optimizer updates it.
        discriminator: D.
        feature_discriminator: Discriminators on features; None if `feature_weight` is 0.
        average: Moving average of G's weights; None if `ema_kimg` is 0.
        optimizer_g: Adam of G; its learning rate is a 0-dim tensor.
        optimizer_d: Adam of D; likewise.
        optimizer_f: Adam of the discriminators on features; likewise. None if there are none.
        strength: Probability of each augmentation, () float32.
        realness: `losses.measure_realness` averaged over the last steps, () float32; controls the strength.
        sums: Sums of `curves.STATISTICS` since the last row, on the device.
        generate: Forward pass of G, compiled if the settings say so.
        discriminate: Forward pass of D, likewise.
        encode: Forward pass of the frozen encoder, likewise; its weights are constant and not saved.
        augment: `augment.augment`, likewise.
        images_seen: Number of images shown.
        steps: Number of steps in `sums`.
        rows: Finished rows of the curves.
        alarms: Name and message of every alarm so far; not saved, see `Observer.restore`.
        stall: Why `patience` ends the run; empty if it does not. Not saved either.
    """

    generator: Generator
    discriminator: Discriminator
    feature_discriminator: FeatureDiscriminator | None
    average: Generator | None
    optimizer_g: torch.optim.Adam
    optimizer_d: torch.optim.Adam
    optimizer_f: torch.optim.Adam | None
    strength: Tensor
    realness: Tensor
    sums: Tensor
    generate: Callable[[Tensor], Tensor]
    discriminate: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], list[Tensor]]
    augment: Callable[[Tensor, tuple[str, ...], Tensor, Tensor], Tensor]
    images_seen: int = 0
    steps: int = 0
    rows: list[CurveRow] = field(default_factory=list)
    alarms: dict[str, str] = field(default_factory=dict)
    stall: str = ""


def create_state(settings: Settings, image_size: int, channels: int, device: torch.device) -> TrainState:
    """Return the state before the first step; the weights depend on `settings.seed`, not on the device."""
    rng = torch.Generator().manual_seed(derive_seed(settings.seed, "weights", 0))
    width, kernel = settings.base_channels, settings.kernel
    generator = Generator(
        image_size, channels, settings.z_dim, width, kernel, settings.norm_g, settings.latent, settings.skips
    )
    bias = settings.loss != "relativistic"
    discriminator = Discriminator(image_size, channels, width, kernel, settings.norm_d, settings.minibatch_stddev, bias)
    for network in (generator, discriminator):
        initialize(network, rng)
        network.to(device)
        network.to(memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]  # torch's stub lacks it
    features, encoder = create_feature_discriminator(settings, image_size, device)

    state = TrainState(
        generator=generator,
        discriminator=discriminator,
        feature_discriminator=features,
        average=copy.deepcopy(generator).requires_grad_(False) if settings.ema_kimg else None,
        optimizer_g=create_adam(generator, settings.learning_rate_g, settings, device),
        optimizer_d=create_adam(discriminator, settings.learning_rate_d, settings, device),
        optimizer_f=create_adam(features, settings.learning_rate_f, settings, device) if features is not None else None,
        strength=torch.tensor(settings.augment_p, device=device),
        realness=torch.tensor(0.0, device=device),
        sums=torch.zeros(len(STATISTICS), device=device),
        # Compiled networks share the weights of the plain ones, whose state_dicts are saved.
        generate=torch.compile(generator, dynamic=False) if settings.compile else generator,
        discriminate=torch.compile(discriminator, dynamic=False) if settings.compile else discriminator,
        encode=torch.compile(encoder, dynamic=False) if settings.compile else encoder,
        augment=torch.compile(augment, dynamic=False) if settings.compile else augment,
    )
    for network in (generator, discriminator):  # not the average: one process calibrates it alone
        distributed.synchronize_batchnorm(network)
    return state


def create_feature_discriminator(
    settings: Settings, image_size: int, device: torch.device
) -> tuple[FeatureDiscriminator | None, FrozenEncoder | torch.nn.Identity]:
    """Return the discriminators on features and the encoder; None and the identity if `feature_weight` is 0."""
    if not settings.feature_weight:
        return None, torch.nn.Identity()
    with torch.random.fork_rng(devices=[]):  # the layers and spectral_norm have no argument for a generator
        torch.manual_seed(derive_seed(settings.seed, "feature weights", 0))
        features = FeatureDiscriminator(image_size, settings.loss != "relativistic")
    encoder = FrozenEncoder(load_face_network(WEIGHTS))
    for network in (features, encoder):
        network.to(device)
        network.to(memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]  # torch's stub lacks it
    return features, encoder


def create_adam(
    network: torch.nn.Module, learning_rate: float, settings: Settings, device: torch.device
) -> torch.optim.Adam:
    """Return Adam with the learning rate as a 0-dim tensor on the device: a CUDA graph reads its current value."""
    # float64 is the precision of a Python float; fused Adam on CUDA accepts only float32.
    rate = torch.tensor(learning_rate, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
    betas = (settings.beta1, settings.beta2)
    return torch.optim.Adam(network.parameters(), lr=rate, betas=betas, fused=True, capturable=device.type == "cuda")


def set_learning_rates(state: TrainState, settings: Settings) -> None:
    """Set the learning rates, in place, for the step that begins at `state.images_seen`."""
    factor = compute_learning_rate_factor(state.images_seen, settings.decay_kimg)
    rates = (
        (state.optimizer_d, settings.learning_rate_d),
        (state.optimizer_f, settings.learning_rate_f),
        (state.optimizer_g, settings.learning_rate_g),
    )
    for optimizer, rate in rates:
        if optimizer is None:
            continue
        for group in optimizer.param_groups:
            group["lr"].fill_(factor * rate)


def compute_learning_rate_factor(images_seen: int, decay_kimg: float) -> float:
    """Return the factor of the learning rates: 1, then a decay as 1/√t, which does not depend on the length of the run.

    EDM2, equation 67 (Karras et al. 2024, arXiv 2312.02696).

    Args:
        images_seen: Images shown before the step.
        decay_kimg: Images after which the rates decrease [kimg]; 0: never.
    """
    return (1000 * decay_kimg / max(images_seen, 1000 * decay_kimg)) ** 0.5 if decay_kimg else 1.0


def export_generator(state: TrainState, settings: Settings) -> Generator:
    """Return the generator that is sampled and delivered: a calibrated copy of the average, or G if there is none."""
    if state.average is None:
        return state.generator
    z = draw_latents(CALIBRATION_LATENTS, settings.z_dim, derive_seed(settings.seed, "calibrate", 0))
    return ema.calibrate(state.average, z)


def make_sampler(generator: Generator, settings: Settings) -> Sampler:
    """Return the function that generates images to measure, always from the same latents (the first n of them)."""
    seed = derive_seed(settings.seed, "measure", 0)
    return lambda count: generate_images(generator, draw_latents(count, settings.z_dim, seed))
