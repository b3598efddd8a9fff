"""What each figure means, for someone who has not read the paper it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mangagan.metrics.comparison import nearest_ceiling
from mangagan.report.ranges import CEILINGS

CLEAR = 2.0  # standard deviations of the floor that a figure must differ by to be told from it
PART, WHOLE = 0.3, 0.9  # of the way from floor to ceiling, from which a reading speaks of the ceiling
ROUGH = 50  # hold-out faces; figures on fewer are but a hint
Figure = Mapping[str, Any]

LOWER, HIGHER, ALIKE = "lower is better", "higher is better", "best at the real faces"


@dataclass(frozen=True)
class Words:
    """How one metric is told.

    Attributes:
        name: in a few words.
        question: what it asks.
        unit: scale and range.
        better: which way to hope for: `LOWER`, `HIGHER` or `ALIKE`.
        floor: whose value the floor is.
        same: a reading of a value that cannot be told from the floor.
        below: of one clearly below it.
        above: of one clearly above it.
        about: how it is measured.
        bounds: what the plot spans at least, where the metric has ends, or values of a known meaning.
    """

    name: str
    question: str
    unit: str
    better: str
    floor: str
    same: str
    below: str
    above: str
    about: str
    bounds: tuple[float, float] | None = None


AGAINST = "training faces, compared with the same hold-out faces in equal numbers"
ITSELF = "training faces by themselves, in equal numbers"
SHARE = (0.0, 1.0)

DISTANCE = {
    "kernel_distance": Words(
        "Kernel distance",
        "Do the samples, taken together, look like faces the generator never saw?",
        "squared distance, no upper end; about 0 for two draws of the same faces, so it may fall below",
        LOWER,
        AGAINST,
        "As near to unseen faces as real faces are.",
        "Nearer to unseen faces than training faces are.",
        "Further from unseen faces than real faces are.",
        "A network turns each face into numbers; the distance compares the clouds of numbers of samples and hold-out"
        " faces (KID, Bińkowski and others 2018). It has no bias at small counts, so runs are compared by it.",
    ),
    "frechet": Words(
        "Fréchet distance",
        "The same question, asked of mean and spread alone",
        "from 0; grows as faces get fewer, so only the floor says what is low",
        LOWER,
        AGAINST,
        "As near to unseen faces as real faces are.",
        "Nearer to unseen faces than training faces are.",
        "Further from unseen faces than real faces are.",
        "Mean and covariance of the same numbers, along their main axes (FID, Heusel and others 2017). Well known, but"
        " biased at a thousand faces.",
    ),
    "swd": Words(
        "Sliced Wasserstein distance",
        "Are lines, screentone and the layout of a face drawn as in real faces?",
        "× 10³, from 0",
        LOWER,
        AGAINST,
        "Lines and tones as in real faces.",
        "Nearer to unseen faces than training faces are.",
        "Lines and tones differ from those of real faces.",
        "Patches of 7 px at several scales are compared with those of hold-out faces (Karras and others 2018). No"
        " network is asked.",
    ),
}
VARIETY = {
    "vendi": Words(
        "Effective number of faces",
        "How many really different faces are among the samples?",
        "faces, from 1 to as many as were compared",
        ALIKE,
        ITSELF,
        "As many different faces as among real ones.",
        "Fewer different faces than among real ones.",
        "More differences than among real faces: noise and broken shapes count as variety too.",
        "The Vendi score (Friedman and Dieng 2023): ten faces each drawn a hundred times give about 10, however many"
        " samples there are.",
    ),
    "diversity": Words(
        "Difference between pairs",
        "How unlike are two samples?",
        "1 − MS-SSIM, 0 to 1",
        ALIKE,
        ITSELF,
        "Pairs as different as pairs of real faces.",
        "Pairs more alike than pairs of real faces: look for repeated faces.",
        "Pairs less alike than pairs of real faces: noise and broken shapes count as variety too.",
        "The mean over random pairs. If one face came out again and again, it would be 0.",
        SHARE,
    ),
    "recall": Words(
        "Recall",
        "Which share of real faces could the generator have drawn?",
        "share of hold-out faces, 0 to 1",
        HIGHER,
        AGAINST,
        "Reaches as much of the real faces' variety as real faces do.",
        "Part of the real faces' variety is out of reach.",
        "Spreads wider than real faces do.",
        "A hold-out face counts when it lies within reach of a sample, as far as that sample's fifth neighbour"
        " (Kynkäänniemi and others 2019). Samples scattered far apart raise it without being good.",
        SHARE,
    ),
    "coverage": Words(
        "Coverage",
        "Does every kind of real face have a sample near it?",
        "share of hold-out faces, 0 to 1",
        HIGHER,
        AGAINST,
        "Every kind of face is drawn about as often as among real faces.",
        "Some kinds of faces are hardly drawn.",
        "More kinds are hit than by real faces.",
        "A hold-out face counts when a sample lies nearer than its fifth neighbour (Naeem and others 2020).",
        SHARE,
    ),
    "duplicates": Words(
        "Twins among the samples",
        "How many samples have a near twin?",
        "share of samples, 0 to 1",
        LOWER,
        ITSELF,
        "No more twins than among real faces.",
        "Fewer twins than among real faces.",
        "More twins than among real faces: the same face comes out again.",
        "A twin is nearer than all but the most alike real faces are to each other. How soon twins turn up tells how"
        " many different faces there are to draw (the birthday paradox; Arora and Zhang 2017): the support.",
        SHARE,
    ),
}
COPYING = {
    "nearest_train": Words(
        "Distance from the training set",
        "Are samples nearer to a training face than unseen faces are?",
        "RMS difference to the nearest training face, 0 to 2, median",
        ALIKE,
        "hold-out faces, and how near they come to a training face by chance",
        "As far from the training faces as unseen faces are: no sign of copying.",
        "Nearer to training faces than unseen faces are: copied, or merely smooth. The pairs below tell.",
        "Further from any training face than unseen faces are: nothing is copied, and much does not look like one.",
        "Faces are compared in gray at 28 px, slightly blurred, at equal contrast, mirrored, shifted and zoomed ones"
        " included (4 px of 112, 4 %): 0 is the same picture, from 1.2 on they have nothing in common.",
        (0.0, 1.41),
    ),
    "ct": Words(
        "Copying test",
        "The same question as a test, in the eyes of a network",
        "standard deviations (z); about 0 without copying, below −3 with it, above 3 for samples far off",
        ALIKE,
        "hold-out faces: 0 by definition, give or take 1",
        "As far from the training faces as unseen faces are.",
        "Nearer to the training faces than chance allows.",
        "Further from the training faces than unseen faces are.",
        "The distances of samples and of hold-out faces to their nearest training face, ranked together (C_T, Meehan"
        " and others 2020). It tells what the bulk does, not what a few do.",
        (-6.0, 6.0),
    ),
    "authenticity": Words(
        "Authenticity",
        "Which share of samples is no variant of one training face?",
        "share of samples, 0 to 1",
        ALIKE,
        "hold-out faces, none of which is a copy",
        "As independent of single training faces as unseen faces are.",
        "Samples huddle around single training faces.",
        "Samples keep further away from training faces than unseen faces do.",
        "A sample counts when it is further from its nearest training face than that one is from any other (Alaa and"
        " others 2022). Independent faces do not reach 1.",
        SHARE,
    ),
}
FACES = {
    "face_share": Words(
        "Faces found",
        "In how many samples does the project's detector find a face?",
        "share of samples, 0 to 1",
        HIGHER,
        "hold-out faces, shown to the detector in the same way",
        "Found as often as in real faces.",
        "Found in fewer samples than in real faces.",
        "Found in more samples than in real faces.",
        "Each sample is laid on a page of its own. What the detector finds is face-like in its eyes, no more.",
        SHARE,
    ),
    "symmetry": Words(
        "Mirror symmetry",
        "Are left and right as alike as in real faces?",
        "correlation of a face with its mirror image, −1 to 1",
        ALIKE,
        "hold-out faces",
        "Left and right agree as in real faces.",
        "Less symmetric than real faces: halves that do not belong together.",
        "More symmetric than real faces: fewer turned heads, or smooth blobs.",
        "Faces turned to the side are not symmetric, so real faces are the mark, not 1.",
        (-1.0, 1.0),
    ),
    "precision": Words(
        "Precision",
        "Which share of samples could be a real face?",
        "share of samples, 0 to 1",
        HIGHER,
        AGAINST,
        "As many samples among the real faces as there are real ones.",
        "Samples lie outside of where real faces are.",
        "Samples keep to where real faces are densest.",
        "A sample counts when it lies within reach of a hold-out face, as far as that face's fifth neighbour"
        " (Kynkäänniemi and others 2019).",
        SHARE,
    ),
    "density": Words(
        "Density",
        "How deep among real faces do the samples lie?",
        "from 0; about 1 for real faces",
        ALIKE,
        AGAINST,
        "As deep among real faces as real ones.",
        "Samples lie at the rim of where real faces are, or outside.",
        "Samples crowd where real faces are densest.",
        "How many hold-out faces have the sample within reach of their fifth neighbour (Naeem and others 2020). One"
        " freak face does not change it, as it does precision.",
    ),
}

GROUPS = {
    "Distance from real faces": DISTANCE,
    "Variety": VARIETY,
    "Copying": COPYING,
    "Are they faces?": FACES,
}
WORDS = {name: words for group in GROUPS.values() for name, words in group.items()}
EXTRACTORS = {
    "random": "a convolutional network whose weights are random and never change",
    "mangaface": "the inner features of the project's own face detector",
}


def describe(name: str) -> Words:
    """The words of a metric; plain ones for a metric that has none yet."""
    return WORDS.get(name) or Words(name.replace("_", " "), "", "", ALIKE, "real faces", "", "", "", "")


def offset(figure: Figure) -> float:
    """How far the value lies above the floor, in standard deviations of both; 5 % of the floor where none is known."""
    deviation = ((figure["sd"] or 0) ** 2 + (figure["floor_sd"] or 0) ** 2) ** 0.5
    return float((figure["value"] - figure["floor"]) / (deviation or 0.05 * abs(figure["floor"]) or 1.0))


def reading(name: str, figure: Figure) -> str:
    """A sentence about one figure block: what it means, or that there is nothing to say."""
    if figure["value"] is None or figure["floor"] is None:
        return "Nothing to compare with."
    words, off = describe(name), offset(figure)
    if abs(off) < CLEAR:
        return words.same
    position = figure.get("position")
    if position is None or position < PART:
        return words.above if off > 0 else words.below
    ceilings = {kind: ceiling for kind, ceiling in figure["ceilings"].items() if ceiling is not None}
    nearest = nearest_ceiling(figure["value"], figure["floor"], figure["floor_sd"], ceilings) or ""
    ceiling = CEILINGS.get(nearest, nearest)
    told = words.above if off > 0 else words.below
    return f"{told} {'No better than' if position >= WHOLE else 'On the way to'} {ceiling}."
