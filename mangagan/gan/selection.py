"""What a finished run delivers: its last generator, unless measured weights were clearly better."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

from mangagan.gan.config import Settings
from mangagan.gan.loop import Measure
from mangagan.gan.state import TrainState, delivered, drawer
from mangagan.networks.dcgan import Generator

Rows = list[dict[str, float]]
DISTANCE, DEVIATION = "kernel_distance", "kernel_distance_sd"


@dataclass(frozen=True)
class Delivery:
    """The generator that is delivered.

    Attributes:
        generator: it.
        kimg: when its weights were those of the run, in thousand images.
        measured: the measurements, with `kept`: 1 for those weights, else 0.
        whole: False when the training diverged: the state's networks are of no use.
    """

    generator: Generator
    kimg: float
    measured: Rows
    whole: bool


def deliver(
    state: TrainState, settings: Settings, whole: bool, measure: Measure | None, say: Callable[[str], object]
) -> Delivery:
    """Measures the last generator, chooses, and tells the choice when it is not the last.

    Args:
        state: at its end; not changed, for a longer run may go on from it.
        settings: `select` and `on_alarm` choose.
        whole: see `Delivery`.
        measure: of `Hooks`.
        say: told in one line.
    """
    last, kimg = delivered(state, settings), state.images_seen / 1000
    rows = list(state.measured)
    if whole and measure is not None and (not rows or rows[-1]["kimg"] != kimg):
        rows.append({"kimg": kimg, **measure(kimg, drawer(last, settings))})
    best = best_row(state.measured)
    if best is None or state.best is None or not preferred(best, rows[-1], settings, state, whole):
        return Delivery(last, kimg, marked(rows, kimg), whole)
    say(
        f"delivering the weights of {best['kimg']:.1f} kimg: kernel distance {best[DISTANCE]:.4g}, "
        f"{rows[-1].get(DISTANCE, math.nan):.4g} at {rows[-1]['kimg']:.1f} kimg"
    )
    generator = copy.deepcopy(last)
    generator.load_state_dict(state.best)
    return Delivery(generator, best["kimg"], marked(rows, best["kimg"]), whole)


def preferred(
    best: dict[str, float], last: dict[str, float], settings: Settings, state: TrainState, whole: bool
) -> bool:
    """Whether the best measured weights are delivered rather than the last."""
    if settings.on_alarm == "rollback" and (state.alarms or not whole):
        return True
    return settings.select == "best" and clearly_better(best, last)


def best_row(measured: Rows) -> dict[str, float] | None:
    """The measurement with the least kernel distance, the first of several; None where none has one."""
    rows = [row for row in measured if math.isfinite(row.get(DISTANCE, math.nan))]
    return min(rows, key=lambda row: row[DISTANCE]) if rows else None


def clearly_better(best: dict[str, float], last: dict[str, float]) -> bool:
    """Whether the best is so by more than one standard deviation, the larger of the two measurements'."""
    deviation = max(best.get(DEVIATION, 0.0), last.get(DEVIATION, 0.0))
    return best[DISTANCE] + deviation < last.get(DISTANCE, math.inf)


def marked(measured: Rows, kept: float) -> Rows:
    """The measurements with a column `kept`: 1 for the one at so many kimg, else 0."""
    return [{**row, "kept": float(row["kimg"] == kept)} for row in measured]
