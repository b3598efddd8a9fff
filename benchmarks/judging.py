"""How good samples are: figures against held-out faces, and the same figures of real faces in the samples' place."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_figures
from mangagan.distances.nearest_faces import nearest_faces
from mangagan.distances.pairwise import nearest
from mangagan.features.types import Extractor
from mangagan.metrics.memorisation import copied_share, ct_statistic
from mangagan.metrics.swd import sliced_wasserstein

NEIGHBORS = 5  # of coverage
SEED = 0  # of the order in which faces are counted off, and of the lines of the sliced Wasserstein distance
PIXELS = "pixels"  # the view of faces as they are, small and gray, beside those of the extractors
Figures = dict[str, float]


@dataclass(frozen=True)
class View:
    """What is seen of real faces.

    Attributes:
        train: features (N, D) of the training faces, then of the same mirrored: a generator may copy either.
        holdout: (M, D).
        distances: (M,), of held-out faces to their nearest training face.
    """

    train: np.ndarray
    holdout: np.ndarray
    distances: np.ndarray


class Judge:
    """Compares samples with faces that were held out.

    Args:
        train: uint8 (N, C, S, S), what the generators are trained on.
        holdout: uint8 (M, C, S, S).
        extractors: at least one.
        samples: how many samples are drawn from each generator.

    Attributes:
        count: faces a side wherever equal counts are needed; the real faces must reach for their own figures too.
    """

    def __init__(self, train: np.ndarray, holdout: np.ndarray, extractors: Sequence[Extractor], samples: int) -> None:
        rng = np.random.default_rng(SEED)
        self.train, self.holdout = (faces[rng.permutation(len(faces))] for faces in (train, holdout))
        self.extractors, self.samples = extractors, samples
        self.count = min(len(train), len(holdout), samples)

    @cached_property
    def views(self) -> dict[str, View]:
        """By extractor; looked at once."""
        views = {}
        for extractor in self.extractors:
            mirrored = np.ascontiguousarray(self.train[..., ::-1])
            train = np.concatenate([extractor(self.train), extractor(mirrored)])
            holdout = extractor(self.holdout)
            views[extractor.name] = View(train, holdout, nearest(holdout, train)[0])
        return views

    @cached_property
    def distances(self) -> np.ndarray:
        """Of held-out faces to their nearest training face, in gray levels."""
        return nearest_faces(self.holdout, self.train, 1).distances[:, 0]

    def figures(self, fake: np.ndarray) -> Figures:
        """All figures of samples.

        Args:
            fake: uint8 (`samples`, C, S, S).

        Returns:
            `kernel_distance.<extractor>` (less is better, 0 for real faces), `coverage.<extractor>` (more is better),
            `swd`, the mean over the levels (less is better); `ct.<view>` and `copied.<view>`, with `pixels` among the
            views: below -3, or well above the share of real faces, where training faces are copied.
        """
        found: Figures = {}
        for extractor in self.extractors:
            features, view = extractor(fake), self.views[extractor.name]
            found |= self.alike(extractor.name, features, view.holdout)
            found |= copying(extractor.name, nearest(features, view.train)[0], view.distances)
        found["swd"] = self.swd(fake)
        return found | copying(PIXELS, nearest_faces(fake, self.train, 1).distances[:, 0], self.distances)

    @cached_property
    def floor(self) -> Figures:
        """The figures of real faces in the samples' place.

        Training faces for how alike they are to the hold-out; for copying, which they cannot be judged by, one half of
        the hold-out against the other.
        """
        found: Figures = {}
        for name, view in self.views.items():
            found |= self.alike(name, view.train[: min(self.samples, len(self.train))], view.holdout)
            found |= copying(name, *halves(view.distances))
        found["swd"] = self.swd(self.train)
        return found | copying(PIXELS, *halves(self.distances))

    def alike(self, name: str, features: np.ndarray, holdout: np.ndarray) -> Figures:
        """Kernel distance of all, coverage of equal counts."""
        manifold = manifold_figures(holdout[: self.count], features[: self.count], NEIGHBORS)
        return {
            f"kernel_distance.{name}": kernel_distance(features, holdout),
            f"coverage.{name}": manifold.coverage,
        }

    def swd(self, faces: np.ndarray) -> float:
        """Sliced Wasserstein distance from the hold-out, the mean over the levels; of equal counts."""
        levels = sliced_wasserstein(faces[: self.count], self.holdout[: self.count], SEED)
        return float(np.mean(list(levels.values())))


def copying(name: str, fake: np.ndarray, holdout: np.ndarray) -> Figures:
    """What distances to the nearest training face say of copying."""
    return {f"ct.{name}": ct_statistic(fake, holdout), f"copied.{name}": copied_share(fake, holdout)}


def halves(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the second half."""
    return values[: len(values) // 2], values[len(values) // 2 :]
