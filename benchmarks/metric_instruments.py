"""The instruments of `benchmarks.validate_metrics`: functions on single images, and the metrics of their values."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_metrics
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.features.usable_faces import USABLE_THRESHOLD, UsableFaceRater
from mangagan.metrics.distinguishability import EXAMPLES, SPLITS, measure_classifier_auc
from mangagan.metrics.face_search import SCORE_THRESHOLD, FaceSearch
from mangagan.metrics.frechet import MAX_DIMENSIONS, find_principal_axes, frechet_distance, project
from mangagan.metrics.pixel_distinguishability import measure_network_auc
from mangagan.metrics.precision_recall import NEIGHBORS
from mangagan.metrics.ranking import compute_auc
from mangagan.metrics.symmetry import mirror_symmetry
from mangagan.metrics.vendi import vendi_score

# Direction of each metric when the faces get worse: it rises (1) or falls (-1).
WORSE_SIGN = {
    "kernel distance": 1,
    "Fréchet": 1,
    "precision": -1,
    "density": -1,
    "recall": -1,
    "coverage": -1,
    "Vendi": -1,
    "distinguishability": 1,
    "pixel network": 1,
    "faces found": -1,
    "usable faces": -1,
    "real rated higher": 1,
    "symmetry": 1,
}
INSTRUMENTS = (*ExtractorParams().use, "detector", "rating", "mirror", "pixels")
Figures = dict[str, float]


class Instrument(NamedTuple):
    """A function on single images, and the metrics that follow from its values.

    Attributes:
        extract: Maps images (N, C, S, S) to values (N, …).
        compare: Maps the values of reference and pool to metrics.
    """

    extract: Callable[[np.ndarray], np.ndarray]
    compare: Callable[[np.ndarray, np.ndarray], Figures]


def build_instruments() -> dict[str, Instrument]:
    """Return all instruments by name."""
    found = {each.name: Instrument(each, compare_features) for each in build_extractors(ExtractorParams(), Path())}
    found["detector"] = Instrument(
        FaceSearch(), lambda _, pool: {"faces found": float((pool >= SCORE_THRESHOLD).mean())}
    )
    found["rating"] = Instrument(UsableFaceRater(), compare_ratings)
    found["mirror"] = Instrument(
        mirror_symmetry, lambda reference, pool: {"symmetry": abs(float(pool.mean() - reference.mean()))}
    )
    found["pixels"] = Instrument(
        lambda images: images,
        lambda reference, pool: {"pixel network": measure_network_auc(pool, reference, 0)},
    )
    return found


def compare_ratings(reference: np.ndarray, pool: np.ndarray) -> Figures:
    """Return the metrics on ratings of usable faces."""
    return {
        "usable faces": float((pool > USABLE_THRESHOLD).mean()),
        "real rated higher": compute_auc(reference, pool),
    }


def compare_features(reference: np.ndarray, pool: np.ndarray) -> Figures:
    """Return all metrics on the features of one extractor; both sets have equal counts."""
    mean, axes = find_principal_axes(reference, min(MAX_DIMENSIONS, len(reference) // 4))
    manifold = manifold_metrics(reference, pool, NEIGHBORS)
    examples = min(EXAMPLES, len(pool) // 2)  # the mode drop leaves few faces
    aucs = [measure_classifier_auc(pool, reference, split, examples) for split in range(SPLITS)]
    return {
        "kernel distance": kernel_distance(pool, reference),
        "Fréchet": frechet_distance(project(pool, mean, axes), project(reference, mean, axes)),
        "precision": manifold.precision,
        "density": manifold.density,
        "recall": manifold.recall,
        "coverage": manifold.coverage,
        "Vendi": vendi_score(pool - reference.mean(axis=0)),
        "distinguishability": float(np.mean(aucs)),
    }
