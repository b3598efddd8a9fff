"""Comparison of one metric of the samples with its floor (real faces) and its ceilings (ruined faces)."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np

from mangagan.core.parallel import map_ordered
from mangagan.distances.subsamples import draw_subsamples

DIGITS = 5  # significant digits in the metrics file
CEILING_REPEATS = 2  # measurements that a ceiling is the mean of
CLEAR_SD = 2.0  # standard deviations of the floor; a ceiling that is closer to the floor does not count
Result = TypeVar("Result")


@dataclass(frozen=True)
class Comparison:
    """One metric of the samples with its floor and its ceilings.

    Attributes:
        value: Metric of the samples: mean over subsamples, or over all samples. None if not available.
        sd: Standard deviation of `value` over subsamples; for a mean or median of all images its standard error. None
            if unknown.
        floor: Metric of real faces in place of the samples.
        floor_sd: Standard deviation of `floor`.
        count: Samples in each measurement.
        floor_count: Real faces in each measurement of the floor.
        ceilings: Metric of ruined faces in place of the samples, by kind of damage.
        references: Metric of slightly damaged faces in place of the samples, by kind of damage.
        reason: Why a value is None, in one line; else empty.
        details: Further figures, by name.
    """

    value: float | None
    sd: float | None
    floor: float | None
    floor_sd: float | None
    count: int
    floor_count: int
    ceilings: dict[str, float] = field(default_factory=dict)
    references: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Return `value` divided by `floor`. None if the floor is not clearly above 0."""
        if self.value is None or self.floor is None or self.floor <= (self.floor_sd or 0):
            return None
        return self.value / self.floor

    @property
    def position(self) -> float | None:
        """Return the position of `value` between the floor (0) and its nearest ceiling (1). None without a ceiling.

        The position is negative if the ceiling is on the other side of the floor.
        """
        if self.value is None or self.floor is None:
            return None
        nearest = find_nearest_ceiling(self.value, self.floor, self.floor_sd, self.ceilings)
        return (self.value - self.floor) / (self.ceilings[nearest] - self.floor) if nearest else None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for the metrics file, rounded to `DIGITS` significant digits."""
        figures = {**asdict(self), **self.details, "ratio": self.ratio, "position": self.position}
        del figures["details"]
        return {name: round_floats(value) for name, value in figures.items()}


Figures = dict[str, Comparison]  # by key of the metric, or by name of the extractor


def find_nearest_ceiling(
    value: float, floor: float, floor_sd: float | None, ceilings: Mapping[str, float]
) -> str | None:
    """Return the name of the ceiling for the position of a value.

    This is the ceiling nearest to the floor among those on the same side of the floor as the value, because ruined
    faces can be on both sides: noise is more varied than faces, blurred faces are less. If there is none on that side,
    it is the nearest of all. Ceilings within `CLEAR_SD` standard deviations of the floor do not count: the metric does
    not respond to that damage.

    Args:
        value: Metric of the samples.
        floor: Metric of real faces.
        floor_sd: Standard deviation of the floor. None if unknown.
        ceilings: Metric of ruined faces, by kind of damage.

    Returns:
        The name. None if no ceiling counts.
    """
    offsets = {name: ceiling - floor for name, ceiling in ceilings.items()}
    clear = {name: offset for name, offset in offsets.items() if abs(offset) > CLEAR_SD * (floor_sd or 0)}
    same_side = {name: offset for name, offset in clear.items() if offset * (value - floor) > 0}
    return min(same_side or clear, key=lambda name: abs(offsets[name]), default=None)


def as_json(figure: Comparison | Figures) -> dict[str, Any]:
    """Return a comparison, or one for each extractor, as plain values; see `Comparison.as_json`."""
    if isinstance(figure, Comparison):
        return figure.as_json()
    return {name: entry.as_json() for name, entry in figure.items()}


def list_reasons(figure: Comparison | Figures) -> list[str]:
    """Return the reasons why values are missing, each once; empty if none is missing."""
    entries = [figure] if isinstance(figure, Comparison) else figure.values()
    return sorted({entry.reason for entry in entries} - {""})


def make_missing(reason: str, count: int = 0) -> Comparison:
    """Return a comparison without values."""
    return Comparison(None, None, None, None, count, 0, reason=reason)


@dataclass(frozen=True)
class ComparedSets:
    """The sets of an evaluation in one form: images uint8 (N, C, S, S), or features (N, D).

    Attributes:
        samples: Generated images.
        train: Training faces; they give the floor.
        holdout: Hold-out faces; the reference of the other sets.
        ruined: Damaged training faces by kind of damage; they give the ceilings.
    """

    samples: np.ndarray
    train: np.ndarray
    holdout: np.ndarray
    ruined: Mapping[str, np.ndarray]


def compare_with_holdout(
    measure: Callable[[np.ndarray, np.ndarray, int], dict[str, float]],
    sets: ComparedSets,
    count: int,
    repeats: int,
    seed: int,
    workers: int = 1,
) -> Figures:
    """Measure samples, training faces and ruined faces against the hold-out set.

    Every measurement takes `count` items of the set and `count` of the hold-out set. Each repeat draws them anew.
    Repeat i has the same seed and the same part of the hold-out set for all sets.

    Args:
        measure: Maps (set, hold-out, seed) to values by key of the metric.
        sets: Sets to measure.
        count: At most the size of each set.
        repeats: At least 2.
        seed: Seed of the subsamples.
        workers: Threads that measure repeats in parallel.
    """
    holdout_draws = list(draw_subsamples(len(sets.holdout), count, repeats, seed))

    def run(items: np.ndarray, times: int) -> list[dict[str, float]]:
        draws = list(draw_subsamples(len(items), count, times, seed))

        def measure_repeat(repeat: int) -> dict[str, float]:
            return measure(items[draws[repeat]], sets.holdout[holdout_draws[repeat]], seed + repeat)

        return list(map_ordered(measure_repeat, range(times), workers))

    return _collect(run, sets, count, repeats)


def compare_alone(
    measure: Callable[[np.ndarray, int], dict[str, float]],
    sets: ComparedSets,
    count: int,
    repeats: int,
    seed: int,
    workers: int = 1,
) -> Figures:
    """Measure samples, training faces and ruined faces, each set by itself (for example its variety).

    Args:
        measure: Maps (set, seed) to values by key of the metric.
        sets: Sets to measure; the hold-out set is not used.
        count: Items in each measurement, at most the size of each set.
        repeats: At least 2.
        seed: Seed of the subsamples.
        workers: Threads that measure repeats in parallel.
    """

    def run(items: np.ndarray, times: int) -> list[dict[str, float]]:
        return measure_subsamples(measure, items, count, times, seed, workers)

    return _collect(run, sets, count, repeats)


def _collect(
    run: Callable[[np.ndarray, int], list[dict[str, float]]], sets: ComparedSets, count: int, repeats: int
) -> Figures:
    """Return one comparison for each key; `run` measures a set a number of times."""
    values, floors = run(sets.samples, repeats), run(sets.train, repeats)
    ceilings = {kind: run(items, CEILING_REPEATS) for kind, items in sets.ruined.items()}
    found = {}
    for key in values[0]:
        value, sd = compute_mean_sd([repeat[key] for repeat in values])
        floor, floor_sd = compute_mean_sd([repeat[key] for repeat in floors])
        ruined = {kind: float(np.mean([repeat[key] for repeat in runs])) for kind, runs in ceilings.items()}
        found[key] = Comparison(value, sd, floor, floor_sd, count, count, ruined)
    return found


def measure_subsamples(
    measure: Callable[[np.ndarray, int], Result],
    items: np.ndarray,
    count: int,
    repeats: int,
    seed: int,
    workers: int = 1,
) -> list[Result]:
    """Return `measure(subsample, seed)` for `repeats` subsamples of `count` items; repeat i gets `seed` + i."""
    draws = list(draw_subsamples(len(items), count, repeats, seed))
    return list(map_ordered(lambda repeat: measure(items[draws[repeat]], seed + repeat), range(repeats), workers))


def compute_mean_sd(values: list[float]) -> tuple[float, float]:
    """Return mean and standard deviation (n − 1) of at least two values."""
    return float(np.mean(values)), float(np.std(values, ddof=1))


def compute_mean_error(values: np.ndarray) -> tuple[float, float]:
    """Return the mean of (N,) values and its standard error."""
    return float(np.mean(values)), float(np.std(values) / np.sqrt(len(values)))


def compute_share_error(hits: np.ndarray) -> tuple[float, float]:
    """Return the share of True in bool (N,) and its standard error.

    The error is that of Agresti and Coull, "Approximate is Better than Exact for Interval Estimation of Binomial
    Proportions" (The American Statistician 1998): it is not 0 if all or none are True.
    """
    adjusted = (np.sum(hits) + 2) / (len(hits) + 4)
    return float(np.mean(hits)), float(np.sqrt(adjusted * (1 - adjusted) / (len(hits) + 4)))


def round_floats(value: Any) -> Any:
    """Round floats to `DIGITS` significant digits, also inside dicts; replace floats that are not finite by None."""
    if isinstance(value, dict):
        return {str(key): round_floats(entry) for key, entry in value.items()}
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value
