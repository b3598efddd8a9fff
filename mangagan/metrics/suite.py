"""All figures of an evaluation. A new one is a function here and a line in `ON_FEATURES` or `ON_IMAGES`."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mangagan.distances.kernel_distance import kernel_distance
from mangagan.distances.manifold import manifold_figures
from mangagan.distances.nearest_faces import descriptors, least_distances
from mangagan.metrics.comparison import (
    Comparison,
    Group,
    against_holdout,
    by_itself,
    mean_sd,
    repeated,
    subsamples,
    unknown,
)
from mangagan.metrics.comparison_sets import Features, Sets
from mangagan.metrics.diversity import pairwise_diversity
from mangagan.metrics.face_checks import SURE, FaceSearch, mirror_symmetry
from mangagan.metrics.frechet import frechet_distance, principal_axes, project
from mangagan.metrics.memorisation import authenticity, copied_limit, ct_statistic
from mangagan.metrics.params import EvaluateParams
from mangagan.metrics.swd import sliced_wasserstein
from mangagan.metrics.vendi import duplicate_estimate, vendi_score

NEIGHBORS = 5  # k of density and coverage; coverage of two samples of one distribution is then 1 − 2⁻⁵
DIMENSIONS = 64  # most that a Fréchet distance is taken in: of a thousand images, 2,048 are mostly bias
LEAST = 2 * NEIGHBORS  # faces in one measurement, below which no figure is given
QUANTILE = 0.01  # of hold-out faces within the distance of a training face that copies are told by
# Of that distance, within which a sample counts as copied. At 1, up to a tenth of the real faces of other pages did:
# a character comes back in the same pose. Copies come to 0.1 of it on scanned faces and to 0.5 on drawn ones.
CLOSER = 0.8
RESAMPLES = 200  # of the bootstrap; its standard error is then known to 5 %
TOO_FEW = "at least 4 samples and training faces are needed: raise evaluate.samples or add pages"

Figures = dict[str, Comparison]


def figures(sets: Sets, settings: EvaluateParams) -> dict[str, Comparison | Figures]:
    """All figures by name; those taken on features by extractor within."""
    found: dict[str, Comparison | Figures] = {}
    for name, features in sets.features.items():
        for measure in ON_FEATURES:
            for metric, figure in measure(sets, features, settings).items():
                found.setdefault(metric, {})[name] = figure  # type: ignore[index]
    for measure_images in ON_IMAGES:
        found |= measure_images(sets, settings)
    return found


def lacking(sets: Sets) -> str:
    """Why nothing can be compared with the hold-out, and what to do: one line, empty where it can."""
    there = len(sets.images.holdout)
    if there < LEAST:
        return f"{there} hold-out faces, at least {LEAST} needed: add pages or raise dedup.holdout_share"
    if sets.count < LEAST:
        return f"at least {2 * LEAST} samples and training faces are needed: raise evaluate.samples or add pages"
    return ""


def distances(sets: Sets, features: Features, settings: EvaluateParams) -> Figures:
    """Kernel and Fréchet distance to the hold-out, precision, recall, density and coverage: see these modules."""
    if reason := lacking(sets):
        names = ("kernel_distance", "frechet", "precision", "recall", "density", "coverage")
        return {name: unknown(reason, sets.count) for name in names}
    dimensions = min(DIMENSIONS, sets.count // 4, features.group.holdout.shape[1])
    mean, axes = principal_axes(features.group.holdout, dimensions)

    def measure(chosen: np.ndarray, reference: np.ndarray, _: int) -> dict[str, float]:
        return distances_of(chosen, reference, mean, axes)

    return against_holdout(measure, features.group, sets.count, settings.repeats, settings.seed)


def distances_of(chosen: np.ndarray, reference: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> dict[str, float]:
    """All figures that compare two sets of features, (N, D) each; the Fréchet distance along axes (D, dimensions)."""
    manifold = manifold_figures(reference, chosen, NEIGHBORS)
    return {
        "kernel_distance": kernel_distance(chosen, reference),
        "frechet": frechet_distance(project(chosen, mean, axes), project(reference, mean, axes)),
        "precision": manifold.precision,
        "recall": manifold.recall,
        "density": manifold.density,
        "coverage": manifold.coverage,
    }


def vendi(sets: Sets, features: Features, settings: EvaluateParams) -> Figures:
    """The effective number of different samples, beside that of training faces: see `vendi_score`."""
    if sets.alone < 2:
        return {"vendi": unknown(TOO_FEW, sets.alone)}
    mean = features.group.train.mean(axis=0)

    # Uncentred, all faces point the same way.
    def measure(chosen: np.ndarray, _: int) -> dict[str, float]:
        return {"vendi": vendi_score(chosen - mean)}

    return by_itself(measure, features.group, sets.alone, settings.repeats, settings.seed)


def memory(sets: Sets, features: Features, settings: EvaluateParams) -> Figures:
    """Whether samples are nearer to training faces, mirrored ones included, than faces are that were held out.

    The statistic's floor is 0 by definition, give or take 1. Authenticity's is that of the hold-out; it is a share of
    so many faces, and its deviation that of a share.
    """
    reason = "" if len(sets.images.holdout) >= LEAST else lacking(sets)
    if reason:
        return {"ct": unknown(reason), "authenticity": unknown(reason)}
    group = features.group
    both = np.concatenate([group.train, features.mirrored])
    ours, theirs = (least_distances(part, both) for part in (group.fake, group.holdout))
    ct = Comparison(ct_statistic(ours, theirs), None, 0.0, 1.0, len(ours), len(theirs))
    value, floor = (authenticity(part, group.train, features.mirrored) for part in (group.fake, group.holdout))
    sd, floor_sd = (np.sqrt(share * (1 - share) / len(part)) for share, part in ((value, ours), (floor, theirs)))
    real = Comparison(value, float(sd), floor, float(floor_sd), len(ours), len(theirs))
    return {"ct": ct, "authenticity": real}


def swd(sets: Sets, settings: EvaluateParams) -> Figures:
    """Sliced Wasserstein distance to the hold-out, by scale and their mean: see `sliced_wasserstein`."""
    if reason := lacking(sets):
        return {"swd": unknown(reason, sets.count)}

    def measure(chosen: np.ndarray, reference: np.ndarray, seed: int) -> dict[str, float]:
        levels = sliced_wasserstein(chosen, reference, seed, settings.swd_patches, settings.swd_directions)
        return {"swd": float(np.mean(list(levels.values()))), **{f"{side}px": level for side, level in levels.items()}}

    found = against_holdout(measure, sets.images, sets.count, settings.repeats, settings.seed)
    whole = found.pop("swd")
    levels = {name: {"value": level.value, "floor": level.floor} for name, level in found.items()}
    return {"swd": replace(whole, details={"levels": levels})}


def variety(sets: Sets, settings: EvaluateParams) -> Figures:
    """How much samples differ from each other, and how many are alike, beside training faces in equal numbers."""
    if sets.alone < 2:
        return {"diversity": unknown(TOO_FEW, sets.alone), "duplicates": unknown(TOO_FEW, sets.alone)}

    def differ(chosen: np.ndarray, seed: int) -> dict[str, float]:
        return {"diversity": pairwise_diversity(chosen, seed, settings.diversity_pairs)}

    args = (sets.alone, settings.repeats, settings.seed)
    return {**by_itself(differ, sets.images, *args), "duplicates": duplicates(sets, settings)}


def duplicates(sets: Sets, settings: EvaluateParams) -> Comparison:
    """The share of samples that have a twin in their subsample, nearer than all but 1 % of training faces have one.

    `support` is how many different images the generator draws, by the birthday paradox; None where no two are alike.
    """
    fake, train = descriptors(sets.images.fake), descriptors(sets.images.train)
    args = (sets.alone, settings.repeats, settings.seed)
    limit = float(np.mean(repeated(lambda chosen, _: float(np.quantile(twins(chosen), QUANTILE)), train, *args)))

    def measure(chosen: np.ndarray, _: int) -> dict[str, float]:
        return {"duplicates": float(np.mean(twins(chosen) <= limit))}

    found = by_itself(measure, Group(fake, train, np.empty(0), {}), *args)["duplicates"]
    points = fake[next(subsamples(len(fake), sets.alone, 1, settings.seed))]
    support = duplicate_estimate(points, limit * np.sqrt(points.shape[1])).support
    return replace(found, details={"support": support, "limit": limit})


def twins(points: np.ndarray) -> np.ndarray:
    """Each descriptor's distance to the nearest other: (N, D) to (N,), N at least 2."""
    return least_distances(points, points, skip_self=True)


