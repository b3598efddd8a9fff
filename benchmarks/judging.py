"""Metrics of samples compared with hold-out faces, and the same metrics of real faces as a floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_metrics
from mangagan.distances.nearest_faces import find_nearest_faces
from mangagan.distances.pairwise import find_nearest
from mangagan.features.types import Extractor
from mangagan.metrics.memorisation import copied_share, ct_statistic
from mangagan.metrics.swd import sliced_wasserstein

NEIGHBORS = 5  # k of coverage
SEED = 0  # seed of the order of the faces and of the sliced Wasserstein distance
PROJECT_EXTRACTORS = ("random", "mangaface")  # those of the published tables
PIXELS = "pixels"  # name of the distance between small gray images, in place of an extractor
Figures = dict[str, float]


@dataclass(frozen=True)
class RealFeatures:
    """Features of the real faces by one extractor.

    Attributes:
        train: (N, D), training faces, then the same mirrored: a generator may copy either.
        holdout: (M, D), hold-out faces.
        distances: (M,), distance of each hold-out face to its nearest training face.
    """

    train: np.ndarray
    holdout: np.ndarray
    distances: np.ndarray


class Judge:
    """Comparison of samples with hold-out faces.

    Args:
        train: Training faces of the generators, uint8 (N, C, S, S).
        holdout: Hold-out faces, uint8 (M, C, S, S).
        extractors: At least one.
        samples: Number of samples of each generator.

    Attributes:
        count: Faces of each set in metrics that need equal counts.
    """

    def __init__(self, train: np.ndarray, holdout: np.ndarray, extractors: Sequence[Extractor], samples: int) -> None:
        rng = np.random.default_rng(SEED)
        self.train, self.holdout = (faces[rng.permutation(len(faces))] for faces in (train, holdout))
        self.extractors, self.samples = extractors, samples
        self.count = min(len(train), len(holdout), samples)

    @cached_property
    def real_features(self) -> dict[str, RealFeatures]:
        """Return the features of the real faces by extractor."""
        found = {}
        for extractor in self.extractors:
            mirrored = np.ascontiguousarray(self.train[..., ::-1])
            train = np.concatenate([extractor(self.train), extractor(mirrored)])
            holdout = extractor(self.holdout)
            found[extractor.name] = RealFeatures(train, holdout, find_nearest(holdout, train)[0])
        return found

    @cached_property
    def distances(self) -> np.ndarray:
        """Return the distance of each hold-out face to its nearest training face, as small gray images."""
        return find_nearest_faces(self.holdout, self.train, 1).distances[:, 0]

    def measure(self, fake: np.ndarray) -> Figures:
        """Return all metrics of samples.

        Args:
            fake: uint8 (`samples`, C, S, S).

        Returns:
            `kernel_distance.<extractor>` (lower is better, 0 for real faces), `coverage.<extractor>` (higher is
            better), `swd`, the mean over the levels (lower is better). `ct.<name>` and `copied.<name>` for each
            extractor and for `pixels`: copies give a `ct` below -3 and a `copied` above that of real faces.
        """
        found: Figures = {}
        for extractor in self.extractors:
            features, real = extractor(fake), self.real_features[extractor.name]
            found |= self.measure_likeness(extractor.name, features, real.holdout)
            found |= measure_copying(extractor.name, find_nearest(features, real.train)[0], real.distances)
        found["swd"] = self.measure_swd(fake)
        return found | measure_copying(PIXELS, find_nearest_faces(fake, self.train, 1).distances[:, 0], self.distances)

    @cached_property
    def floor(self) -> Figures:
        """Return the metrics of real faces.

        The distances are those of training faces. Copying cannot be measured on these, so there one half of the
        hold-out faces is compared with the other half.
        """
        found: Figures = {}
        for name, real in self.real_features.items():
            found |= self.measure_likeness(name, real.train[: min(self.samples, len(self.train))], real.holdout)
            found |= measure_copying(name, *split_in_halves(real.distances))
        found["swd"] = self.measure_swd(self.train)
        return found | measure_copying(PIXELS, *split_in_halves(self.distances))

    def measure_likeness(self, name: str, features: np.ndarray, holdout: np.ndarray) -> Figures:
        """Return the kernel distance of all faces and the coverage at equal counts."""
        manifold = manifold_metrics(holdout[: self.count], features[: self.count], NEIGHBORS)
        return {
            f"kernel_distance.{name}": kernel_distance(features, holdout),
            f"coverage.{name}": manifold.coverage,
        }

    def measure_swd(self, faces: np.ndarray) -> float:
        """Return the sliced Wasserstein distance to an equal number of hold-out faces, averaged over the levels."""
        levels = sliced_wasserstein(faces[: self.count], self.holdout[: self.count], SEED)
        return float(np.mean(list(levels.values())))


def measure_copying(name: str, fake: np.ndarray, holdout: np.ndarray) -> Figures:
    """Return the metrics of copying for distances to the nearest training face."""
    return {f"ct.{name}": ct_statistic(fake, holdout), f"copied.{name}": copied_share(fake, holdout)}


def split_in_halves(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the second half."""
    return values[: len(values) // 2], values[len(values) // 2 :]
