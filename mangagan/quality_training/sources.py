"""Sources of the training crops, and their shares."""

from pathlib import Path

import numpy as np

from mangagan.detector_training.drawings import FACE_SIDE, PICTURE_SIDE, Drawings
from mangagan.detector_training.labels import Picture
from mangagan.quality_training.examples import Example, detect_examples, label_box, label_faces
from mangagan.quality_training.loop import Source

# Shares of the crops
USABLE_DETECTIONS, OTHER_FACE_DETECTIONS, FALSE_DETECTIONS = 0.19, 0.15, 0.17
LABELLED_FACES, OTHER_BOXES = 0.08, 0.05
DRAWN_FACES, DRAWN_HEADS, DRAWN_THINGS, DRAWN_OTHER = 0.11, 0.14, 0.07, 0.04

MIDDLE = np.array([(PICTURE_SIDE - FACE_SIDE) / 2] * 2 + [FACE_SIDE] * 2)  # box in a picture of one head or thing


def detect_titles(titles: dict[str, list[Picture]], detectors: dict[str, Path]) -> list[Example]:
    """Return the detections on labelled pages, by detectors that were trained without the title.

    Their errors are like those of the detector on new titles.

    Args:
        titles: Labelled pages of each title.
        detectors: For each title, the weights file of a detector that was trained without it.

    Raises:
        UserError: A weights file is missing or damaged.
    """
    return [example for title, pages in titles.items() for example in detect_examples(pages, detectors[title])]


def collect_sources(pages: list[Picture], found: list[Example], drawn: Drawings) -> list[Source]:
    """Return the training data: labelled pages, detections on them, and drawings."""
    pictures = [*drawn.pages, *drawn.scenes, *drawn.illustrations]
    return [
        Source(USABLE_DETECTIONS, [example for example in found if example.usable == 1], []),
        Source(OTHER_FACE_DETECTIONS, [example for example in found if example.face == 1 and example.usable == 0], []),
        Source(FALSE_DETECTIONS, [example for example in found if example.face == 0], []),
        Source(LABELLED_FACES, label_faces(pages), []),
        Source(OTHER_BOXES, [], pages),
        Source(DRAWN_FACES, label_faces(pictures), []),
        Source(DRAWN_HEADS, [label_box(picture, MIDDLE) for picture in drawn.heads], []),
        Source(DRAWN_THINGS, [label_box(picture, MIDDLE) for picture in drawn.things], []),
        Source(DRAWN_OTHER, [], pictures),
    ]
