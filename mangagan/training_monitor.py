"""Cheap metrics computed during training, for the curves and to select the best weights.

They use the same hold-out set as the evaluation, so the selected generator's distance is slightly optimistic. To limit
this, a snapshot is selected only if it beats the last one by more than the standard deviation, and the evaluation
generates other samples.
"""

from collections.abc import Callable
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
from mangagan.features import efficientnet
from mangagan.features.types import Extractor
from mangagan.features.usable_faces import USABLE_THRESHOLD, UsableFaceRater

SEED = 0
SAMPLE_COUNT = 500  # samples generated for each measurement; measuring takes 0.014 s per image on one core
MIN_FACES = 20  # minimum of hold-out faces and of training faces; with fewer, the metrics are too noisy
MAX_FACES = 2000  # maximum number of training faces, and of hold-out faces
REPEATS = 8  # subsamples (half of the samples each) for the standard deviation
MIN_CEILING_SHARE = 0.01  # minimum distance of a ceiling from the floor, as a share of the largest one
MIN_DISTANCE = 1e-3  # of a hold-out face from the nearest training face; below it, all faces are the same image
NEIGHBORS = 5  # k of the coverage


@dataclass(frozen=True)
class Monitor:
    """References for the metrics of samples during training; see `build_monitor`.

    Attributes:
        extractor: The extractor of the kernel distance and of the coverage.
        holdout: Features of the hold-out set (N, D).
        floor: Kernel distance of training faces from the hold-out set.
        ceiling: The minimum kernel distance of a ruined set of training faces, see `choose_ceiling`.
        rater: The rater of usable faces.
        usable_floor: Share of usable faces in the hold-out set.
        train: Training faces, uint8 (N, C, S, S), at most MAX_FACES.
        typical_distance: Median distance of a hold-out face to the nearest training face.
        seed: Seed of the subsamples.
    """

    extractor: Extractor
    holdout: np.ndarray
    floor: float
    ceiling: float
    rater: UsableFaceRater
    usable_floor: float
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
            `kernel_distance`: Distance from the hold-out set, 0 for real and 1 for ruined faces, with its standard
            deviation `kernel_distance_sd`.
            `usable_share`: Share of samples that show a usable face.
            `coverage`: Share of hold-out faces with a sample like them.
            `nearest_train`: Median distance to the nearest training face, divided by that of the hold-out set. Well
            below 1: training faces are copied.
            `kernel_distance_floor`, `usable_share_floor`, `nearest_train_floor`: Values of real faces.
        """
        features = self.extractor(fake)
        parts = draw_subsamples(len(fake), max(len(fake) // 2, 2), REPEATS, self.seed)
        distances = [self.measure_distance(features[part]) for part in parts]
        count = min(len(fake), len(self.holdout))
        nearest = float(np.median(find_nearest_faces(fake, self.train, 1).distances))
        return {
            "kernel_distance": self.measure_distance(features),
            "kernel_distance_sd": float(np.std(distances, ddof=1)),
            "kernel_distance_floor": 0.0,
            "usable_share": float(np.mean(self.rater(fake) > USABLE_THRESHOLD)),
            "usable_share_floor": self.usable_floor,
            "coverage": manifold_metrics(self.holdout[:count], features[:count], NEIGHBORS).coverage,
            "nearest_train": nearest / self.typical_distance if self.typical_distance > MIN_DISTANCE else float("nan"),
            "nearest_train_floor": 1.0,
        }

    def measure_distance(self, features: np.ndarray) -> float:
        """Return the kernel distance of features (N, D) on a scale from 0 (real faces) to 1 (ruined faces)."""
        distance = kernel_distance(features, self.holdout)
        return (distance - self.floor) / (self.ceiling - self.floor)


def build_monitor(train: np.ndarray, holdout: np.ndarray, extractor: Extractor, seed: int) -> Monitor | None:
    """Compute the references from real faces.

    Args:
        train: Training faces, uint8 (N, C, S, S).
        holdout: Hold-out faces, uint8 (M, C, S, S).
        extractor: The extractor of the kernel distance and of the coverage.
        seed: Seed of the choice of training faces and of the subsamples.

    Returns:
        The references; None if one of the sets has fewer than MIN_FACES faces.
    """
    if min(len(train), len(holdout)) < MIN_FACES:
        return None
    order = np.random.default_rng(seed).permutation(len(train))
    searched = np.ascontiguousarray(train[np.sort(order[:MAX_FACES])])
    compared = searched[np.random.default_rng(seed).permutation(len(searched))[:SAMPLE_COUNT]]
    holdout = holdout[np.random.default_rng(seed).permutation(len(holdout))[:MAX_FACES]]  # files are sorted by title
    reference = extractor(holdout)
    floor = kernel_distance(extractor(compared), reference)
    ruined_sets = make_ruined_sets(compared, seed).values()
    ceiling = choose_ceiling(floor, [kernel_distance(extractor(faces), reference) for faces in ruined_sets])
    rater = UsableFaceRater()
    usable_floor = float(np.mean(rater(holdout) > USABLE_THRESHOLD))
    typical_distance = float(np.median(find_nearest_faces(holdout, searched, 1).distances))
    return Monitor(extractor, reference, floor, ceiling, rater, usable_floor, searched, typical_distance, seed)


def choose_ceiling(floor: float, distances: list[float]) -> float:
    """Return the minimum of the distances of ruined sets that are clearly above the floor; NaN if there is none.

    If all faces are the same image, some ruined sets equal them (their mean is that image) and cannot be a ceiling.

    Args:
        floor: Kernel distance of real faces.
        distances: Kernel distances of the ruined sets.
    """
    offsets = [distance - floor for distance in distances]
    clear = [offset for offset in offsets if offset > MIN_CEILING_SHARE * max(offsets) and offset > 0]
    return floor + min(clear, default=float("nan"))


def load_monitor(train: np.ndarray, holdout: Path) -> Monitor | None:
    """Compute the references for a training run.

    Args:
        train: Training faces, uint8 (N, C, S, S).
        holdout: Parquet file of the hold-out faces.

    Returns:
        The references; None if there are too few faces, see `build_monitor`.

    Raises:
        UserError: The hold-out file is missing or damaged.
    """
    pngs = read_faces(holdout, ["image"])["png"].tolist()
    if not pngs:
        return None
    return build_monitor(train, decode_faces(pngs, train.shape[1]), efficientnet.EfficientNetLite0(), SEED)


def identify_monitor(holdout: Path) -> str:
    """Return the hash of everything that determines the metrics of `load_monitor`, apart from the training faces.

    Args:
        holdout: Parquet file of the hold-out faces.
    """
    dependencies = [code_hash(__name__), sha256_file(holdout), efficientnet.identify()]
    return sha256_bytes(" ".join(dependencies).encode())