def nearest_train(sets: Sets, settings: EvaluateParams) -> Figures:
    """The distance to the nearest training face, of samples beside hold-out faces: see `nearest_faces`."""
    found, floors = sets.fake_nearest.distances[:, 0], sets.holdout_nearest.distances[:, 0]
    value, closest = median_error(found, settings.seed), float(found.min())
    if len(floors) < LEAST:
        reason = lacking(sets)
        return {"nearest_train": Comparison(*value, None, None, len(found), 0, {}, reason, {"closest": closest})}
    details = {
        "closest": closest,
        "floor_closest": float(floors.min()),
        "ct": ct_statistic(found, floors),
        "copied": float(np.mean(copied(sets))),
        "by_title": by_title(sets),
    }
    floor = median_error(floors, settings.seed)
    return {"nearest_train": Comparison(*value, *floor, len(found), len(floors), details=details)}


def by_title(sets: Sets) -> dict[str, dict[str, float]]:
    """Where the samples' nearest training faces are from, by title.

    Returns:
        For each title the share of samples whose nearest training face is from it, its share of the training faces
        (`train_share`), and the share of samples that count as copied from it (`copied`).
    """
    titles = np.array(sets.titles)
    nearest = titles[sets.fake_nearest.indices[:, 0]]
    copies = copied(sets)
    return {
        str(title): {
            "share": float(np.mean(nearest == title)),
            "train_share": float(np.mean(titles == title)),
            "copied": float(np.mean(copies & (nearest == title))),
        }
        for title in np.unique(titles)
    }


