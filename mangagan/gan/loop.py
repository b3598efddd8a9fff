"""The training loop. Each step is a function of the weights, the seed and the number of images shown.

No random state is kept between steps, so an interrupted and resumed run ends bit-identical to an unbroken one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from mangagan.core.errors import UserError
from mangagan.gan import distributed, ema
from mangagan.gan.batches import Batches, feed
from mangagan.gan.config import Settings
from mangagan.gan.curves import STATISTICS, CurveRow
from mangagan.gan.schedule import clip_batch_size, count_final_images, fits_in_memory, is_due
from mangagan.gan.state import TrainState, set_learning_rates
from mangagan.gan.step import train_step


class DivergedError(UserError):
    """Weights or losses are NaN or infinite, so that training cannot continue."""

    def __init__(self, kimg: float) -> None:
        super().__init__(
            f"training diverged (NaN) before {kimg:.1f} kimg. Halve train.learning_rate_g and train.learning_rate_d in "
            "params.yaml, or increase train.batch_size"
        )


def ignore(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Callbacks:
    """Functions that the loop calls; none of them changes the weights. By default they do nothing.

    Attributes:
        start: Called before the first step of a new run, with the state.
        log: Called after a row was added to `state.rows`, with the state.
        step: Called after each step, with the state and the number of images shown before the step.
        save: Called to save a checkpoint, with the state.
        should_end: Called with the state; True ends the run before its budget.
        should_stop: Called after each step; True saves a checkpoint and interrupts the run.
    """

    start: Callable[[TrainState], object] = ignore
    log: Callable[[TrainState], object] = ignore
    step: Callable[[TrainState, int], object] = ignore
    save: Callable[[TrainState], object] = ignore
    should_end: Callable[[TrainState], bool] = lambda _: False
    should_stop: Callable[[], bool] = lambda: False


def train(state: TrainState, faces: np.ndarray, settings: Settings, callbacks: Callbacks) -> bool:
    """Train until `settings.kimg`, until `callbacks.should_end`, or until `callbacks.should_stop`.

    Args:
        state: From `create_state` or a checkpoint; changed in place.
        faces: uint8 (N, C, H, W), N at least 2; may be mapped from a file.
        settings: Settings of the run.
        callbacks: Functions to call.

    Returns:
        True if the run is complete, False if it was interrupted.

    Raises:
        UserError: There are too few faces.
        DivergedError: The training diverged.
    """
    device = state.sums.device
    batch_size = clip_batch_size(settings.batch_size, len(faces))
    storage = device if fits_in_memory(faces.nbytes, settings.memory_mb) else torch.device("cpu")
    batches = Batches(torch.from_numpy(faces).to(storage), batch_size, settings, device)
    final_images = count_final_images(settings, len(faces))
    if state.images_seen == 0:
        callbacks.start(state)
    while state.images_seen < final_images and not callbacks.should_end(state):
        before = state.images_seen
        advance(state, batches, settings)
        if is_due(before, state.images_seen, settings.log_kimg):
            state.rows.append(compute_row(state))
            state.sums.zero_()
            state.steps = 0
            callbacks.log(state)
        callbacks.step(state, before)
        if callbacks.should_stop():
            save(state, callbacks)
            return False
        if is_due(before, state.images_seen, settings.checkpoint_kimg) and state.images_seen < final_images:
            save(state, callbacks)
    save(state, callbacks)
    return True


def advance(state: TrainState, batches: Batches, settings: Settings) -> None:
    """Take one step on the next batch: update D, G, the average of G and the counters."""
    inputs = feed(batches, state.images_seen, settings)
    set_learning_rates(state, settings)
    state.sums += train_step(state, inputs, settings)
    state.steps += 1
    state.images_seen += batches.batch_size
    if state.average is not None:
        beta = ema.ema_beta(settings.ema_kimg, settings.ema_ramp, state.images_seen, batches.batch_size)
        ema.update_average(state.average, state.generator, beta)


def compute_row(state: TrainState) -> CurveRow:
    """Return the means since the last row. This synchronizes with the device.

    Raises:
        DivergedError: A loss is NaN or infinite.
    """
    means = (state.sums / max(state.steps, 1)).tolist()
    if not np.isfinite(means).all():
        raise DivergedError(state.images_seen / 1000)
    return CurveRow(kimg=state.images_seen / 1000, **dict(zip(STATISTICS, means, strict=True)))


def save(state: TrainState, callbacks: Callbacks) -> None:
    """Save a checkpoint, unless the state contains NaN: a run cannot resume from such a checkpoint."""
    compute_row(state)
    networks = [state.generator, state.discriminator, state.feature_discriminator]
    weights = [weight for network in networks if network is not None for weight in network.parameters()]
    if not torch.stack([weight.isfinite().all() for weight in weights]).all():
        raise DivergedError(state.images_seen / 1000)
    callbacks.save(state)
    distributed.wait_for_all()  # torchrun ends all processes when one ends, even while the first one saves
