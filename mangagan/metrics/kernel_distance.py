"""Metric `kernel_distance`: unbiased MMD² between samples and hold-out faces."""

from dataclasses import replace

import numpy as np

from mangagan.distances.kernel_distance import kernel_distance, kernel_distance_with_error
from mangagan.metrics.comparison import Figures, compare_with_holdout, make_missing
from mangagan.metrics.evaluation_data import EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_WITH_HOLDOUT, Direction, FeatureMeasurement, Metric, MetricGroup

MAX_ITEMS = 2000  # maximum number of images of each set for `broken_share`
BROKEN_SHARES = {"broken_10": 0.1, "broken_30": 0.3, "broken_60": 0.6}  # share of broken faces in each reference
MIN_BROKEN_DEVIATIONS = 3.0  # broken faces must be this many standard errors further than training faces


def measure_kernel_distance(data: EvaluationData, features: ExtractorFeatures, settings: EvaluateParams) -> Figures:
    """Measure the kernel distance to the hold-out set, and the equivalent share of broken faces."""
    if reason := data.explain_shortage():
        return {"kernel_distance": make_missing(reason, data.count)}

    def measure(chosen: np.ndarray, reference: np.ndarray, _seed: int) -> dict[str, float]:
        return {"kernel_distance": kernel_distance(chosen, reference)}

    figure = compare_with_holdout(measure, features.sets, data.count, settings.repeats, settings.seed)
    details, references = compare_with_broken(features, settings.seed)
    holdout = choose_items(features.sets.holdout, settings.seed)
    references |= {kind: kernel_distance(items, holdout) for kind, items in features.damaged.items()}
    return {"kernel_distance": replace(figure["kernel_distance"], references=references, details=details)}


def compare_with_broken(features: ExtractorFeatures, seed: int) -> tuple[dict[str, float | None], dict[str, float]]:
    """Compare the samples with broken faces.

    If a share s of a set is broken, its MMD² from real faces is s² times that of a fully broken set. So the equivalent
    share is √((distance of samples − floor) / (distance of broken faces − floor)). The floor is the distance of
    training faces. The distance is unbiased, so the sets may have different sizes.

    Args:
        features: Features of all sets.
        seed: Seed of the choice of images.

    Returns:
        Details and references. Details:
        `broken_share`: the equivalent share, above 1 for samples that are further than broken faces, None if there are
        too few faces to distinguish broken faces from real ones; `broken_distance`: distance of broken faces;
        `distance_z`: distance of the samples above that of training faces, in standard errors, None if the error is 0.
        References: for each key of `BROKEN_SHARES`, the distance of a set with that share of broken faces. Empty if
        `broken_share` is None.
    """
    sets = features.sets
    reference = choose_items(sets.holdout, seed)
    (value, error), (floor, floor_error), (broken, broken_error) = (
        kernel_distance_with_error(choose_items(items, seed), reference, seed)
        for items in (sets.samples, sets.train, features.broken)
    )
    total_error = float(np.hypot(error, floor_error))
    is_clear = broken - floor > MIN_BROKEN_DEVIATIONS * np.hypot(broken_error, floor_error)
    references = {kind: floor + share**2 * (broken - floor) for kind, share in BROKEN_SHARES.items()}
    details = {
        "broken_share": float(np.sqrt(max(value - floor, 0.0) / (broken - floor))) if is_clear else None,
        "broken_distance": broken,
        "distance_z": (value - floor) / total_error if total_error > 0 else None,
    }
    return details, references if is_clear else {}


def choose_items(items: np.ndarray, seed: int) -> np.ndarray:
    """Return at most `MAX_ITEMS` random rows."""
    return items[np.random.default_rng(seed).permutation(len(items))[:MAX_ITEMS]]


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
            " runs. Broken faces are training faces with one of four faults: an erased eye, joined halves of two faces,"
            " a warp of 4 px, or exchanged patches.",
            scale="sqrt",
            references=("slight_blur", "slight_warp", *BROKEN_SHARES),
            details={
                "broken_share": "equivalent share of broken faces (above 1: further than a set of only broken faces)",
                "broken_distance": "distance of broken faces",
                "distance_z": "distance above that of training faces, in standard errors",
            },
        ),
    ),
)
