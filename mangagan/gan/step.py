"""One step of training: an update of D, then of G, on the same latents; a function of the state and its inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from mangagan.gan import distributed, ema
from mangagan.gan.augment import STRONGEST, draw_numbers
from mangagan.gan.batches import generator_for
from mangagan.gan.config import Settings
from mangagan.gan.losses import discriminator_loss, generator_loss, probabilities, realness
from mangagan.gan.penalty import gradient_penalty
from mangagan.gan.state import TrainState
from mangagan.networks.dcgan import GROUP, LAYOUT

REALNESS_IMAGES = 500.0  # half-life of the averaged realness


@dataclass
class Part:
    """A batch, or what of it is worked through at once.

    Attributes:
        share: of the batch.
        real: (n, C, H, W) in [-1, 1].
        z: (n, z_dim).
        fake: (n, C, H, W), with its graph; None until it is drawn, and where it would take too much memory to keep.
        real_view: the real images as D got to see them; None but during its update.
        real_logits: (n,), by D before its update; None until then.
        fake_logits: (n,), likewise.
        rivals: (n,), the real images' logits that G's loss compares its fakes with; None until D is updated.
    """

    share: float
    real: Tensor
    z: Tensor
    fake: Tensor | None = None
    real_view: Tensor | None = None
    real_logits: Tensor | None = None
    fake_logits: Tensor | None = None
    rivals: Tensor | None = None


def train_step(state: TrainState, real: Tensor, z: Tensor, settings: Settings) -> Tensor:
    """Updates D, then G, the average of G and the augmentation's strength; `state.images_seen` grows by the batch.

    With `accumulate` the gradients are summed over parts of the batch. That is the same step up to rounding, except
    that BatchNorm sees a part at a time, and so does the minibatch standard deviation where a part does not divide by
    its group.

    Args:
        state: updated in place.
        real: (N, C, H, W) in [-1, 1]; of several processes each has its share of the batch.
        z: (N, z_dim).
        settings: how.

    Returns:
        One value for each column of CURVES after `kimg`, of before the update; on the device.
    """
    pairs = zip(real.chunk(settings.accumulate), z.chunk(settings.accumulate), strict=True)
    parts = [Part(len(some) / len(real), some, latents) for some, latents in pairs]
    factor = learning_rate_factor(state.images_seen, settings.decay_kimg)
    set_learning_rate(state.optimizer_d, factor * settings.learning_rate_d)
    set_learning_rate(state.optimizer_g, factor * settings.learning_rate_g)
    loss_d = update_discriminator(state, parts, settings)
    for repeat in range(settings.generator_steps):
        loss_g = update_generator(state, parts, settings, repeat)
    real_logits, fake_logits = joined(parts)
    sure = realness(settings.loss, real_logits, fake_logits)
    chances = probabilities(settings.loss, real_logits, fake_logits)
    losses = distributed.average(torch.stack([loss_d, loss_g]))
    told = torch.stack([*losses, *chances, sure, state.strength])
    batch = distributed.size() * len(real)
    state.images_seen += batch
    adapt(state, sure, batch, settings)
    if state.average is not None:
        keep = ema.decay(settings.ema_kimg, settings.ema_ramp, state.images_seen, batch)
        ema.update(state.average, state.generator, keep)
    return told


def update_discriminator(state: TrainState, parts: list[Part], settings: Settings) -> Tensor:
    """One update of D; leaves fakes and logits in the parts. The loss, () on the device."""
    keep_graph = len(parts) == 1  # for the update of G; of several parts only one graph is to be held at a time
    real_numbers, fake_numbers = (numbers(state, kind, parts, settings) for kind in ("real", "fake"))
    step = state.images_seen // (distributed.size() * sum(len(part.real) for part in parts))
    penalized = step % settings.penalty_every == 0
    total = torch.zeros_like(state.strength)
    state.optimizer_d.zero_grad()
    for part, for_real, for_fake in zip(parts, real_numbers, fake_numbers, strict=True):
        with torch.set_grad_enabled(keep_graph):
            fake = draw(state, part.z, settings)
        both = view(state, torch.cat([part.real, fake.detach()]), torch.cat([for_real, for_fake]), settings)
        real_view, fake_view = both.chunk(2)
        real_logits, fake_logits = judge_both(state, both, settings)
        loss = discriminator_loss(settings.loss, real_logits, fake_logits) * part.share
        torch.autograd.backward(loss)
        for gamma, images in ((settings.r1, real_view), (settings.r2, fake_view)):
            if penalized and gamma:
                penalty = gradient_penalty(state.discriminator, images)
                torch.autograd.backward(penalty * (gamma * settings.penalty_every * part.share))
        part.fake = fake if keep_graph else None
        part.real_view = real_view
        part.real_logits, part.fake_logits = real_logits.detach(), fake_logits.detach()
        total = total + loss.detach()
    distributed.average_gradients(state.discriminator)
    state.optimizer_d.step()
    for part in parts:
        part.rivals, part.real_view = rivals(state, part, settings), None
    return total


def update_generator(state: TrainState, parts: list[Part], settings: Settings, repeat: int) -> Tensor:
    """One update of G, the `repeat`-th of the step, against the same real images. The loss, () on the device."""
    total = torch.zeros_like(state.strength)
    state.optimizer_g.zero_grad()
    with frozen(state.discriminator):  # saves D's weight gradients, a third of its backward pass
        for part, some in zip(parts, numbers(state, f"generator {repeat}", parts, settings), strict=True):
            fake = part.fake if part.fake is not None and repeat == 0 else draw(state, part.z, settings)
            logits = judge(state, view(state, fake, some, settings), settings)
            assert part.rivals is not None
            loss = generator_loss(settings.loss, part.rivals, logits) * part.share
            torch.autograd.backward(loss)
            part.fake = None
            total = total + loss.detach()
    distributed.average_gradients(state.generator)
    state.optimizer_g.step()
    return total


def rivals(state: TrainState, part: Part, settings: Settings) -> Tensor:
    """The real images' logits that G's loss compares its fakes with: (n,), of the updated D where they matter.

    An update of D moves the level of all its logits, by about as much as lies between real and fake: logits of before
    it would tell G how far D has moved, not how far the faces are ahead. A loss that is not relativistic reads none.
    """
    assert part.real_view is not None
    assert part.real_logits is not None
    if settings.loss != "relativistic":
        return part.real_logits
    with torch.no_grad():
        return judge(state, part.real_view, settings)


def learning_rate_factor(images_seen: int, decay_kimg: float) -> float:
    """What the learning rates are multiplied by: 1, then 1/√t: no end of the run needs to be known (EDM2, eq. 67).

    Karras et al. 2024, arXiv 2312.02696.

    Args:
        images_seen: before the step.
        decay_kimg: thousand images after which they fall; 0: never.
    """
    return (1000 * decay_kimg / max(images_seen, 1000 * decay_kimg)) ** 0.5 if decay_kimg else 1.0


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Of all parameters, from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = value


def adapt(state: TrainState, sure: Tensor, batch: int, settings: Settings) -> None:
    """Moves the augmentation's strength by one step's share of `augment_kimg`: up when D is too sure of the faces.

    Nothing is read from the device.
    """
    state.realness.lerp_(sure, 1 - 0.5 ** (batch / REALNESS_IMAGES))
    if settings.augment_target:
        change = (state.realness - settings.augment_target).sign() * (batch / (1000 * settings.augment_kimg))
        state.strength.add_(change).clamp_(0, STRONGEST)


def numbers(state: TrainState, purpose: str, parts: list[Part], settings: Settings) -> list[Tensor]:
    """The random numbers of one augmentation of the batch, part by part: the same however it is parted."""
    device = state.strength.device
    sizes = [len(part.real) for part in parts]
    if not settings.augmentations:
        return [state.strength.new_empty(size) for size in sizes]
    randomness = generator_for(settings.seed, f"augment {purpose}", state.images_seen, device)
    whole = draw_numbers(distributed.size() * sum(sizes), randomness)
    return list(torch.split(distributed.share(whole), sizes))


def view(state: TrainState, images: Tensor, some: Tensor, settings: Settings) -> Tensor:
    """Images as D gets to see them: augmented."""
    if settings.augmentations:
        images = state.augment(images, settings.augmentations, state.strength, some)
    return images.contiguous(memory_format=LAYOUT)


def draw(state: TrainState, z: Tensor, settings: Settings) -> Tensor:
    """G(z), in float32."""
    with cast(z, settings):
        return state.draw(z).float()


def judge(state: TrainState, images: Tensor, settings: Settings) -> Tensor:
    """D's logits, in float32."""
    with cast(images, settings):
        return state.judge(images).float()


def judge_both(state: TrainState, both: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """D's logits of real images and then as many fakes, in one pass where none of them depends on the other kind."""
    real, fake = both.chunk(2)
    if settings.norm_d == "batch" or len(real) % GROUP:
        return judge(state, real, settings), judge(state, fake, settings)
    real_logits, fake_logits = judge(state, both, settings).chunk(2)
    return real_logits, fake_logits


def joined(parts: list[Part]) -> tuple[Tensor, Tensor]:
    """The logits of the whole batch, of all processes."""
    real = [part.real_logits for part in parts if part.real_logits is not None]
    fake = [part.fake_logits for part in parts if part.fake_logits is not None]
    return distributed.gathered(torch.cat(real)), distributed.gathered(torch.cat(fake))


def cast(tensor: Tensor, settings: Settings) -> torch.autocast:
    """The precision of the networks; losses, penalties and weights stay float32."""
    return torch.autocast(tensor.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")


@contextmanager
def frozen(network: torch.nn.Module) -> Iterator[None]:
    """Asks for no gradients of the network's weights meanwhile."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
