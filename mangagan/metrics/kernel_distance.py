"""Metric `kernel_distance`: unbiased MMD² between samples and hold-out faces."""

from dataclasses import replace

import numpy as np

from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.subsamples import draw_subsamples
from mangagan.metrics.comparison import CEILING_REPEATS, Comparison, Figures, compare_with_holdout, make_missing
from mangagan.metrics.evaluation_data import EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_WITH_HOLDOUT, Direction, FeatureMeasurement, Metric, MetricGroup

CLEAR_DEVIATIONS = 3.0  # broken faces are distinguishable if they are this many standard errors further than real ones


def measure_kernel_distance(data: EvaluationData, features: ExtractorFeatures, settings: EvaluateParams) -> Figures:
    """Measure the kernel distance to the hold-out set, and to how many broken faces it is equivalent."""
    if reason := data.explain_shortage():
        return {"kernel_distance": make_missing(reason, data.count)}

    def measure(chosen: np.ndarray, reference: np.ndarray, _seed: int) -> dict[str, float]:
        return {"kernel_distance": kernel_distance(chosen, reference)}

    sets, repeats, seed = features.sets, settings.repeats, settings.seed
    figure = compare_with_holdout(measure, sets, data.count, repeats, seed)["kernel_distance"]
    references = draw_subsamples(len(sets.holdout), data.count, CEILING_REPEATS, seed)
    broken = float(np.mean([kernel_distance(features.broken, sets.holdout[chosen]) for chosen in references]))
    errors = [
        estimate_error(deviation or 0.0, data.count, len(items))
        for deviation, items in ((figure.sd, sets.samples), (figure.floor_sd, sets.train))
    ]
    return {"kernel_distance": replace(figure, details=compare_with_broken(figure, broken, *errors))}


def estimate_error(deviation: float, count: int, total: int) -> float:
    """Return the standard error of the mean over subsamples, for another set of `total` images of the same kind.

    The variance of a subsample without replacement is σ² / count · (1 − count / total), that of a new set σ² / total.

    Args:
        deviation: Standard deviation over subsamples.
        count: Images in a subsample, below `total`.
        total: Images in the set.
    """
    return deviation * float(np.sqrt(count / (total - count)))


def compare_with_broken(figure: Comparison, broken: float, error: float, floor_error: float) -> dict[str, float | None]:
    """Return the details of the distance of samples.

    The squared distance of a mixture of real and broken faces is s² times that of broken faces, with s the share of
    broken ones. So the root of the ratio of both distances is the share with the same distance as the samples.

    Args:
        figure: Distance of the samples and of training faces.
        broken: Distance of broken faces.
        error: Standard error of the distance of the samples.
        floor_error: Standard error of the distance of training faces.

    Returns:
        `broken`; `deviations`: distance of the samples above the floor in standard errors; and `broken_share`: the
        equivalent share of broken faces, above 1 for samples that are further than broken faces, None if there are too
        few faces to distinguish broken faces from real ones.
    """
    floor = figure.floor or 0.0
    above, reference = (figure.value or 0.0) - floor, broken - floor
    clear = reference > CLEAR_DEVIATIONS * float(np.hypot(floor_error, floor_error))
    total_error = float(np.hypot(error, floor_error))
    return {
        "broken_share": float(np.sqrt(max(above, 0.0) / reference)) if clear else None,
        "broken": broken,
        "deviations": above / total_error if total_error > 0 else None,
    }


MEASUREMENT = FeatureMeasurement(
    measure_kernel_distance,
    (
        Metric(
            key="kernel_distance",
            title="Kernel distance",
            question="Do the samples as a whole look like faces the generator never saw?",
            unit="squared distance, no upper limit; about 0 for two samples of the same faces, so it can be negative",
            direction=Direction.LOWER,
            group=MetricGroup.DISTANCE,
            floor=FLOOR_WITH_HOLDOUT,
            same="As close to unseen faces as real faces are.",
            below="Closer to unseen faces than training faces are.",
            above="Further from unseen faces than real faces are.",
            about="A network turns each face into a vector of features. The distance compares the features of samples"
            " and hold-out faces (KID, Bińkowski and others 2018). It is unbiased for small sets, so use it to compare"
            " runs. Broken faces are training faces that each have an erased eye, halves of two faces, bent outlines or"
            " exchanged patches.",
            details={
                "broken_share": "share of broken faces that has the same distance (1: all are broken)",
                "broken": "broken faces",
                "deviations": "distance above real faces, in standard errors",
            },
        ),
    ),
)
