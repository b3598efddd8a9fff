"""Metric `vendi`: the Vendi score, the effective number of different samples."""

import numpy as np

from mangagan.distances.pairwise import check_features
from mangagan.metrics.comparison import Figures, compare_alone, make_missing
from mangagan.metrics.evaluation_data import TOO_FEW_SAMPLES, EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_ALONE, Direction, FeatureMeasurement, Metric, MetricGroup


def vendi_score(features: np.ndarray) -> float:
    """Return the effective number of different vectors.

    It is exp of the entropy of the eigenvalues of K / N, with K the cosine kernel: Friedman and Dieng, "The Vendi
    Score" (TMLR 2023, arXiv 2210.02410), definition 3.1.

    If all features share a large component, as after a ReLU, all cosines are near 1 and so is the score. Subtract
    the mean of real features first, the same for all sets. The score grows with N: compare values at equal counts
    only. Noise counts as variety too.

    Args:
        features: (N, D), N at least 1. Zero vectors have no direction and count as one direction of their own.

    Returns:
        1 for vectors of one direction, up to min(N, D + 1): N if all are orthogonal.

    Raises:
        ValueError: The array is not (N, D), has no rows, or holds values that are not finite.
    """
    features = check_features(features)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    zero = norms == 0
    unit = np.concatenate([features / np.where(zero, 1, norms), zero], axis=1)
    # The Gram matrices of rows and of columns have the same eigenvalues except for zeros.
    gram = unit @ unit.T if len(unit) < unit.shape[1] else unit.T @ unit
    shares = np.linalg.eigvalsh(gram / len(unit))
    # Eigenvalues that are 0 come out slightly above or below 0; their terms are 0.
    shares = shares[shares > np.finfo(np.float64).eps]
    return float(np.exp(-np.sum(shares * np.log(shares))))


def measure_vendi(data: EvaluationData, features: ExtractorFeatures, settings: EvaluateParams) -> Figures:
    """Measure the Vendi score of the samples, centred on the mean of the training faces."""
    if data.count_alone < 2:
        return {"vendi": make_missing(TOO_FEW_SAMPLES, data.count_alone)}
    mean = features.sets.train.mean(axis=0)

    def measure(chosen: np.ndarray, _seed: int) -> dict[str, float]:
        return {"vendi": vendi_score(chosen - mean)}

    return compare_alone(measure, features.sets, data.count_alone, settings.repeats, settings.seed)


MEASUREMENT = FeatureMeasurement(
    measure_vendi,
    (
        Metric(
            key="vendi",
            title="Effective number of faces",
            question="How many really different faces are among the samples?",
            unit="faces, from 1 to the number of samples compared",
            direction=Direction.NEAREST,
            group=MetricGroup.VARIETY,
            floor=FLOOR_ALONE,
            same="As many different faces as among real faces.",
            below="Fewer different faces than among real faces.",
            above="More variety than among real faces: noise and broken shapes count as variety too.",
            about="The Vendi score (Friedman and Dieng 2023). Ten faces drawn a hundred times each give about 10.",
        ),
    ),
)
