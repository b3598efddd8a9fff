"""The data that an evaluation measures: images, their features, and the nearest training faces."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mangagan.distances.nearest_faces import NearestFaces, find_nearest_faces
from mangagan.distances.reference_sets import make_ruined_sets
from mangagan.distances.structural_damage import break_faces, damage_slightly
from mangagan.features.types import Extractor
from mangagan.features.usable_faces import UsableFaceRater
from mangagan.metrics.comparison import ComparedSets, Comparison, compute_mean_error

MAX_COUNT = 1000  # items in one measurement that needs no hold-out set; more would only cost time
MAX_RUINED = 100  # maximum number of ruined faces of each kind in a mean over images
MAX_DAMAGED = 200  # maximum number of slightly damaged faces of each kind
MIN_COUNT = 10  # faces in one measurement with the hold-out set; with fewer there is no value
# Hold-out faces for the distances to training faces. With 3, copying is detected if 79 % of the samples are copies; see
# `mangagan.metrics.verdict.adjust_limit`.
MIN_INDEPENDENT = 3
SEPARATE_ADVICE = "Set dedup.mirrored to split, and dedup.min_similarity to at most 0.5"
NEAREST_FACES = "nearest faces"  # last step of `prepare_data`
TOO_FEW_SAMPLES = "at least 4 samples and training faces are needed. Raise evaluate.samples or add pages"


@dataclass(frozen=True)
class ExtractorFeatures:
    """Features of one extractor.

    Attributes:
        sets: Features (N, D) of the compared sets.
        mirrored_train: Features (N, D) of the mirrored training faces, in the order of `sets.train`.
        broken: Features (N, D) of training faces with a broken structure, see `break_faces`.
        damaged: Features (N, D) of slightly damaged training faces, by kind of damage, see `damage_slightly`.
    """

    sets: ComparedSets
    mirrored_train: np.ndarray
    broken: np.ndarray
    damaged: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class EvaluationData:
    """All data of an evaluation.

    Attributes:
        images: uint8 (N, C, S, S): at least 2 samples, at least 2 training faces, any number of hold-out faces.
        features: Features by name of the extractor.
        titles: Title of each training face.
        usable_logits: Logits of the samples (N,): does the sample show a usable face?
        rater: The rater of usable faces.
        nearest_to_samples: Nearest training faces of each sample.
        nearest_to_holdout: Nearest training faces of each independent hold-out face.
        leaked: True for a hold-out face that has a near-duplicate among the training faces, bool (N,). The others are
            independent of the training faces, and only these decide what counts as a copy.
        count: Items of a set in one measurement with the hold-out set.
        count_alone: Items of a set in one measurement without the hold-out set.
    """

    images: ComparedSets
    features: Mapping[str, ExtractorFeatures]
    titles: Sequence[str]
    usable_logits: np.ndarray
    rater: UsableFaceRater
    nearest_to_samples: NearestFaces
    nearest_to_holdout: NearestFaces
    leaked: np.ndarray
    count: int
    count_alone: int

    @property
    def holdout_is_large_enough(self) -> bool:
        """Return True if there are at least `MIN_COUNT` hold-out faces."""
        return len(self.images.holdout) >= MIN_COUNT

    def explain_shortage(self, minimum: int = MIN_COUNT) -> str:
        """Return why nothing can be measured with the hold-out set, and what to do; empty if there are enough faces.

        Args:
            minimum: Required items of a set in one measurement. Default: `MIN_COUNT`.
        """
        if not self.holdout_is_large_enough:
            return (
                f"{len(self.images.holdout)} hold-out faces, at least {MIN_COUNT} needed. Add pages or raise"
                " dedup.holdout_share"
            )
        if self.count < MIN_COUNT:
            return (
                f"at least {2 * MIN_COUNT} samples and training faces are needed. Raise evaluate.samples or add pages"
            )
        if self.count < minimum:
            return (
                f"at least {minimum} hold-out faces, and twice as many samples and training faces, are needed. Add"
                " pages or raise dedup.holdout_share"
            )
        return ""

    def explain_copying_shortage(self, minimum: int) -> str:
        """Return why samples cannot be compared with independent hold-out faces, and what to do; empty if they can.

        Args:
            minimum: Required number of independent hold-out faces.
        """
        total, independent = len(self.leaked), int(np.sum(~self.leaked))
        if independent >= minimum:
            return ""
        if independent < total:
            return (
                f"{independent} of {total} hold-out faces have no near-duplicate among the training faces, at least"
                f" {minimum} needed. {SEPARATE_ADVICE}"
            )
        return f"{total} hold-out faces, at least {minimum} needed. Add pages or raise dedup.holdout_share"


def count_for_holdout(samples: int, train: int, holdout: int) -> int:
    """Return how many items of each set one measurement with the hold-out set takes.

    All sets have equal numbers. At most half of the samples and of the training faces are used, so that repeats differ
    and their standard deviation is meaningful.
    """
    return min(count_alone(samples, train), holdout)


def count_alone(samples: int, train: int) -> int:
    """Return how many items of a set one measurement without the hold-out set takes.

    Of N training faces at most N/2 samples are used; otherwise the repeats of a memorising model would look like mode
    collapse.
    """
    return min(samples // 2, train // 2, MAX_COUNT)


def prepare_data(
    samples: np.ndarray,
    train: np.ndarray,
    holdout: np.ndarray,
    titles: Sequence[str],
    extractors: Sequence[Extractor],
    neighbors: int,
    seed: int,
    leaked: np.ndarray | None = None,
    show: Callable[[str], object] = lambda name: None,
) -> EvaluationData:
    """Make the ruined and broken sets, extract all features and find the nearest training faces.

    Args:
        samples: uint8 (N, C, S, S), generated images.
        train: Training faces of the generator.
        holdout: Hold-out faces; may be empty.
        titles: Title of each training face.
        extractors: Feature extractors.
        neighbors: Nearest training faces to find for each image.
        seed: Seed of the choice of faces to ruin or break, and of the damage.
        leaked: Hold-out faces with a near-duplicate among the training faces, see `find_leaked`. Default: none.
        show: Called with the name of each step before it starts: of each extractor, then `NEAREST_FACES`.
    """
    leaked = np.zeros(len(holdout), bool) if leaked is None else leaked
    sizes = len(samples), len(train)
    count, alone = count_for_holdout(*sizes, len(holdout)), count_alone(*sizes)
    chosen = train[np.random.default_rng(seed).permutation(len(train))[: max(count, alone)]]
    images = ComparedSets(samples, train, holdout, make_ruined_sets(chosen, seed))
    broken = break_faces(chosen[:count], 1.0, seed)
    damaged = damage_slightly(chosen[: min(count, MAX_DAMAGED)], seed)
    features: dict[str, ExtractorFeatures] = {}
    for extractor in extractors:
        show(extractor.name)
        features[extractor.name] = extract_features(extractor, images, broken, damaged)
    show(NEAREST_FACES)
    to_samples, to_holdout = (find_nearest_faces(part, train, neighbors) for part in (samples, holdout[~leaked]))
    rate = UsableFaceRater()
    return EvaluationData(images, features, titles, rate(samples), rate, to_samples, to_holdout, leaked, count, alone)


def extract_features(
    extractor: Extractor, images: ComparedSets, broken: np.ndarray, damaged: Mapping[str, np.ndarray]
) -> ExtractorFeatures:
    """Return the features of all sets."""
    ruined = {kind: extract_distinct(extractor, faces) for kind, faces in images.ruined.items()}
    sets = ComparedSets(extractor(images.samples), extractor(images.train), extractor(images.holdout), ruined)
    damaged_features = {kind: extractor(faces) for kind, faces in damaged.items()}
    return ExtractorFeatures(sets, extractor(images.train[..., ::-1]), extractor(broken), damaged_features)


def extract_distinct(extractor: Extractor, images: np.ndarray) -> np.ndarray:
    """Return the features of images; if all images are equal, compute those of the first one only."""
    if len(images) and (images == images[:1]).all():
        return extractor(images[:1]).repeat(len(images), axis=0)
    return extractor(images)


def choose_real(data: EvaluationData, max_images: int, seed: int) -> np.ndarray:
    """Return at most `max_images` hold-out faces, or training faces if there are too few hold-out faces."""
    real = data.images.holdout if data.holdout_is_large_enough else data.images.train
    return real[np.random.default_rng(seed).permutation(len(real))[:max_images]]  # the first faces are of one title


def compare_image_means(
    measure: Callable[[np.ndarray], np.ndarray], data: EvaluationData, max_images: int, seed: int
) -> Comparison:
    """Compare the mean of a value of each image; standard deviations are standard errors of the mean.

    The floor is that of the hold-out faces, or of the training faces if there are too few hold-out faces.

    Args:
        measure: Maps images, uint8 (N, C, S, S), to values (N,).
        data: Sets to measure.
        max_images: Images of each set, at most.
        seed: Seed of the choice of real faces.
    """
    values = measure(data.images.samples[:max_images])
    floors = measure(choose_real(data, max_images, seed))
    ceilings = {kind: float(np.mean(measure(faces[:MAX_RUINED]))) for kind, faces in data.images.ruined.items()}
    return Comparison(*compute_mean_error(values), *compute_mean_error(floors), len(values), len(floors), ceilings)
