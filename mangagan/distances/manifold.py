"""Precision, recall, density and coverage of generated images.

The manifold of a set is the union of balls around its points. The radius of a ball is the distance to the k-th nearest
other point of the set. Precision and recall: Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing
Generative Models" (NeurIPS 2019, arXiv 1904.06991), equations 1 and 2. Density and coverage: Naeem et al., "Reliable
Fidelity and Diversity Metrics for Generative Models" (ICML 2020, arXiv 2002.09797), equations 3 and 4.
"""

from dataclasses import dataclass

import numpy as np

from mangagan.distances.pairwise import check_feature_pair, distance_blocks, find_kth_distances


@dataclass(frozen=True)
class ManifoldMetrics:
    """Precision, recall, density and coverage; for expected values see `manifold_metrics`.

    Attributes:
        precision: Share of generated points inside the ball of a real point [0, 1].
        recall: Share of real points inside the ball of a generated point [0, 1].
        density: Mean number of real balls around a generated point, divided by k; 0 or above. Above 1 if generated
            points are concentrated where real points are dense. The wide ball of a real outlier raises precision but
            hardly density.
        coverage: Share of real points whose ball holds a generated point [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_metrics(real: np.ndarray, fake: np.ndarray, k: int = 5) -> ManifoldMetrics:
    """Return precision, recall, density and coverage of generated points.

    Expected values for two samples of one distribution without ties: density 1; coverage exactly
    1 − (N−1)…(N−k) / (2N−1)…(2N−k), which tends to 1 − 2⁻ᵏ (0.969 at k = 5). Precision and recall depend on the
    distribution: 0.73 for 1,000 points of a Gaussian in 64 dimensions. Coverage rises with the number of generated
    points, so both counts must be equal.

    A point on the surface of a ball is outside. A point at the centre is inside even if the radius is 0.

    Args:
        real: (N, D), N above k.
        fake: (N, D).
        k: Neighbour that sets the radius, at least 1. Default: 5.

    Raises:
        ValueError: The counts differ, k is out of range, or the arrays are not finite (N, D) with equal D.
    """
    real, fake = check_feature_pair(real, fake)
    if len(real) != len(fake):
        raise ValueError(f"equal counts needed, not {len(real)} real and {len(fake)} fake")
    if not 1 <= k < len(real):
        raise ValueError(f"k must be in 1 … {len(real) - 1}, not {k}")
    # Each point is its own nearest neighbour, at distance 0, so the k-th other point is number k + 1.
    real_radii, fake_radii = (find_kth_distances(points, points, k + 1) for points in (real, fake))
    ball_counts = np.zeros(len(fake), np.int64)  # real balls around each generated point
    recalled = covered = 0
    for rows, distances in distance_blocks(real, fake):
        same = distances == 0
        inside = (distances < real_radii[rows, None]) | same
        ball_counts += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int(((distances < fake_radii[None]) | same).any(axis=1).sum())
    return ManifoldMetrics(
        precision=float((ball_counts > 0).mean()),
        recall=recalled / len(real),
        density=float(ball_counts.mean()) / k,
        coverage=covered / len(real),
    )
