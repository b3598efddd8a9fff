"""Fréchet distance between Gaussians fitted to two sets of features, and the projection that makes it mean something.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (NeurIPS 2017, arXiv 1706.08500), equation 6: with the
features of Inception it is FID. The distance is that of Dowson and Landau (1982).

On about a thousand images in hundreds of dimensions it is mostly bias: project both sets on a few principal axes of the
reals first, and print the distance of reals to reals beside it.
"""

import numpy as np

from mangagan.distances.pairwise import checked, checked_pair


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), covariances with n − 1.

    The trace of the root comes without a matrix root: where Σ₁ = AᵀA and Σ₂ = BᵀB, the eigenvalues of Σ₁Σ₂ are the
    squared singular values of ABᵀ. Singular covariances (fewer rows than dimensions) need no special care then.

    Args:
        first: (N, D), N at least 2.
        second: (M, D), M at least 2.

    Returns:
        The squared distance, as FID is printed: 0 or above, in squared units of the features. It is biased upwards,
        the more the fewer rows: compare figures of equal counts only.

    Raises:
        ValueError: no (N, D) arrays of one D, too few rows, or values that are not finite.
    """
    first, second = checked_pair(first, second, least=2)
    ours, theirs = covariance_factor(first), covariance_factor(second)
    gap = float(np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2))
    root_trace = float(np.linalg.svd(ours @ theirs.T, compute_uv=False).sum())
    # Rounding may leave a hair below 0 for equal sets.
    return max(gap + float(np.vdot(ours, ours) + np.vdot(theirs, theirs)) - 2 * root_trace, 0.0)


def covariance_factor(features: np.ndarray) -> np.ndarray:
    """A with AᵀA the covariance of float64 (N, D) features; at most D rows."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return centred if len(features) <= features.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))


def principal_axes(reference: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the reference spreads most: its mean and first principal axes.

    Args:
        reference: (N, D); real faces, the same for a figure and for its floor. Where they are one of the two sets that
            are compared, both come out higher: the axes are those on which this very sample spreads most.
        dimensions: axes wanted, 1 … min(N − 1, D).

    Returns:
        float64 (D,), the mean, and float64 (D, dimensions), orthonormal columns by falling variance; an axis points to
        where its largest entry is positive.

    Raises:
        ValueError: no (N, D) array, `dimensions` out of range, or values that are not finite.
    """
    reference = checked(reference, least=2)
    most = min(len(reference) - 1, reference.shape[1])
    if not 1 <= dimensions <= most:
        raise ValueError(f"dimensions must be in 1 … {most}, not {dimensions}")
    mean = reference.mean(axis=0)
    centred = reference - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)  # rising
    axes = vectors[:, ::-1][:, :dimensions]
    largest = np.abs(axes).argmax(axis=0)
    return mean, axes * np.sign(axes[largest, np.arange(dimensions)])


def project(features: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Coordinates along the `principal_axes`: float64 (N, dimensions) of (N, D) features.

    Raises:
        ValueError: no (N, D) array of the axes' D, or values that are not finite.
    """
    features = checked(features)
    if features.shape[1] != len(axes):
        raise ValueError(f"features of {features.shape[1]} dimensions, axes of {len(axes)}")
    return (features - mean) @ axes
