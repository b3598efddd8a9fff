"""Metric `frechet`: Fréchet distance between Gaussians fitted to the features of samples and of hold-out faces.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (NeurIPS 2017, arXiv 1706.08500), equation 6; on Inception
features it is called FID. The distance is that of Dowson and Landau (1982).

On about a thousand images in hundreds of dimensions it is mostly bias. So both sets are projected on a few principal
axes of real faces first, and the floor must be read with it.
"""

import numpy as np

from mangagan.distances.pairwise import check_feature_pair, check_features
from mangagan.metrics.comparison import Figures, compare_with_holdout, make_missing
from mangagan.metrics.evaluation_data import EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import FLOOR_WITH_HOLDOUT, Direction, FeatureMeasurement, Metric, MetricGroup

MAX_DIMENSIONS = 64  # principal axes; with a thousand images the bias grows with their number


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), with covariances that divide by n − 1.

    No matrix root is needed: with Σ₁ = AᵀA and Σ₂ = BᵀB, the eigenvalues of Σ₁Σ₂ are the squared singular values of
    ABᵀ. So singular covariances (fewer rows than dimensions) need no special case.

    Args:
        first: (N, D), N at least 2.
        second: (M, D), M at least 2.

    Returns:
        The squared distance, as FID is printed: 0 or above, in squared units of the features. The bias is positive and
        grows as rows get fewer: compare values at equal counts only.

    Raises:
        ValueError: The arrays are not (N, D) with equal D, have too few rows, or hold values that are not finite.
    """
    first, second = check_feature_pair(first, second, min_rows=2)
    factors = factor_covariance(first), factor_covariance(second)
    mean_gap = float(np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2))
    root_trace = float(np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum())
    traces = float(np.vdot(factors[0], factors[0]) + np.vdot(factors[1], factors[1]))
    # Rounding can give slightly negative values for equal sets.
    return max(mean_gap + traces - 2 * root_trace, 0.0)


def factor_covariance(features: np.ndarray) -> np.ndarray:
    """Return A with AᵀA the covariance of float64 (N, D) features; A has at most D rows."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return centred if len(features) <= features.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))


def find_principal_axes(reference: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the first principal axes of a reference set.

    Args:
        reference: (N, D), real faces; use the same array for a value and its floor. If it is also one of the compared
            sets, both values are too high, because the axes are fitted to it.
        dimensions: Number of axes, 1 … min(N − 1, D).

    Returns:
        Mean, float64 (D,), and axes, float64 (D, dimensions): orthonormal columns by decreasing variance. The largest
        entry of each axis is positive.

    Raises:
        ValueError: The array is not (N, D), `dimensions` is out of range, or values are not finite.
    """
    reference = check_features(reference, min_rows=2)
    limit = min(len(reference) - 1, reference.shape[1])
    if not 1 <= dimensions <= limit:
        raise ValueError(f"dimensions must be in 1 … {limit}, not {dimensions}")
    mean = reference.mean(axis=0)
    centred = reference - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)  # by increasing variance
    axes = vectors[:, ::-1][:, :dimensions]
    largest = np.abs(axes).argmax(axis=0)
    return mean, axes * np.sign(axes[largest, np.arange(dimensions)])


def project(features: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return the coordinates of (N, D) features along the principal axes: float64 (N, dimensions).

    Raises:
        ValueError: The array is not (N, D) with the D of the axes, or values are not finite.
    """
    features = check_features(features)
    if features.shape[1] != len(axes):
        raise ValueError(f"features of {features.shape[1]} dimensions, axes of {len(axes)}")
    return (features - mean) @ axes


def measure_frechet(data: EvaluationData, features: ExtractorFeatures, settings: EvaluateParams) -> Figures:
    """Measure the Fréchet distance to the hold-out set along the principal axes of the hold-out set."""
    if reason := data.explain_shortage():
        return {"frechet": make_missing(reason, data.count)}
    holdout = features.sets.holdout
    mean, axes = find_principal_axes(holdout, min(MAX_DIMENSIONS, data.count // 4, holdout.shape[1]))

    def measure(chosen: np.ndarray, reference: np.ndarray, _seed: int) -> dict[str, float]:
        return {"frechet": frechet_distance(project(chosen, mean, axes), project(reference, mean, axes))}

    return compare_with_holdout(measure, features.sets, data.count, settings.repeats, settings.seed)


MEASUREMENT = FeatureMeasurement(
    measure_frechet,
    (
        Metric(
            key="frechet",
            title="Fréchet distance",
            question="Do mean and covariance of the samples match those of unseen faces?",
            unit="from 0; increases as the number of faces decreases, so compare it with the floor",
            direction=Direction.LOWER,
            group=MetricGroup.DISTANCE,
            floor=FLOOR_WITH_HOLDOUT,
            same="As close to unseen faces as real faces are.",
            below="Closer to unseen faces than training faces are.",
            above="Further from unseen faces than real faces are.",
            about="Compares mean and covariance of the same features along their main axes (FID, Heusel and others"
            " 2017). Widely used, but biased for a thousand faces.",
        ),
    ),
)
