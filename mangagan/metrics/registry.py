"""The registry of metrics. To add one, write a file in this folder that defines a measurement, and add it here.

The order is that of the metrics in the report, within each group.
"""

from collections import Counter
from collections.abc import Iterable

from mangagan.metrics import (
    distinguishability,
    diversity,
    duplicates,
    face_share,
    frechet,
    kernel_distance,
    memorisation,
    nearest_train,
    pixel_distinguishability,
    precision_recall,
    swd,
    symmetry,
    usable_share,
    vendi,
)
from mangagan.metrics.types import Measurement, Metric

MEASUREMENTS: tuple[Measurement, ...] = (
    kernel_distance.MEASUREMENT,
    distinguishability.MEASUREMENT,
    pixel_distinguishability.MEASUREMENT,
    frechet.MEASUREMENT,
    swd.MEASUREMENT,
    diversity.MEASUREMENT,
    usable_share.MEASUREMENT,
    face_share.MEASUREMENT,
    symmetry.MEASUREMENT,
    precision_recall.MEASUREMENT,
    vendi.MEASUREMENT,
    duplicates.MEASUREMENT,
    nearest_train.MEASUREMENT,
    memorisation.MEASUREMENT,
)


def index_metrics(measurements: Iterable[Measurement]) -> dict[str, Metric]:
    """Return all metrics by key. Raise ValueError if two have the same key or a measurement has none."""
    listed = [measurement.metrics for measurement in measurements]
    if not all(listed):
        raise ValueError("a measurement lists no metric")
    metrics = [metric for group in listed for metric in group]
    if repeated := [key for key, count in Counter(metric.key for metric in metrics).items() if count > 1]:
        raise ValueError(f"two metrics have the key {repeated[0]}")
    return {metric.key: metric for metric in metrics}


METRICS = index_metrics(MEASUREMENTS)
