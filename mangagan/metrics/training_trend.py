"""Trend of the kernel distance at the end of a training."""

from collections.abc import Mapping, Sequence

import numpy as np

DISTANCE, DEVIATION = "kernel_distance", "kernel_distance_sd"
MIN_ROWS = 4  # measurements; with fewer there is no trend
MIN_PROGRESS = 0.9  # kernel distance that the training must reach; above it, samples are as far as ruined faces
LAST_SHARE = 0.25  # share of the measurements that is the end of the training


def is_still_falling(progress: Mapping[str, Sequence[float]]) -> bool | None:
    """Return True if the distance was still falling at the end of the training: a longer training probably helps.

    The minimum of the last quarter of the measurements must be below all earlier ones by more than one standard
    deviation.

    Args:
        progress: Columns of reports/train/metrics.csv; may be empty.

    Returns:
        True or False; None if there are fewer than four measurements with a distance, or if none is below
        `MIN_PROGRESS`: the training has hardly begun.
    """
    distances = np.asarray(progress.get(DISTANCE, ()), float)
    known = np.isfinite(distances)
    distances = distances[known]
    if len(distances) < MIN_ROWS or distances.min() >= MIN_PROGRESS:
        return None
    deviations = np.asarray(progress.get(DEVIATION, np.zeros(len(known))), float)[known]
    start = len(distances) - max(1, round(LAST_SHARE * len(distances)))
    last = start + int(distances[start:].argmin())
    return bool(distances[last] + np.nan_to_num(deviations[last]) < distances[:start].min())
