"""All figures of an evaluation. A new one is a function here and a line in `FIGURES`."""

from dataclasses import dataclass

import numpy as np

from mangagan.metrics.comparison import Comparison, mean_sd, repeated
from mangagan.metrics.config import EvaluateParams
from mangagan.metrics.diversity import pairwise_diversity
from mangagan.metrics.nearest import Nearest, nearest_faces
from mangagan.metrics.swd import sliced_wasserstein


@dataclass(frozen=True)
class Sets:
    """What is compared: uint8 (N, C, S, S) each, and where the nearest training faces lie.

    Attributes:
        fake: samples of the generator, at least 2.
        train: the faces it was trained on, at least 1.
        holdout: faces it never saw, any number.
        fake_nearest: of each sample.
        holdout_nearest: of each hold-out face.
    """

    fake: np.ndarray
    train: np.ndarray
    holdout: np.ndarray
    fake_nearest: Nearest
    holdout_nearest: Nearest


def compare(fake: np.ndarray, train: np.ndarray, holdout: np.ndarray, neighbors: int) -> Sets:
    """Puts the sets together; see `Sets` for the shapes."""
    return Sets(fake, train, holdout, *(nearest_faces(images, train, neighbors) for images in (fake, holdout)))


def figures(sets: Sets, settings: EvaluateParams) -> dict[str, Comparison]:
    """All figures by name."""
    return {name: figure(sets, settings) for name, figure in FIGURES.items()}


def lacking(holdout: np.ndarray, needed: int) -> str:
    """Why there is no floor, and what to do: one line, empty where there are enough faces."""
    if len(holdout) >= needed:
        return ""
    return f"{len(holdout)} hold-out faces, at least {needed} needed: add pages or raise dedup.holdout_share"


def swd(sets: Sets, settings: EvaluateParams) -> Comparison:
    """Samples against hold-out, beside training faces against hold-out: see `sliced_wasserstein`.

    All sets are subsampled to the same count, that of the smallest; samples and training faces anew in every repeat,
    with the same patches and directions for both.
    """
    count = min(len(sets.fake), len(sets.train), len(sets.holdout))
    if reason := lacking(sets.holdout, 2):
        return Comparison(None, None, None, None, count, count, reason)
    reference = sets.holdout[np.random.default_rng(settings.seed).permutation(len(sets.holdout))[:count]]

    def measure(subsample: np.ndarray, seed: int) -> dict[int, float]:
        return sliced_wasserstein(subsample, reference, seed, settings.swd_patches, settings.swd_directions)

    values = repeated(measure, sets.fake, count, settings.repeats, settings.seed)
    floors = repeated(measure, sets.train, count, settings.repeats, settings.seed)
    levels = {
        f"{side}px": {
            "value": float(np.mean([repeat[side] for repeat in values])),
            "floor": float(np.mean([repeat[side] for repeat in floors])),
        }
        for side in values[0]
    }
    value, sd = mean_sd([float(np.mean(list(repeat.values()))) for repeat in values])
    floor, floor_sd = mean_sd([float(np.mean(list(repeat.values()))) for repeat in floors])
    return Comparison(value, sd, floor, floor_sd, count, count, details={"levels": levels})


def diversity(sets: Sets, settings: EvaluateParams) -> Comparison:
    """How much samples differ from each other, beside the hold-out faces' own value: see `pairwise_diversity`.

    Subsamples have as many images as the hold-out. The floor's deviation is that of training faces measured alike:
    the hold-out itself is too few to take several subsamples of.
    """
    reason = lacking(sets.holdout, 2)
    count = len(sets.fake) if reason else min(len(sets.fake), len(sets.holdout))

    def measure(subsample: np.ndarray, seed: int) -> float:
        return pairwise_diversity(subsample, seed, settings.diversity_pairs)

    value, sd = mean_sd(repeated(measure, sets.fake, count, settings.repeats, settings.seed))
    if reason:
        return Comparison(value, sd, None, None, count, 0, reason)
    floor, _ = mean_sd(repeated(measure, sets.holdout, count, settings.repeats, settings.seed))
    if len(sets.train) < count:
        return Comparison(value, sd, floor, None, count, count)
    train, train_sd = mean_sd(repeated(measure, sets.train, count, settings.repeats, settings.seed))
    return Comparison(value, sd, floor, train_sd, count, count, details={"train": train})


def nearest_train(sets: Sets, settings: EvaluateParams) -> Comparison:
    """The median distance to the nearest training face, of samples beside hold-out faces: see `nearest_faces`."""
    distances, floors = sets.fake_nearest.distances[:, 0], sets.holdout_nearest.distances[:, 0]
    value, closest = float(np.median(distances)), float(distances.min())
    if reason := lacking(sets.holdout, 1):
        return Comparison(value, None, None, None, len(distances), 0, reason, {"closest": closest})
    details = {"closest": closest, "floor_closest": float(floors.min())}
    return Comparison(value, None, float(np.median(floors)), None, len(distances), len(floors), details=details)


# Name in metrics/evaluate.json → how it is measured. What it means to a person: mangagan/report/words.py.
FIGURES = {"swd": swd, "diversity": diversity, "nearest_train": nearest_train}
