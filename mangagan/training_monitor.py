"""Figures along the training: quick ones, of few samples, to see the way and to choose the best snapshot by.

The choice is made on the hold-out that the evaluation compares with, so that the chosen generator's distance is a
little flattering. A snapshot must beat the last one by more than the spread that is printed beside it to be chosen;
the evaluation draws samples of its own, so that luck with samples does not pass on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_figures
from mangagan.distances.nearest_faces import nearest_faces
from mangagan.distances.reference_sets import spoil
from mangagan.distances.subsamples import subsamples
from mangagan.features.types import Extractor

SAMPLES = 500  # drawn for every look; 0.004 s each for both extractors on one core
LEAST = 20  # hold-out faces, below which there is nothing to choose by
NEAREST = 2000  # training faces that the nearest is looked for among
REPEATS = 8  # halves of the samples, for the spread
NEIGHBORS = 5


@dataclass(frozen=True)
class Scale:
    """One extractor's view of the faces.

    Attributes:
        extractor: which.
        holdout: features of the hold-out, (N, D).
        floor: kernel distance of training faces from the hold-out.
        ceiling: that of spoilt training faces, the least.
    """

    extractor: Extractor
    holdout: np.ndarray
    floor: float
    ceiling: float


@dataclass(frozen=True)
class Watch:
    """What samples are compared with along the training; see `watch`.

    Attributes:
        scales: by extractor.
        train: uint8 (N, C, S, S), training faces, at most `NEAREST`.
        typical: median distance of a hold-out face to the nearest of them.
        seed: of the subsamples.
    """

    scales: Sequence[Scale]
    train: np.ndarray
    typical: float
    seed: int

    def measure(self, fake: np.ndarray) -> dict[str, float]:
        """Figures of samples.

        Args:
            fake: uint8 (N, C, S, S), N at least 20.

        Returns:
            `kernel_distance`: mean over the extractors of the distance from the hold-out, 0 for real faces and 1 for
            spoilt ones, with its spread `kernel_distance_sd`; `kernel_distance_<extractor>`; `coverage`, the mean over
            the extractors; `nearest_train`, the median distance to the nearest training face as a share of the
            hold-out's: well below 1 where faces are copied. `<figure>_floor` is what real faces get.
        """
        found: dict[str, float] = {}
        positions, halves, coverages = [], [], []
        for scale in self.scales:
            features = scale.extractor(fake)
            value = kernel_distance(features, scale.holdout)
            found[f"kernel_distance_{scale.extractor.name}"] = value
            found[f"kernel_distance_{scale.extractor.name}_floor"] = scale.floor
            positions.append(position(value, scale))
            parts = subsamples(len(fake), max(len(fake) // 2, 2), REPEATS, self.seed)
            halves.append([position(kernel_distance(features[part], scale.holdout), scale) for part in parts])
            count = min(len(fake), len(scale.holdout))
            coverages.append(manifold_figures(scale.holdout[:count], features[:count], NEIGHBORS).coverage)
        nearest = float(np.median(nearest_faces(fake, self.train, 1).distances))
        return {
            "kernel_distance": float(np.mean(positions)),
            "kernel_distance_sd": float(np.std(np.mean(halves, axis=0), ddof=1)),
            "kernel_distance_floor": 0.0,
            **found,
            "coverage": float(np.mean(coverages)),
            "nearest_train": nearest / self.typical if self.typical else float("nan"),
            "nearest_train_floor": 1.0,
        }


def position(value: float, scale: Scale) -> float:
    """Where a distance lies between real faces, 0, and spoilt ones, 1."""
    return (value - scale.floor) / max(scale.ceiling - scale.floor, 1e-9)


def watch(train: np.ndarray, holdout: np.ndarray, extractors: Sequence[Extractor], seed: int) -> Watch | None:
    """Looks at the real faces once.

    Args:
        train: uint8 (N, C, S, S).
        holdout: uint8 (M, C, S, S).
        extractors: at least one.
        seed: of the choice of training faces and of the subsamples.

    Returns:
        What to measure samples with; None where the sets are too small for a figure to mean anything.
    """
    if min(len(train), len(holdout)) < LEAST:
        return None
    some = np.ascontiguousarray(train[np.sort(np.random.default_rng(seed).permutation(len(train))[:NEAREST])])
    chosen = some[np.random.default_rng(seed).permutation(len(some))[:SAMPLES]]
    holdout = holdout[np.random.default_rng(seed).permutation(len(holdout))]  # the first are of one title
    scales = []
    for extractor in extractors:
        reference = extractor(holdout)
        floor = kernel_distance(extractor(chosen), reference)
        ceilings = [kernel_distance(extractor(faces), reference) for faces in spoil(chosen, seed).values()]
        scales.append(Scale(extractor, reference, floor, min(ceilings)))
    typical = float(np.median(nearest_faces(holdout, some, 1).distances))
    return Watch(scales, some, typical, seed)
