"""Metric `duplicates`: share of near-duplicates among the samples, and an estimate of the number of different faces."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mangagan.distances.nearest_faces import make_descriptors
from mangagan.distances.pairwise import check_features, distance_blocks, find_twin_distances
from mangagan.distances.subsamples import draw_subsamples
from mangagan.metrics.comparison import ComparedSets, Figures, compare_alone, make_missing, measure_subsamples
from mangagan.metrics.evaluation_data import TOO_FEW_SAMPLES, EvaluationData
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_ALONE, Direction, ImageMeasurement, Metric, MetricGroup

QUANTILE = 0.01  # share of training faces whose nearest other face counts as a near-duplicate


class SupportEstimate(NamedTuple):
    """Number of near-duplicate pairs of a set, and the estimated support; see `estimate_support`."""

    pairs: int
    support: float | None


def estimate_support(features: np.ndarray, threshold: float) -> SupportEstimate:
    """Estimate how many different faces a generator can draw, from the near-duplicates in a batch.

    The birthday paradox of Arora and Zhang, "Do GANs actually learn the distribution?" (ICLR 2018, arXiv 1706.08224):
    N draws from S equally likely faces hold N(N − 1) / 2S equal pairs on average; this is solved for S. If some faces
    are more likely, it estimates 1 / Σp², a lower bound of their number. The relative error is about 1 / √pairs.

    Args:
        features: (N, D), N at least 2.
        threshold: Largest Euclidean distance of a near-duplicate pair.

    Returns:
        The number of pairs, and N(N − 1) / (2 · pairs): 1 if all are one face, None without a pair. Without a pair the
        support is probably above N² / 6 (three pairs expected, none found: probability 5 %).

    Raises:
        ValueError: The array is not finite (N, D) or has too few rows, or the threshold is negative or NaN.
    """
    features = check_features(features, min_rows=2)
    if not threshold >= 0:
        raise ValueError(f"threshold must be 0 or above, not {threshold}")
    # Each pair is counted twice, and each vector once with itself.
    close = sum(int((distances <= threshold).sum()) for _, distances in distance_blocks(features, features))
    pairs = (close - len(features)) // 2
    return SupportEstimate(pairs, len(features) * (len(features) - 1) / (2 * pairs) if pairs else None)


def measure_duplicates(data: EvaluationData, settings: EvaluateParams) -> Figures:
    """Measure the share of samples with a near-duplicate in their subsample.

    The threshold is the distance within which 1 % of training faces have another training face. The detail
    `support` is the estimated number of different images; None without a near-duplicate pair.
    """
    if data.count_alone < 2:
        return {"duplicates": make_missing(TOO_FEW_SAMPLES, data.count_alone)}
    samples, train = make_descriptors(data.images.samples), make_descriptors(data.images.train)
    draws = (data.count_alone, settings.repeats, settings.seed)
    unit = np.sqrt(samples.shape[1])  # Euclidean distance for each unit of the root mean square difference

    def find_limit(chosen: np.ndarray, _seed: int) -> float:
        return float(np.quantile(find_twin_distances(chosen) / unit, QUANTILE))

    limit = float(np.mean(measure_subsamples(find_limit, train, *draws)))

    def measure(chosen: np.ndarray, _seed: int) -> dict[str, float]:
        return {"duplicates": float(np.mean(find_twin_distances(chosen) / unit <= limit))}

    found = compare_alone(measure, ComparedSets(samples, train, np.empty(0), {}), *draws)["duplicates"]
    batch = samples[next(draw_subsamples(len(samples), data.count_alone, 1, settings.seed))]
    details = {"support": estimate_support(batch, limit * unit).support, "limit": limit}
    return {"duplicates": replace(found, details=details)}


MEASUREMENT = ImageMeasurement(
    measure_duplicates,
    (
        Metric(
            key="duplicates",
            title="Near-duplicates among the samples",
            question="How many samples have a near-duplicate?",
            unit="share of samples, 0 to 1",
            direction=Direction.LOWER,
            group=MetricGroup.VARIETY,
            floor=FLOOR_ALONE,
            same="No more near-duplicates than among real faces.",
            below="Fewer near-duplicates than among real faces.",
            above="More near-duplicates than among real faces: the same faces appear again.",
            about="Near-duplicates are at most as far apart as the most similar 1 % of training faces. The number of"
            " near-duplicate pairs gives an estimate of the number of different faces, the support (birthday paradox;"
            " Arora and Zhang 2017).",
            bounds=(0.0, 1.0),
            ceilings=(),
            details={
                "support": "lower bound of the number of different faces",
                "limit": "maximum distance of near-duplicates",
            },
        ),
    ),
)
