"""A figure, the floor it is read against, and the ceilings: real faces, and spoilt ones, in the samples' place."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np

from mangagan.distances.subsamples import subsamples

DIGITS = 5  # significant, in the metrics file
Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Comparison:
    """One metric of the samples beside its floor and its ceilings.

    Attributes:
        value: for the samples, the mean over subsamples or what all of them get; None where it cannot be had.
        sd: how far `value` may be off: its standard deviation over the subsamples, or, for a mean or median of all
            images, its standard error; None where neither is known.
        floor: what real faces get where the samples stand.
        floor_sd: the same of `floor`.
        count: samples in each measurement.
        floor_count: real faces in each measurement of the floor.
        ceilings: what spoilt faces get in the samples' place, by what was done to them.
        reason: one line, why a figure is None; else empty.
        details: more figures, by name.
    """

    value: float | None
    sd: float | None
    floor: float | None
    floor_sd: float | None
    count: int
    floor_count: int
    ceilings: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """`value` as a multiple of `floor`; None where the floor cannot be told from 0."""
        if self.value is None or self.floor is None or self.floor <= (self.floor_sd or 0):
            return None
        return self.value / self.floor

    @property
    def position(self) -> float | None:
        """Where `value` lies on the way from the floor, 0, to its `nearest_ceiling`, 1; None where there is none.

        Below 0 it lies on the side of the floor where there is no ceiling.
        """
        if self.value is None or self.floor is None:
            return None
        nearest = nearest_ceiling(self.value, self.floor, self.floor_sd, self.ceilings)
        return (self.value - self.floor) / (self.ceilings[nearest] - self.floor) if nearest else None

    def as_json(self) -> dict[str, Any]:
        """Plain values for the metrics file, rounded to `DIGITS` significant digits."""
        figures = {**asdict(self), **self.details, "ratio": self.ratio, "position": self.position}
        del figures["details"]
        return {name: rounded(value) for name, value in figures.items()}


def nearest_ceiling(value: float, floor: float, floor_sd: float | None, ceilings: Mapping[str, float]) -> str | None:
    """The ceiling that a value is on the way to: the nearest to the floor of those on the value's side of it.

    Spoilt faces lie on both sides of some floors: noise is more varied than faces, blurred ones are less. Without a
    ceiling on the value's side it is the nearest of all. One counts when it lies more than two standard deviations from
    the floor: else the metric does not see what was done to the faces.

    Args:
        value: the figure of the samples.
        floor: that of real faces.
        floor_sd: its standard deviation; None where it is not known.
        ceilings: that of spoilt faces, by what was done to them.

    Returns:
        Its name; None where no ceiling counts.
    """
    offsets = {name: ceiling - floor for name, ceiling in ceilings.items()}
    seen = {name: offset for name, offset in offsets.items() if abs(offset) > 2 * (floor_sd or 0)}
    beside = {name: offset for name, offset in seen.items() if offset * (value - floor) > 0}
    return min(beside or seen, key=lambda name: abs(offsets[name]), default=None)


def as_json(figure: Comparison | dict[str, Comparison]) -> dict[str, Any]:
    """A figure, or one by extractor, as plain values; see `Comparison.as_json`."""
    if isinstance(figure, Comparison):
        return figure.as_json()
    return {name: entry.as_json() for name, entry in figure.items()}


def reasons(figure: Comparison | dict[str, Comparison]) -> list[str]:
    """Why it cannot be had, a line each; none where it can."""
    entries = [figure] if isinstance(figure, Comparison) else figure.values()
    return sorted({entry.reason for entry in entries} - {""})


def unknown(reason: str, count: int = 0) -> Comparison:
    """A figure that cannot be had, and why."""
    return Comparison(None, None, None, None, count, 0, reason=reason)


@dataclass(frozen=True)
class Group:
    """The sets of a comparison in one form: images uint8 (N, C, S, S), or features (N, D).

    Attributes:
        fake: of the samples.
        train: of training faces; the floor.
        holdout: of faces that were held out; what the others are compared with.
        spoilt: of training faces, by what was done to them; the ceilings.
    """

    fake: np.ndarray
    train: np.ndarray
    holdout: np.ndarray
    spoilt: Mapping[str, np.ndarray]


def against_holdout(
    measure: Callable[[np.ndarray, np.ndarray, int], dict[str, float]],
    group: Group,
    count: int,
    repeats: int,
    seed: int,
) -> dict[str, Comparison]:
    """Figures of a set against the hold-out: of samples, of training faces, and of spoilt ones.

    Every measurement takes `count` of the set and `count` of the hold-out, anew in every repeat as far as there are
    more; repeat i has one seed, and one part of the hold-out, for all sets.

    Args:
        measure: from (set, hold-out, seed) to figures by name.
        group: what is measured.
        count: at most as many as there are of each.
        repeats: at least 2; the ceilings are the mean of two.
        seed: of the subsamples.
    """
    references = list(subsamples(len(group.holdout), count, repeats, seed))

    def run(items: np.ndarray, times: int) -> list[dict[str, float]]:
        draws = subsamples(len(items), count, times, seed)
        return [
            measure(items[chosen], group.holdout[reference], seed + repeat)
            for repeat, (chosen, reference) in enumerate(zip(draws, references, strict=False))
        ]

    return collect(run, group, count, repeats)


def by_itself(
    measure: Callable[[np.ndarray, int], dict[str, float]], group: Group, count: int, repeats: int, seed: int
) -> dict[str, Comparison]:
    """Figures of a set alone, such as its variety: of samples, of training faces, and of spoilt ones.

    Args:
        measure: from (set, seed) to figures by name.
        group: what is measured; the hold-out is not needed.
        count: at most as many as there are of each set.
        repeats: at least 2; the ceilings are the mean of two.
        seed: of the subsamples.
    """

    def run(items: np.ndarray, times: int) -> list[dict[str, float]]:
        return repeated(measure, items, count, times, seed)

    return collect(run, group, count, repeats)


def collect(
    run: Callable[[np.ndarray, int], list[dict[str, float]]], group: Group, count: int, repeats: int
) -> dict[str, Comparison]:
    """Puts the figures of all sets side by side."""
    values, floors = run(group.fake, repeats), run(group.train, repeats)
    ceilings = {name: run(items, 2) for name, items in group.spoilt.items()}
    found = {}
    for name in values[0]:
        value, sd = mean_sd([repeat[name] for repeat in values])
        floor, floor_sd = mean_sd([repeat[name] for repeat in floors])
        spoilt = {kind: float(np.mean([repeat[name] for repeat in runs])) for kind, runs in ceilings.items()}
        found[name] = Comparison(value, sd, floor, floor_sd, count, count, spoilt)
    return found


def rounded(value: Any) -> Any:
    """Floats at `DIGITS` significant digits, also inside dicts; None where a float is not finite."""
    if isinstance(value, dict):
        return {str(key): rounded(entry) for key, entry in value.items()}
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value


def repeated(
    metric: Callable[[np.ndarray, int], Measured], items: np.ndarray, count: int, repeats: int, seed: int
) -> list[Measured]:
    """Calls `metric(subsample, seed)` for `repeats` subsamples of `count` items, each with a seed of its own."""
    draws = subsamples(len(items), count, repeats, seed)
    return [metric(items[indices], seed + repeat) for repeat, indices in enumerate(draws)]


def mean_sd(values: list[float]) -> tuple[float, float]:
    """Mean and standard deviation (n − 1) of at least two values."""
    return float(np.mean(values)), float(np.std(values, ddof=1))
