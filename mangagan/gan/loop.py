"""The training loop: every step is a function of the weights, the seed and the images seen so far.

No random state is carried along, so that a run that was interrupted and resumed ends bit-identical to one that was not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from mangagan.core.errors import UserError
from mangagan.gan import alarms, distributed
from mangagan.gan.batches import Batches, generator_for
from mangagan.gan.config import Settings
from mangagan.gan.state import TrainState, delivered, drawer
from mangagan.gan.step import train_step
from mangagan.networks.sampling import latents, sample

GRID = 64  # latents of a snapshot
FEW = 256  # faces that their spread is taken of, at most

Draw = Callable[[int], np.ndarray]  # n → uint8 (n, C, S, S), samples of the generator that would be delivered
Measure = Callable[[float, Draw], dict[str, float]]  # kimg and samples → figures by name


class Diverged(UserError):
    """Weights or losses are NaN or infinite: no one can go on from there."""


def ignore(*_: object) -> None:
    """Does nothing; the default of a hook."""


@dataclass(frozen=True)
class Hooks:
    """What the loop tells the outside world, and what it asks.

    Attributes:
        step: told the images seen; must not touch the device.
        log: told a row of CURVES.
        snapshot: told kimg and samples, uint8 (64, C, H, W).
        checkpoint: told the state, to save it.
        alarm: told the line of an alarm, once for each kind.
        measure: measures samples; of its figures, `kernel_distance` (less is better) and `kernel_distance_sd` choose
            the weights that are delivered. None: nothing is measured.
        stop: asked after each step; True saves a checkpoint and ends the loop.
    """

    step: Callable[[int], object] = ignore
    log: Callable[[list[float]], object] = ignore
    snapshot: Callable[[float, np.ndarray], object] = ignore
    checkpoint: Callable[[TrainState], object] = ignore
    alarm: Callable[[str], object] = ignore
    measure: Measure | None = None
    stop: Callable[[], bool] = lambda: False


def train(state: TrainState, faces: np.ndarray, settings: Settings, hooks: Hooks) -> bool:
    """Trains until `settings.kimg`, until an alarm that ends the run, or until `hooks.stop()`.

    Args:
        state: changed in place; fresh from `create_state` or out of a checkpoint.
        faces: uint8 (N, C, H, W), N at least 2; may be mapped from a file.
        settings: how.
        hooks: called in the loop.

    Returns:
        True when the run is at its end, False when the loop was stopped.

    Raises:
        UserError: too few faces.
        Diverged: the training diverged.
    """
    device = state.sums.device
    batch = clip_batch(settings.batch_size, len(faces))
    home = device if fits(faces.nbytes, settings.memory_mb) else torch.device("cpu")
    batches = Batches(torch.from_numpy(faces).to(home), batch, settings, device)
    if state.images_seen == 0 and distributed.rank() == 0:
        hooks.snapshot(0, draw_grid(state, settings))
    end = final_images(settings, len(faces))
    while state.images_seen < end and not ended(state, settings):
        before = state.images_seen
        real = batches.read(before)
        randomness = generator_for(settings.seed, "z", before, device)
        z = distributed.share(torch.randn(batch, settings.z_dim, generator=randomness, device=device))
        state.sums += train_step(state, real, z, settings)
        state.steps += 1
        after_step(state, before, settings, hooks, faces)
        share_alarms(state, before, settings)
        if due(before, state.images_seen, settings.checkpoint_kimg) and state.images_seen < end:
            save(state, hooks)
        if hooks.stop():
            save(state, hooks)
            return False
    save(state, hooks)
    return True


def after_step(state: TrainState, before: int, settings: Settings, hooks: Hooks, faces: np.ndarray) -> None:
    """Does what is due between `before` and `state.images_seen`: a row of the curves, a snapshot, a measurement."""
    hooks.step(state.images_seen)
    if due(before, state.images_seen, settings.log_kimg):
        state.rows.append(current_row(state))
        state.sums.zero_()
        state.steps = 0
        hooks.log(state.rows[-1])
        alarm(state, "saturated", alarms.saturated(state.rows), hooks)
        alarm(state, "overfitting", alarms.overfitting(state.rows, settings), hooks)
    if distributed.rank() > 0:
        return  # the first process draws and measures
    if due(before, state.images_seen, settings.snapshot_kimg):
        kimg = state.images_seen // (1000 * settings.snapshot_kimg) * settings.snapshot_kimg
        images = draw_grid(state, settings)
        hooks.snapshot(kimg, images)
        alarm(state, "alike", alarms.alike(images, alarms.spread(faces[:FEW]), kimg), hooks)
    if hooks.measure is not None and due(before, state.images_seen, settings.measure_kimg):
        measure(state, settings, hooks.measure)
        alarm(state, "worse", alarms.worse(state.measured), hooks)


def share_alarms(state: TrainState, before: int, settings: Settings) -> None:
    """Tells all processes the alarms of the first, which may end the run."""
    if any(due(before, state.images_seen, every) for every in (settings.snapshot_kimg, settings.measure_kimg)):
        state.alarms = distributed.from_first(state.alarms)


def alarm(state: TrainState, name: str, line: str | None, hooks: Hooks) -> None:
    """Notes an alarm, and tells it the first time."""
    if line and name not in state.alarms:
        state.alarms[name] = line
        hooks.alarm(line)


def ended(state: TrainState, settings: Settings) -> bool:
    """Whether an alarm has ended the run before its budget is used up."""
    return settings.on_alarm != "warn" and bool(state.alarms)


def measure(state: TrainState, settings: Settings, function: Measure) -> None:
    """Adds a row to `state.measured`, and keeps the weights when they are the best so far."""
    generator = delivered(state, settings)
    kimg = state.images_seen / 1000
    figures = {name: float(value) for name, value in function(kimg, drawer(generator, settings)).items()}
    before = [row["kernel_distance"] for row in state.measured if "kernel_distance" in row]
    state.measured.append({"kimg": kimg, **figures})
    if figures.get("kernel_distance", float("inf")) < min(before, default=float("inf")):
        state.best = {name: value.detach().cpu().clone() for name, value in generator.state_dict().items()}


def draw_grid(state: TrainState, settings: Settings) -> np.ndarray:
    """A snapshot: uint8 (64, C, H, W), always of the same latents."""
    return sample(delivered(state, settings), latents(GRID, settings.z_dim, settings.seed))


def save(state: TrainState, hooks: Hooks) -> None:
    """Hands the state to the checkpoint hook, unless it holds NaN: no one could go on from there."""
    current_row(state)
    weights = [*state.generator.parameters(), *state.discriminator.parameters()]
    if not torch.stack([weight.isfinite().all() for weight in weights]).all():
        raise Diverged(alarms.not_finite([state.images_seen / 1000, float("nan")]) or "")
    hooks.checkpoint(state)
    distributed.wait()  # no process may end before the checkpoint is there: torchrun would end the one that saves it


def current_row(state: TrainState) -> list[float]:
    """The means since the last row, as a row of CURVES. This is a device sync point.

    Raises:
        Diverged: a loss is NaN or infinite.
    """
    row = [state.images_seen / 1000, *(state.sums / max(state.steps, 1)).tolist()]
    if line := alarms.not_finite(row):
        raise Diverged(line)
    return row


def fits(size: int, memory_mb: int) -> bool:
    """Whether faces of so many bytes are to be held in memory, and in the GPU's."""
    return size <= memory_mb * 10**6


def due(before: int, after: int, every_kimg: float) -> bool:
    """Whether a multiple of `every_kimg` lies in (before, after] images."""
    return int(after / (1000 * every_kimg)) > int(before / (1000 * every_kimg))


def final_images(settings: Settings, faces: int) -> int:
    """The images seen at the end of a run over so many faces: the budget, up to the last whole batch."""
    batch = clip_batch(settings.batch_size, faces)
    return -(-round(1000 * settings.kimg) // batch) * batch


def clip_batch(batch_size: int, faces: int) -> int:
    """The batch that is used: the one asked for or all the faces there are.

    Raises:
        UserError: fewer than two faces.
    """
    if faces < 2:
        raise UserError(f"training needs at least 2 faces, found {faces}: add screenshots or loosen detect and dedup")
    return min(batch_size, faces)
