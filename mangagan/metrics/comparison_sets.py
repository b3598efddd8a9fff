"""The sets that an evaluation compares: as images, and as what each extractor sees in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mangagan.distances.nearest_faces import Nearest, nearest_faces
from mangagan.distances.reference_sets import spoil
from mangagan.features.types import Extractor
from mangagan.metrics.comparison import Group

ALONE = 1000  # most of a set in one measurement that needs no hold-out; more would only cost time


@dataclass(frozen=True)
class Features:
    """What one extractor sees.

    Attributes:
        group: features (N, D) of the sets.
        mirrored: of the mirrored training faces, (N, D), in the order of `group.train`.
    """

    group: Group
    mirrored: np.ndarray


@dataclass(frozen=True)
class Sets:
    """All that is compared.

    Attributes:
        images: uint8 (N, C, S, S): samples, at least 2; training faces, at least 2; hold-out faces, any number; and
            training faces spoilt in three ways.
        features: by extractor's name.
        titles: of the training faces, in their order.
        fake_nearest: the nearest training faces of each sample.
        holdout_nearest: of each hold-out face.
        count: how many of a set are in one measurement against the hold-out.
        alone: how many are in one that needs no hold-out.
    """

    images: Group
    features: Mapping[str, Features]
    titles: Sequence[str]
    fake_nearest: Nearest
    holdout_nearest: Nearest
    count: int
    alone: int


def measured_count(fake: int, train: int, holdout: int) -> int:
    """How many of each set go into one measurement, so that all are equal in number and leave some to vary.

    Half of the samples and half of the training faces: what is drawn anew in every repeat must differ for a spread to
    be seen.
    """
    return min(alone_count(fake, train), holdout)


def alone_count(fake: int, train: int) -> int:
    """The same for what needs no hold-out: repeats show among many samples, however few faces are held out.

    Of N training faces learned by heart at most N/2 are looked at, so that the fewer than half of them that come twice
    do not pass for a collapse.
    """
    return min(fake // 2, train // 2, ALONE)


def prepare(
    fake: np.ndarray,
    train: np.ndarray,
    holdout: np.ndarray,
    titles: Sequence[str],
    extractors: Sequence[Extractor],
    neighbors: int,
    seed: int,
) -> Sets:
    """Spoils training faces for the ceilings and lets the extractors look at everything.

    Args:
        fake: uint8 (N, C, S, S), samples.
        train: the faces that the generator was trained on.
        holdout: faces it never saw; may be none.
        titles: of the training faces.
        extractors: what the figures are taken on.
        neighbors: nearest training faces that are looked for.
        seed: of the choice of faces that are spoilt, and of the noise.
    """
    count, alone = measured_count(len(fake), len(train), len(holdout)), alone_count(len(fake), len(train))
    spoilt = spoil(train[np.random.default_rng(seed).permutation(len(train))[: max(2 * count, alone)]], seed)
    images = Group(fake, train, holdout, spoilt)
    features = {each.name: look(each, images) for each in extractors}
    fake_nearest, holdout_nearest = (nearest_faces(part, train, neighbors) for part in (fake, holdout))
    return Sets(images, features, titles, fake_nearest, holdout_nearest, count, alone)


def look(extractor: Extractor, images: Group) -> Features:
    """The features of all sets."""
    spoilt = {name: extractor(faces) for name, faces in images.spoilt.items()}
    group = Group(extractor(images.fake), extractor(images.train), extractor(images.holdout), spoilt)
    return Features(group, extractor(images.train[..., ::-1]))
