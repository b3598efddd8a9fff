"""Metrics `ct` and `authenticity`: tests for memorised training faces that compare samples with hold-out faces.

Distances to the nearest training face come from `mangagan.distances.pairwise.find_nearest` or from
`mangagan.distances.nearest_faces.find_nearest_faces`. A generator that was trained on mirrored faces too can memorise
mirrored faces, so the training set must include them.
"""

import numpy as np

from mangagan.distances.pairwise import check_feature_pair, find_nearest
from mangagan.metrics.comparison import Comparison, Figures, make_missing
from mangagan.metrics.evaluation_data import MIN_COUNT, EvaluationData, ExtractorFeatures
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.types import Direction, FeatureMeasurement, Metric, MetricGroup


def ct_statistic(fake_to_train: np.ndarray, holdout_to_train: np.ndarray) -> float:
    """Test whether samples are closer to the training set than hold-out faces are.

    C_T of Meehan, Chaudhuri and Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative Models" (AISTATS
    2020, arXiv 2004.05675), with one cell: z of the Mann–Whitney test. Equal distances count half, and the variance is
    corrected for ties.

    About N(0, 1) for samples of the distribution of the faces; below −3 for copies, above 3 for underfitting. It grows
    with the square root of the counts and reflects most samples: a few copies among many poor samples do not make it
    negative. It assumes that hold-out and training faces are independent draws: a hold-out set of other titles is
    further away, and z then falls without any copy.

    Args:
        fake_to_train: (N,), distance of each sample to its nearest training face.
        holdout_to_train: (M,), the same for hold-out faces.

    Returns:
        z; 0 if all distances are equal.

    Raises:
        ValueError: An array is empty, is not a vector, or holds NaN.
    """
    fakes, holdouts = check_distances(fake_to_train), check_distances(holdout_to_train)
    n, m = len(fakes), len(holdouts)
    _, inverse, ties = np.unique(np.concatenate([fakes, holdouts]), return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(ties) - (ties - 1) / 2
    u = mean_ranks[inverse[:n]].sum() - n * (n + 1) / 2  # pairs in which the sample is farther; ties count half
    counts = ties.astype(np.float64)
    variance = n * m / 12 * (n + m + 1 - np.sum(counts**3 - counts) / ((n + m) * (n + m - 1)))
    # If all distances are equal, the variance is 0 except for rounding.
    return float((u - n * m / 2) / np.sqrt(variance)) if len(ties) > 1 else 0.0


def authenticity(fake: np.ndarray, train: np.ndarray, mirrored: np.ndarray | None = None) -> float:
    """Return the share of samples that are farther from their nearest training face than that face is from any other.

    Alaa, van Breugel, Saveliev and van der Schaar, "How Faithful is your Synthetic Data?" (ICML 2022, arXiv
    2102.08921), section 4.3.

    0 for copies. Independent samples of the same distribution have no fixed value: 0.34 for 1,000 points on a line,
    0.59 for a Gaussian in 8 dimensions, 0.8 in 64. So read it with the value of hold-out faces. Poor samples, far from
    all faces, get 1.

    Args:
        fake: (N, D).
        train: (M, D), M at least 2.
        mirrored: (M, D), the mirrored training faces, row by row. A face and its own mirror image are one face.
            Default: none.

    Returns:
        The share [0, 1].

    Raises:
        ValueError: There are fewer than two training faces or another number of mirrored ones, or the arrays are not
            finite (N, D) with equal D.
    """
    if len(train) < 2:
        raise ValueError("authenticity needs at least two training faces")
    if mirrored is not None and mirrored.shape != train.shape:
        raise ValueError(f"{mirrored.shape} mirrored training features for {train.shape}")
    faces = train if mirrored is None else np.concatenate([train, mirrored])
    faces, fake = check_feature_pair(faces, fake)
    distances, rows = find_nearest(fake, faces)
    # Only training faces that are nearest to a sample are searched again: N × M distances instead of M × M.
    nearest_rows, positions = np.unique(rows, return_inverse=True)
    same_face = nearest_rows[:, None] % len(train) + np.arange(0, len(faces), len(train))
    others, _ = find_nearest(faces[nearest_rows], faces, excluded=same_face)
    return float((distances > others[positions]).mean())


def copied_share(fake_to_train: np.ndarray, holdout_to_train: np.ndarray, quantile: float = 0.01) -> float:
    """Return the share of samples closer to the training set than the `copy_threshold` of the hold-out faces.

    Unlike `ct_statistic` it responds to a few copies among many poor samples. For samples of the distribution of the
    faces it is `quantile` on average. With M hold-out faces the smallest average is 1 / (M + 1). Few faces also make
    the threshold itself uncertain: the standard deviation of the share is about √(quantile / M), 0.009 for quantile
    0.01 and 120 faces, in addition to that of the samples.

    Args:
        fake_to_train: (N,), distance of each sample to its nearest training face.
        holdout_to_train: (M,), the same for hold-out faces.
        quantile: Above 0, below 1. Default: 0.01.

    Returns:
        The share [0, 1].

    Raises:
        ValueError: An array is empty, is not a vector, or holds NaN, or `quantile` is out of range.
    """
    return float((check_distances(fake_to_train) < copy_threshold(holdout_to_train, quantile)).mean())


def copy_threshold(holdout_to_train: np.ndarray, quantile: float = 0.01) -> float:
    """Return the distance within which a share `quantile` of hold-out faces has a training face.

    It is the hold-out distance of rank quantile · (M + 1), interpolated between two ranks.

    Args:
        holdout_to_train: (M,), distance of each hold-out face to its nearest training face.
        quantile: Above 0, below 1. Default: 0.01.

    Raises:
        ValueError: The array is empty, is not a vector, or holds NaN, or `quantile` is out of range.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must be between 0 and 1, not {quantile}")
    return float(np.quantile(check_distances(holdout_to_train), quantile, method="weibull"))


def check_distances(values: np.ndarray) -> np.ndarray:
    """Return distances as float64. Raise ValueError if they are empty, are not vectors, or hold NaN."""
    if values.ndim != 1 or len(values) == 0 or np.isnan(values).any():
        raise ValueError(f"distances must be a vector without NaNs, not empty: {values.shape}")
    return values.astype(np.float64)


def measure_memorisation(data: EvaluationData, features: ExtractorFeatures, _: EvaluateParams) -> Figures:
    """Test whether samples are closer to training faces (and mirrored training faces) than hold-out faces are.

    Hold-out faces with a near-duplicate among the training faces are left out.

    The floor of `ct` is 0 ± 1 by definition. The floor of `authenticity` is that of the hold-out faces; both are
    shares, so their standard deviation is that of a share.
    """
    if reason := data.explain_copying_shortage(MIN_COUNT):
        return {metric.key: make_missing(reason) for metric in METRICS}
    sets = features.sets
    train, holdout = np.concatenate([sets.train, features.mirrored_train]), sets.holdout[~data.leaked]
    samples_to_train, holdout_to_train = (find_nearest(part, train)[0] for part in (sets.samples, holdout))
    counts = len(sets.samples), len(holdout)
    ct = Comparison(ct_statistic(samples_to_train, holdout_to_train), None, 0.0, 1.0, *counts)
    value, floor = (authenticity(part, sets.train, features.mirrored_train) for part in (sets.samples, holdout))
    sd, floor_sd = (
        float(np.sqrt(share * (1 - share) / count)) for share, count in zip((value, floor), counts, strict=True)
    )
    return {"ct": ct, "authenticity": Comparison(value, sd, floor, floor_sd, *counts)}


METRICS = (
    Metric(
        key="ct",
        title="Copying test",
        question="Are samples closer to training faces than chance allows, measured on features?",
        unit="standard deviations (z); about 0 without copies, below −3 with copies, above 3 for samples far from"
        " training faces",
        direction=Direction.NEAREST,
        group=MetricGroup.COPYING,
        floor="hold-out faces: 0 ± 1 by definition",
        same="As far from the training faces as unseen faces are.",
        below="Closer to the training faces than chance allows.",
        above="Further from the training faces than unseen faces are.",
        about="Ranks the distances of samples and hold-out faces to their nearest training face together (C_T, Meehan"
        " and others 2020). It describes most samples; a few copies do not change it.",
        bounds=(-6.0, 6.0),
        ceilings=(),
    ),
    Metric(
        key="authenticity",
        title="Authenticity",
        question="Which share of the samples is not a variant of a single training face?",
        unit="share of samples, 0 to 1",
        direction=Direction.NEAREST,
        group=MetricGroup.COPYING,
        floor="hold-out faces without a near-duplicate among the training faces",
        same="As independent of single training faces as unseen faces are.",
        below="Samples are concentrated around single training faces.",
        above="Samples keep further away from training faces than unseen faces do.",
        about="A sample counts if it is further from its nearest training face than that face is from any other (Alaa"
        " and others 2022). Real faces do not reach 1 either.",
        bounds=(0.0, 1.0),
        ceilings=(),
    ),
)
MEASUREMENT = FeatureMeasurement(measure_memorisation, METRICS)
