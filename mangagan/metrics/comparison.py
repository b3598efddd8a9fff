"""A figure and the floor it is read against: the same figure for real faces, in equal numbers."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

DIGITS = 5  # significant, in the metrics file


@dataclass(frozen=True)
class Comparison:
    """One metric of the samples beside its floor.

    Attributes:
        value: for the samples, the mean over subsamples; None where it cannot be had.
        sd: standard deviation of `value` over the subsamples.
        floor: what real faces get where the samples stand.
        floor_sd: standard deviation of `floor`; None where there is but one way to take it.
        count: samples in each measurement.
        floor_count: real faces in each measurement of the floor.
        reason: one line, why a figure is None; else empty.
        details: more figures, by name.
    """

    value: float | None
    sd: float | None
    floor: float | None
    floor_sd: float | None
    count: int
    floor_count: int
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """`value` as a multiple of `floor`."""
        return self.value / self.floor if self.value is not None and self.floor else None

    def as_json(self) -> dict[str, Any]:
        """Plain values for the metrics file, rounded to `DIGITS` significant digits."""
        figures = {**asdict(self), **self.details, "ratio": self.ratio}
        del figures["details"]
        return {name: rounded(value) for name, value in figures.items()}


def rounded(value: Any) -> Any:
    """Floats at `DIGITS` significant digits, also inside dicts; None where a float is not finite."""
    if isinstance(value, dict):
        return {str(key): rounded(entry) for key, entry in value.items()}
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value


def subsamples(total: int, count: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    """Yields `repeats` index arrays of length `count` into `total` items.

    They are consecutive stretches of one shuffled circle: disjoint as long as repeats·count ≤ total, overlapping as
    little as possible beyond. Within one there is no index twice.

    Args:
        total: at least `count`.
        count: at least 1.
        repeats: at least 1.
        seed: of the shuffle.
    """
    order = np.random.default_rng(seed).permutation(total)
    for repeat in range(repeats):
        yield order[np.arange(repeat * count, (repeat + 1) * count) % total]


def repeated(
    metric: Callable[[np.ndarray, int], Any], images: np.ndarray, count: int, repeats: int, seed: int
) -> list[Any]:
    """Calls `metric(subsample, seed)` for `repeats` subsamples of `count` images, each with a seed of its own."""
    draws = subsamples(len(images), count, repeats, seed)
    return [metric(images[indices], seed + repeat) for repeat, indices in enumerate(draws)]


def mean_sd(values: list[float]) -> tuple[float, float]:
    """Mean and standard deviation (n − 1) of at least two values."""
    return float(np.mean(values)), float(np.std(values, ddof=1))