def copied(sets: Sets) -> np.ndarray:
    """Which samples count as copies, bool (N,): see `CLOSER`."""
    limit = CLOSER * copied_limit(sets.holdout_nearest.distances[:, 0], QUANTILE)
    return sets.fake_nearest.distances[:, 0] < limit


def looks(sets: Sets, settings: EvaluateParams) -> Figures:
    """In how many samples the detector finds a face, and how alike their halves are, beside hold-out faces.

    Standard deviations are standard errors of the means. Without a hold-out, training faces take its place.
    """
    images, search = sets.images, FaceSearch()
    real = images.holdout if len(images.holdout) >= LEAST else images.train
    most = settings.face_samples
    chosen = np.random.default_rng(settings.seed).permutation(len(real))[:most]  # the first are of one title
    parts = [images.fake[:most], real[chosen], *(faces[:most] for faces in images.spoilt.values())]
    found = {}
    for name, measure in (("face_share", lambda part: search(part) >= SURE), ("symmetry", mirror_symmetry)):
        values, floors, *spoilt = (measure(part) for part in parts)
        ceilings = {kind: float(np.mean(each)) for kind, each in zip(images.spoilt, spoilt, strict=True)}
        found[name] = Comparison(*mean_error(values), *mean_error(floors), len(values), len(floors), ceilings)
    return found


def mean_error(values: np.ndarray) -> tuple[float, float]:
    """Mean of (N,) values, and its standard error."""
    return float(np.mean(values)), float(np.std(values) / np.sqrt(len(values)))


def median_error(values: np.ndarray, seed: int) -> tuple[float, float]:
    """Median of (N,) values, and its standard error by the bootstrap (Efron 1979): over resamples with replacement."""
    rng = np.random.default_rng(seed)
    medians = [float(np.median(rng.choice(values, len(values)))) for _ in range(RESAMPLES)]
    return float(np.median(values)), mean_sd(medians)[1]


ON_FEATURES: tuple[Callable[[Sets, Features, EvaluateParams], Figures], ...] = (distances, vendi, memory)
ON_IMAGES: tuple[Callable[[Sets, EvaluateParams], Figures], ...] = (swd, variety, nearest_train, looks)
