"""Trend of the kernel distance at the end of a training."""

from collections.abc import Mapping, Sequence

import numpy as np

DISTANCE, DEVIATION = "kernel_distance", "kernel_distance_sd"
MIN_ROWS = 4  # measurements; with fewer there is no trend
LAST_SHARE = 0.25  # share of the measurements that is the end of the training


def is_still_falling(progress: Mapping[str, Sequence[float]]) -> bool | None:
    """Return True if the distance was still falling at the end of the training: a longer training probably helps.

    The minimum of the last quarter of the measurements must be below all earlier ones by more than one standard
    deviation.

    Args:
        progress: Columns of reports/train/metrics.csv; may be empty.

    Returns:
        True or False; None if there are fewer than four measurements with a distance.
    """
    distances = np.asarray(progress.get(DISTANCE, ()), float)
    known = np.isfinite(distances)
    if known.sum() < MIN_ROWS:
        return None
    distances = distances[known]
    deviations = np.asarray(progress.get(DEVIATION, np.zeros(len(known))), float)[known]
    start = len(distances) - max(1, round(LAST_SHARE * len(distances)))
    last = start + int(distances[start:].argmin())
    return bool(distances[last] + np.nan_to_num(deviations[last]) < distances[:start].min())
