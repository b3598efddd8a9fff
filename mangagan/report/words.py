"""What each figure means, for someone who has not read the paper it comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

CLEAR = 2.0  # standard deviations of the floor that a figure must differ by to be told from it
ROUGH = 50  # hold-out faces; figures on fewer are but a hint
Figure = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """How one metric is told.

    Attributes:
        name: what it answers, in two or three words.
        unit: scale and range.
        floor: whose value the floor is.
        better: what to hope for.
        about: what is measured.
        reading: from the metric's entry in metrics/evaluate.json to a sentence without figures.
    """

    name: str
    unit: str
    floor: str
    better: str
    about: str
    reading: Callable[[Figure], str]


def offset(figure: Figure) -> float:
    """How far the value lies above the floor, in standard deviations of both; 5 % of the floor where none is known."""
    deviation = ((figure["sd"] or 0) ** 2 + (figure["floor_sd"] or 0) ** 2) ** 0.5
    return float((figure["value"] - figure["floor"]) / (deviation or 0.05 * abs(figure["floor"]) or 1.0))


def read_swd(figure: Figure) -> str:
    """Distance: the floor is the best there is."""
    if offset(figure) < CLEAR:
        return "As near to unseen faces as real training faces are: this measure cannot tell them apart."
    if figure["ratio"] is not None and figure["ratio"] < 1.25:
        return "Further from unseen faces than real faces are, though not by much."
    return "Clearly further from unseen faces than real faces are."


def read_diversity(figure: Figure) -> str:
    """Variety: real faces are the mark, from both sides."""
    if offset(figure) < -CLEAR:
        return "Less varied than real faces: look for repeated faces among the samples."
    if offset(figure) > CLEAR:
        return "More varied than real faces: noise and broken shapes count as variety too."
    return "As varied as real faces."


def read_nearest(figure: Figure) -> str:
    """Copying: nearer to the training faces than unseen faces are."""
    if figure["ratio"] is not None and figure["ratio"] < 0.9:
        return "Nearer to training faces than unseen faces are: copied, or merely smooth. The pictures below tell."
    if figure["ratio"] is not None and figure["ratio"] > 1.1:
        return (
            "Further from any training face than unseen faces are: nothing is copied, and much does not look like one."
        )
    return "As far from the training faces as unseen faces are: no sign of copying."


WORDS = {
    "swd": Words(
        "Distance from real faces",
        "sliced Wasserstein distance × 10³, from 0",
        "training faces",
        "lower; the floor is the best there is (1 ×)",
        "Patches of 7 px at four scales, from lines and screentone to where a face's parts lie, compared with faces"
        " that were held out of training.",
        read_swd,
    ),
    "diversity": Words(
        "Variety",
        "1 − MS-SSIM between pairs, 0 to 1",
        "hold-out faces",
        "as high as real faces (1 ×)",
        "How much samples differ from each other. If one face came out again and again, it would be 0.",
        read_diversity,
    ),
    "nearest_train": Words(
        "Distance from the training set",
        "RMS difference to the nearest training face, 0 to 2, median",
        "hold-out faces",
        "about that of unseen faces (1 ×); much lower means copies",
        "Faces are compared in gray at 28 px, slightly blurred, at equal contrast, mirrored ones included:"
        " 0 is the same picture, 1.41 an unrelated one.",
        read_nearest,
    ),
}


def describe(name: str) -> Words:
    """The words of a metric; plain ones for a metric that has none yet."""
    return WORDS.get(name) or Words(name, "", "real faces", "", "", lambda figure: "")


def reading(name: str, figure: Figure) -> str:
    """A sentence about one metric: what it means, or why there is nothing to say."""
    if figure["value"] is None or figure["floor"] is None:
        return f"Nothing to compare with: {figure['reason']}." if figure["reason"] else "Nothing to compare with."
    return describe(name).reading(figure)
