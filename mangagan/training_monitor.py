"""Cheap metrics computed during training, for the curves and to select the best weights.

They use the same hold-out set as the evaluation, so the selected generator's distance is slightly optimistic. To limit
this, a snapshot is selected only if it beats the last one by more than the standard deviation, and the evaluation
generates other samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mangagan.core.code import code_hash
from mangagan.core.files import sha256_bytes, sha256_file
from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_metrics
from mangagan.distances.nearest_faces import find_nearest_faces
from mangagan.distances.reference_sets import make_ruined_sets
from mangagan.distances.subsamples import draw_subsamples
from mangagan.faces.table import decode_faces, read_faces
from mangagan.features.registry import ExtractorParams, build_extractors
from mangagan.features.types import Extractor

SEED = 0
SAMPLE_COUNT = 500  # samples generated for each measurement; the extractors take 0.016 s per image on one core
MIN_FACES = 20  # minimum of hold-out faces and of training faces; with fewer, the metrics are too noisy
MAX_TRAIN_FACES = 2000  # training faces among which the nearest is searched
REPEATS = 8  # subsamples (half of the samples each) for the standard deviation
NEIGHBORS = 5  # k of the coverage


@dataclass(frozen=True)
class ReferenceScale:
    """The scale of the kernel distance in the features of one extractor.

    Attributes:
        extractor: The extractor.
        holdout: Features of the hold-out set (N, D).
        floor: Kernel distance of training faces from the hold-out set.
        ceiling: The minimum kernel distance of a ruined set of training faces.
    """

    extractor: Extractor
    holdout: np.ndarray
    floor: float
    ceiling: float

    def rescale(self, distance: float) -> float:
        """Return the distance on a scale from 0 (real faces) to 1 (ruined faces)."""
        return (distance - self.floor) / max(self.ceiling - self.floor, 1e-9)


@dataclass(frozen=True)
class Monitor:
    """References for the metrics of samples during training; see `build_monitor`.

    Attributes:
        scales: One scale for each extractor.
        train: Training faces, uint8 (N, C, S, S), at most MAX_TRAIN_FACES.
        typical_distance: Median distance of a hold-out face to the nearest training face.
        seed: Seed of the subsamples.
    """

    scales: Sequence[ReferenceScale]
    train: np.ndarray
    typical_distance: float
    seed: int

    def measure_sampler(self, sampler: Callable[[int], np.ndarray]) -> dict[str, float]:
        """Return the metrics of SAMPLE_COUNT samples; `sampler` returns n images of a generator."""
        return self.measure(sampler(SAMPLE_COUNT))

    def measure(self, fake: np.ndarray) -> dict[str, float]:
        """Return the metrics of samples.

        Args:
            fake: uint8 (N, C, S, S), N at least 20.

        Returns:
            `kernel_distance`: Mean over the extractors of the distance from the hold-out set, 0 for real and 1 for
            ruined faces, with its standard deviation `kernel_distance_sd`.
            `kernel_distance_<extractor>`: The distance in the features of one extractor.
            `coverage`: Mean over the extractors.
            `nearest_train`: Median distance to the nearest training face, divided by that of the hold-out set. Well
            below 1: training faces are copied.
            `<metric>_floor`: Value for real faces.
        """
        metrics: dict[str, float] = {}
        distances, subsample_distances, coverages = [], [], []
        for scale in self.scales:
            features = scale.extractor(fake)
            value = kernel_distance(features, scale.holdout)
            metrics[f"kernel_distance_{scale.extractor.name}"] = value
            metrics[f"kernel_distance_{scale.extractor.name}_floor"] = scale.floor
            distances.append(scale.rescale(value))
            parts = draw_subsamples(len(fake), max(len(fake) // 2, 2), REPEATS, self.seed)
            subsample_distances.append(
                [scale.rescale(kernel_distance(features[part], scale.holdout)) for part in parts]
            )
            count = min(len(fake), len(scale.holdout))
            coverages.append(manifold_metrics(scale.holdout[:count], features[:count], NEIGHBORS).coverage)
        nearest = float(np.median(find_nearest_faces(fake, self.train, 1).distances))
        return {
            "kernel_distance": float(np.mean(distances)),
            "kernel_distance_sd": float(np.std(np.mean(subsample_distances, axis=0), ddof=1)),
            "kernel_distance_floor": 0.0,
            **metrics,
            "coverage": float(np.mean(coverages)),
            "nearest_train": nearest / self.typical_distance if self.typical_distance else float("nan"),
            "nearest_train_floor": 1.0,
        }


def build_monitor(train: np.ndarray, holdout: np.ndarray, extractors: Sequence[Extractor], seed: int) -> Monitor | None:
    """Compute the references from real faces.

    Args:
        train: Training faces, uint8 (N, C, S, S).
        holdout: Hold-out faces, uint8 (M, C, S, S).
        extractors: At least one extractor.
        seed: Seed of the choice of training faces and of the subsamples.

    Returns:
        The references; None if one of the sets has fewer than MIN_FACES faces.
    """
    if min(len(train), len(holdout)) < MIN_FACES:
        return None
    order = np.random.default_rng(seed).permutation(len(train))
    searched = np.ascontiguousarray(train[np.sort(order[:MAX_TRAIN_FACES])])
    compared = searched[np.random.default_rng(seed).permutation(len(searched))[:SAMPLE_COUNT]]
    holdout = holdout[np.random.default_rng(seed).permutation(len(holdout))]  # files are sorted by title
    scales = []
    for extractor in extractors:
        reference = extractor(holdout)
        floor = kernel_distance(extractor(compared), reference)
        ruined_sets = make_ruined_sets(compared, seed).values()
        ceiling = min(kernel_distance(extractor(faces), reference) for faces in ruined_sets)
        scales.append(ReferenceScale(extractor, reference, floor, ceiling))
    typical_distance = float(np.median(find_nearest_faces(holdout, searched, 1).distances))
    return Monitor(scales, searched, typical_distance, seed)


def load_monitor(train: np.ndarray, holdout: Path, root: Path) -> Monitor | None:
    """Compute the references for a training run, always with the extractors of the package.

    Args:
        train: Training faces, uint8 (N, C, S, S).
        holdout: Parquet file of the hold-out faces.
        root: The workspace.

    Returns:
        The references; None if there are too few faces, see `build_monitor`.

    Raises:
        UserError: The hold-out file is missing or damaged.
    """
    pngs = read_faces(holdout, ["image"])["png"].tolist()
    if not pngs:
        return None
    extractors = build_extractors(ExtractorParams(), root)
    return build_monitor(train, decode_faces(pngs, train.shape[1]), extractors, SEED)


def identify_monitor(holdout: Path, root: Path) -> str:
    """Return the hash of everything that determines the metrics of `load_monitor`, apart from the training faces.

    Args:
        holdout: Parquet file of the hold-out faces.
        root: The workspace.
    """
    extractors = build_extractors(ExtractorParams(), root)
    dependencies = [code_hash(__name__), sha256_file(holdout), *(extractor.sha256 for extractor in extractors)]
    return sha256_bytes(" ".join(dependencies).encode())
