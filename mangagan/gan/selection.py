"""Selection of the weights that are delivered: the last ones, unless measured weights were clearly better."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mangagan.gan.config import Settings
from mangagan.gan.measurements import Measurements, Row
from mangagan.gan.state import TrainState, export_generator
from mangagan.networks.dcgan import Generator

DISTANCE, DEVIATION = "kernel_distance", "kernel_distance_sd"


@dataclass(frozen=True)
class Delivery:
    """The delivered generator.

    Attributes:
        generator: The generator.
        kimg: Images shown up to these weights [kimg].
        measured: Measurements with the column `kept`: 1 for these weights, else 0.
        complete: False if the training diverged, so that the networks of the state are unusable.
    """

    generator: Generator
    kimg: float
    measured: list[Row]
    complete: bool


def select_generator(
    state: TrainState, settings: Settings, complete: bool, measurements: Measurements, say: Callable[[str], object]
) -> Delivery:
    """Measure the last generator, select the one to deliver, and report the choice if it is not the last.

    Args:
        state: State at the end of the run; not changed, because a longer run may continue from it.
        settings: `select` and `on_alarm` decide.
        complete: See `Delivery`.
        measurements: Measurements of the run; not changed.
        say: Called with one line.
    """
    last, kimg = export_generator(state, settings), state.images_seen / 1000
    rows = measurements.rows
    best = find_best(rows)
    ended_early = bool(state.alarms) or not complete
    if complete and measurements.measurer is not None and (not rows or rows[-1]["kimg"] != kimg):
        rows.append(measurements.measure(last, state.images_seen))
    if best is None or not prefer_best(best, rows[-1], settings, ended_early, bool(state.stall)):
        return Delivery(last, kimg, mark_kept(rows, kimg), complete)
    say(
        f"delivering the weights of {best['kimg']:.1f} kimg: kernel distance {best[DISTANCE]:.4g}, "
        f"{rows[-1].get(DISTANCE, math.nan):.4g} at {rows[-1]['kimg']:.1f} kimg"
    )
    generator = measurements.load(round(1000 * best["kimg"]), state)
    return Delivery(generator, best["kimg"], mark_kept(rows, best["kimg"]), complete)


def prefer_best(best: Row, last: Row, settings: Settings, alarmed: bool, stalled: bool) -> bool:
    """Return True if the best measured weights are delivered instead of the last."""
    if settings.on_alarm == "rollback" and alarmed:
        return True
    return settings.select == "best" and (stalled or is_clearly_better(best, last))


def find_stall(rows: list[Row], patience_kimg: float) -> str:
    """Return why a run ends by `patience`: the minimum kernel distance is at least `patience_kimg` old; else empty.

    Args:
        rows: Measurements, oldest first.
        patience_kimg: Images shown without a new minimum [kimg]. 0: the run does not end.
    """
    best = find_best(rows)
    if not patience_kimg or best is None or rows[-1]["kimg"] - best["kimg"] < patience_kimg:
        return ""
    return (
        f"no new minimum of the kernel distance since {best['kimg']:.1f} kimg ({best[DISTANCE]:.4g}); "
        f"train.patience is {patience_kimg:g} kimg. To continue, increase it or set it to 0"
    )


def find_best(rows: list[Row]) -> Row | None:
    """Return the first row with the minimum kernel distance; None if no row has one."""
    comparable = [row for row in rows if math.isfinite(row.get(DISTANCE, math.nan))]
    return min(comparable, key=lambda row: row[DISTANCE]) if comparable else None


def is_clearly_better(best: Row, last: Row) -> bool:
    """Return True if the distances differ by more than one standard deviation, the larger of both measurements."""
    deviation = max(best.get(DEVIATION, 0.0), last.get(DEVIATION, 0.0))
    return best[DISTANCE] + deviation < last.get(DISTANCE, math.inf)


def mark_kept(rows: list[Row], kimg: float) -> list[Row]:
    """Return the rows with a column `kept`: 1 for the row at `kimg`, else 0."""
    return [{**row, "kept": float(row["kimg"] == kimg)} for row in rows]
