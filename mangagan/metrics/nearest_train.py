"""Metric `nearest_train`: distance of the samples to their nearest training face, and the share of copies."""

import numpy as np

from mangagan.metrics.comparison import Comparison, Figures, compute_mean_sd
from mangagan.metrics.evaluation_data import MIN_INDEPENDENT, EvaluationData
from mangagan.metrics.memorisation import copy_threshold, ct_statistic
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import Direction, ImageMeasurement, Metric, MetricGroup

QUANTILE = 0.01  # share of hold-out faces within the copy threshold of a training face
# A sample is a copy if its distance is below this share of the copy threshold. At 1, up to a tenth of real faces from
# other pages counted, because characters appear again in the same pose. Copies reach 0.1 of the threshold on scanned
# faces and 0.5 on drawn ones.
COPY_MARGIN = 0.8
RESAMPLES = 200  # bootstrap resamples; the standard error is then known to 5 %


def measure_nearest_train(data: EvaluationData, settings: EvaluateParams) -> Figures:
    """Measure the median distance to the nearest training face; see `find_nearest_faces` for the distance.

    The floor and the copy threshold are of the independent hold-out faces only. A hold-out face with a near-duplicate
    among the training faces has the distance of a copy, and a single one would hide the copies among the samples.
    """
    distances, floors = (found.distances[:, 0] for found in (data.nearest_to_samples, data.nearest_to_holdout))
    value, closest = compute_median_error(distances, settings.seed), float(distances.min())
    if reason := data.explain_copying_shortage(MIN_INDEPENDENT):
        details = {"closest": closest}
        return {"nearest_train": Comparison(*value, None, None, len(distances), 0, reason=reason, details=details)}
    found = {
        "closest": closest,
        "floor_closest": float(floors.min()),
        "ct": ct_statistic(distances, floors),
        "copied": float(np.mean(find_copies(data))),
        "by_title": count_by_title(data),
    }
    floor = compute_median_error(floors, settings.seed)
    return {"nearest_train": Comparison(*value, *floor, len(distances), len(floors), details=found)}


def count_by_title(data: EvaluationData) -> dict[str, dict[str, float]]:
    """Return for each title the share of samples whose nearest training face is from it.

    Returns:
        By title: `share`, this share; `train_share`, its share of the
        training faces; `copied`, the share of samples that count as copies of its faces.
    """
    titles = np.array(data.titles)
    nearest = titles[data.nearest_to_samples.indices[:, 0]]
    copies = find_copies(data)
    return {
        str(title): {
            "share": float(np.mean(nearest == title)),
            "train_share": float(np.mean(titles == title)),
            "copied": float(np.mean(copies & (nearest == title))),
        }
        for title in np.unique(titles)
    }


def find_copies(data: EvaluationData) -> np.ndarray:
    """Return for each sample whether it counts as a copy: bool (N,); see `COPY_MARGIN`."""
    limit = COPY_MARGIN * copy_threshold(data.nearest_to_holdout.distances[:, 0], QUANTILE)
    return data.nearest_to_samples.distances[:, 0] < limit


def compute_median_error(values: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the median of (N,) values and its standard error by the bootstrap (Efron 1979)."""
    rng = np.random.default_rng(seed)
    medians = [float(np.median(rng.choice(values, len(values)))) for _ in range(RESAMPLES)]
    return float(np.median(values)), compute_mean_sd(medians)[1]


MEASUREMENT = ImageMeasurement(
    measure_nearest_train,
    (
        Metric(
            key="nearest_train",
            title="Distance from the training set",
            question="Are samples closer to a training face than unseen faces are?",
            unit="RMS difference to the nearest training face, 0 to 2, median",
            direction=Direction.NEAREST,
            group=MetricGroup.COPYING,
            floor="hold-out faces without a near-duplicate among the training faces: they are close to one by chance"
            " only",
            same="As far from the training faces as unseen faces are: no sign of copying.",
            below="Closer to training faces than unseen faces are: copied, or only smooth. Look at the pairs below.",
            above="Further from any training face than unseen faces are: not copied, but many may not look like faces.",
            about="Compares faces in gray at 28 px, slightly blurred, at equal contrast; mirrored, shifted (4 px of"
            " 112) and zoomed (4 %) faces count too. 0: the same picture; above 1.2: unrelated faces.",
            bounds=(0.0, 1.41),
            ceilings=(),
            details={
                "closest": "minimum over all samples",
                "floor_closest": "minimum over these hold-out faces",
                "ct": "copying test on these distances (z)",
                "copied": "samples below the copy threshold (share)",
                "by_title": "By title",
            },
        ),
    ),
)
