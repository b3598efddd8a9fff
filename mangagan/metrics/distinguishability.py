"""Metric `distinguishability`: how well a simple classifier distinguishes samples from hold-out faces.

The classifier sees only `EXAMPLES` samples and as many hold-out faces, and is tested on the others. A classifier that
sees all of them reaches 1.00 already for faces with a slight blur, and so cannot rank generators.
"""

import numpy as np

from mangagan.metrics.comparison import Figures, compare_with_holdout, make_missing
from mangagan.metrics.evaluation_data import EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.ranking import compute_auc
from mangagan.metrics.types import FLOOR_WITH_HOLDOUT, Direction, FeatureMeasurement, Metric, MetricGroup

EXAMPLES = 20  # samples, and hold-out faces, that the classifier learns from
MIN_TESTED = 5  # samples, and hold-out faces, that it is tested on
SHRINKAGE = 0.1  # share of the mean variance that is added to the variance of each feature
SPLITS = 4  # random choices of the examples in each repeat


def measure_distinguishability(data: EvaluationData, features: ExtractorFeatures, settings: EvaluateParams) -> Figures:
    """Measure the AUC of the classifier."""
    if reason := data.explain_shortage(EXAMPLES + MIN_TESTED):
        return {"distinguishability": make_missing(reason, data.count)}

    def measure(chosen: np.ndarray, reference: np.ndarray, seed: int) -> dict[str, float]:
        aucs = [measure_classifier_auc(chosen, reference, SPLITS * seed + split) for split in range(SPLITS)]
        return {"distinguishability": float(np.mean(aucs))}

    return compare_with_holdout(measure, features.sets, data.count, settings.repeats, settings.seed)


def measure_classifier_auc(first: np.ndarray, second: np.ndarray, seed: int, examples: int = EXAMPLES) -> float:
    """Return the AUC of a classifier that learns from `examples` random vectors of each set.

    Diagonal linear discriminant analysis: the score of a vector is its projection onto the difference of the means of
    the examples, with each feature divided by its variance. Each variance is increased by `SHRINKAGE` times the mean
    variance; otherwise features that are constant in the examples would dominate.

    Args:
        first: Features (N, D), N above `examples`.
        second: Features (M, D), M above `examples`.
        seed: Seed of the choice.
        examples: Vectors of each set to learn from. Default: `EXAMPLES`.

    Returns:
        AUC on the vectors that were not examples; about 0.5 for two samples of one distribution.
    """
    rng = np.random.default_rng(seed)
    a, b = (features[rng.permutation(len(features))].astype(np.float64) for features in (first, second))
    variance = (a[:examples].var(axis=0) + b[:examples].var(axis=0)) / 2
    weights = (a[:examples].mean(axis=0) - b[:examples].mean(axis=0)) / (variance + SHRINKAGE * variance.mean() + 1e-12)
    return compute_auc(a[examples:] @ weights, b[examples:] @ weights)


MEASUREMENT = FeatureMeasurement(
    measure_distinguishability,
    (
        Metric(
            key="distinguishability",
            title="Distinguishability",
            question="How well does a simple classifier distinguish samples from real faces?",
            unit="AUC: 0.5 cannot distinguish them, 1 always can",
            direction=Direction.LOWER,
            group=MetricGroup.DISTANCE,
            floor=FLOOR_WITH_HOLDOUT,
            same="Not distinguishable from real faces.",
            below="Less distinguishable than two sets of real faces are.",
            above="Distinguishable from real faces.",
            about="A linear classifier learns from 20 samples and 20 hold-out faces. The value is the probability that"
            " it gives one of the other samples a higher score than one of the other hold-out faces. It learns from so"
            " few images because with more it reaches 1 for small differences too.",
            bounds=(0.4, 1.0),
        ),
    ),
)
