"""Training examples: boxes on pictures, with labels for the two outputs of the network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.overlap import compute_iou
from mangagan.detector_training.crops import Rng
from mangagan.detector_training.labels import Picture

# IoU with a labelled face: from FACE_IOU a box is a face; up to OTHER_IOU it is no face; in between it is unknown
FACE_IOU, OTHER_IOU = 0.35, 0.15
MIN_TRAINING_SCORE = 0.05  # minimum score of a detection for training
SIDE_RANGE = (24.0, 300.0)  # side of a random box, before jitter [px]
UNKNOWN = -1.0  # label: the loss ignores it


@dataclass(frozen=True)
class Example:
    """A box on a picture.

    Attributes:
        picture: The picture.
        box: float64 (4,): x, y, w, h [px].
        face: 1 yes, 0 no, -1 unknown.
        usable: 1 yes, 0 no, -1 unknown.
    """

    picture: Picture
    box: np.ndarray
    face: float
    usable: float


def label_box(picture: Picture, box: np.ndarray) -> Example:
    """Return a box with the labels of the labelled face that has the largest IoU with it."""
    iou = compute_iou(box, picture.faces[:, :4].astype(np.float64)) if len(picture.faces) else np.zeros(0)
    best = float(iou.max(initial=0))
    if best >= FACE_IOU:
        return Example(picture, box, 1.0, float(picture.faces[iou.argmax(), 4]))
    return Example(picture, box, 0.0 if best <= OTHER_IOU else UNKNOWN, 0.0 if best <= OTHER_IOU else UNKNOWN)


def label_faces(pictures: list[Picture]) -> list[Example]:
    """Return an example for each labelled face."""
    return [
        Example(picture, face[:4].astype(np.float64), 1.0, float(face[4]))
        for picture in pictures
        for face in picture.faces
    ]


def detect_examples(pictures: list[Picture], weights: Path) -> list[Example]:
    """Return an example for each detection of a detector that was trained without these pictures.

    Raises:
        UserError: The weights file is missing or damaged.
    """
    detector = MangaFace(MangaFaceParams(threshold=MIN_TRAINING_SCORE, device="cpu"), weights)
    return [label_box(picture, box) for picture in pictures for box in detector.detect(picture.pixels).boxes]


def draw_other_box(rng: Rng, picture: Picture, tries: int = 20) -> Example | None:
    """Return a random box without a face, with probability 0.5 next to a face. None if all `tries` fail."""
    height, width = picture.pixels.shape[:2]
    for _ in range(tries):
        if len(picture.faces) and rng.random() < 0.5:
            x, y, w, h = picture.faces[rng.integers(len(picture.faces)), :4].astype(np.float64)
            size = np.array([w, h]) * np.exp(rng.normal(0, 0.5))
            angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.5)
            centre = np.array([x + w / 2 + reach * w * np.cos(angle), y + h / 2 + reach * h * np.sin(angle)])
        else:
            side = np.exp(rng.uniform(*np.log(SIDE_RANGE)))
            size, centre = side * np.exp(rng.normal(0, 0.1, 2)), rng.uniform(0, [width, height])
        if not (0 < centre[0] < width and 0 < centre[1] < height):
            continue
        example = label_box(picture, np.concatenate([centre - size / 2, size]))
        if example.face == 0:
            return example
    return None
