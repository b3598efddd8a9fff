"""Metric `kernel_distance`: unbiased MMD² between samples and hold-out faces."""

import numpy as np

from mangagan.distances.kernel_distance import kernel_distance
from mangagan.metrics.comparison import Figures, compare_with_holdout, make_missing
from mangagan.metrics.evaluation_data import EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_WITH_HOLDOUT, Direction, FeatureMeasurement, Metric, MetricGroup


def measure_kernel_distance(data: EvaluationData, features: ExtractorFeatures, settings: EvaluateParams) -> Figures:
    """Measure the kernel distance to the hold-out set."""
    if reason := data.explain_shortage():
        return {"kernel_distance": make_missing(reason, data.count)}

    def measure(chosen: np.ndarray, reference: np.ndarray, _seed: int) -> dict[str, float]:
        return {"kernel_distance": kernel_distance(chosen, reference)}

    return compare_with_holdout(measure, features.sets, data.count, settings.repeats, settings.seed)


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
            " runs.",
        ),
    ),
)
