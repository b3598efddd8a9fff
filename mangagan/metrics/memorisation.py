"""Does the generator copy its training faces? Figures that compare samples with real faces it never saw.

Distances to the nearest training face come from `mangagan.distances.pairwise.nearest` or from
`mangagan.distances.nearest_faces.nearest_faces`. A generator trained on mirrored faces too can copy those: they belong
in the training set here.
"""

import numpy as np

from mangagan.distances.pairwise import checked_pair, nearest


def ct_statistic(fake_to_train: np.ndarray, holdout_to_train: np.ndarray) -> float:
    """Are samples closer to the training set than real faces are that the generator never saw?

    C_T of Meehan, Chaudhuri and Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative Models" (AISTATS
    2020, arXiv 2004.05675), in one cell: z of the Mann–Whitney test, equal distances counted half and the variance
    corrected for them.

    About N(0, 1) for samples of the faces' distribution; below −3 they copy, above 3 they underfit. It grows with the
    square root of the counts, and it sees the bulk: a few copies among many poor samples do not turn it negative.
    It also takes hold-out and training faces to be independent draws: a hold-out of other titles lies further away, and
    z then falls without any copying.

    Args:
        fake_to_train: (N,), each sample's distance to its nearest training face.
        holdout_to_train: (M,), the same for hold-out faces.

    Returns:
        z; 0 where all distances are equal.

    Raises:
        ValueError: one is empty, no vector, or has NaNs.
    """
    fakes, holdouts = distances_of(fake_to_train), distances_of(holdout_to_train)
    n, m = len(fakes), len(holdouts)
    _, inverse, ties = np.unique(np.concatenate([fakes, holdouts]), return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(ties) - (ties - 1) / 2
    u = mean_ranks[inverse[:n]].sum() - n * (n + 1) / 2  # pairs in which the sample is farther, ties half
    counts = ties.astype(np.float64)
    variance = n * m / 12 * (n + m + 1 - np.sum(counts**3 - counts) / ((n + m) * (n + m - 1)))
    # With a single distance the variance is 0 but for rounding.
    return float((u - n * m / 2) / np.sqrt(variance)) if len(ties) > 1 else 0.0


def authenticity(fake: np.ndarray, train: np.ndarray, mirrored: np.ndarray | None = None) -> float:
    """Share of samples that are farther from their nearest training face than that face is from any other.

    Alaa, van Breugel, Saveliev and van der Schaar, "How Faithful is your Synthetic Data?" (ICML 2022, arXiv
    2102.08921), section 4.3.

    0 for copies. For independent samples of the same distribution there is no fixed value: 0.34 for 1,000 points on a
    line, 0.59 for a Gaussian in 8 dimensions, 0.8 in 64, so read it beside the value of hold-out faces. Poor samples,
    far from all faces, get 1.

    Args:
        fake: (N, D).
        train: (M, D), M at least 2.
        mirrored: (M, D), the training faces mirrored, row by row; a face's own mirror image is no other face.

    Returns:
        0 … 1.

    Raises:
        ValueError: fewer than two training faces, another number of mirrored ones, no (N, D) arrays of one D, or values
            that are not finite.
    """
    if len(train) < 2:
        raise ValueError("authenticity needs at least two training faces")
    if mirrored is not None and mirrored.shape != train.shape:
        raise ValueError(f"{mirrored.shape} mirrored training features for {train.shape}")
    faces = train if mirrored is None else np.concatenate([train, mirrored])
    faces, fake = checked_pair(faces, fake)
    distances, rows = nearest(fake, faces)
    # Of the training set only the rows that are nearest to a sample: N × M distances instead of M × M.
    asked, back = np.unique(rows, return_inverse=True)
    own = asked[:, None] % len(train) + np.arange(0, len(faces), len(train))
    others, _ = nearest(faces[asked], faces, excluded=own)
    return float((distances > others[back]).mean())


def copied_share(fake_to_train: np.ndarray, holdout_to_train: np.ndarray, quantile: float = 0.01) -> float:
    """Share of samples nearer to the training set than all but a `quantile` of the hold-out faces are.

    Unlike `ct_statistic` it sees a few copies among many poor samples. The limit is the hold-out distance of rank
    quantile · (M + 1), between two ranks in proportion: samples of the faces' distribution fall below it with
    probability `quantile` on average. With M hold-out faces nothing smaller than 1 / (M + 1) can be told: that is what
    is then expected. The limit itself is drawn by few faces: the share's standard deviation is about √(quantile / M),
    0.009 for quantile 0.01 and 120 faces, besides that of the samples.

    Args:
        fake_to_train: (N,), each sample's distance to its nearest training face.
        holdout_to_train: (M,), the same for hold-out faces.
        quantile: above 0, below 1.

    Returns:
        0 … 1.

    Raises:
        ValueError: one is empty, no vector, or has NaNs, or `quantile` is out of range.
    """
    return float((distances_of(fake_to_train) < copied_limit(holdout_to_train, quantile)).mean())


def copied_limit(holdout_to_train: np.ndarray, quantile: float = 0.01) -> float:
    """The distance below which `copied_share` counts a sample as copied.

    Args:
        holdout_to_train: (M,), each hold-out face's distance to its nearest training face.
        quantile: above 0, below 1.

    Raises:
        ValueError: the vector is empty, none, or has NaNs, or `quantile` is out of range.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must be between 0 and 1, not {quantile}")
    return float(np.quantile(distances_of(holdout_to_train), quantile, method="weibull"))


def distances_of(values: np.ndarray) -> np.ndarray:
    """The distances in float64; ValueError where they are no vector, empty, or have NaNs."""
    if values.ndim != 1 or len(values) == 0 or np.isnan(values).any():
        raise ValueError(f"distances must be a vector without NaNs, not empty: {values.shape}")
    return values.astype(np.float64)
