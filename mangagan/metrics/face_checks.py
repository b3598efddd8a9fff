"""What can be asked of a drawn face and of no other picture: is it one, and are its halves alike?"""

import cv2
import numpy as np
import torch
from torch import Tensor

from mangagan.core.images import to_gray
from mangagan.face_network.boxes import decode
from mangagan.face_network.network import MULTIPLE
from mangagan.face_network.weights import WEIGHTS, load_face_network
from mangagan.features.batches import extract, gray, resized

SIDE = 112  # px to which faces are resized for the detector
MARGIN = 8  # px of paper around them, which makes 128: a multiple of the network's coarsest stride
SURE = 0.5  # score from which on it is a face
NARROWEST, WIDEST = 0.25, 1.0  # of the picture's side: how wide a face counts, of the longer side of its box
OFF_CENTRE = 0.25  # of the picture's side: how far from the middle, along x and y
DOUBTFUL = 0.02  # lowest score told

SMALL = 32  # px at which halves are compared: coarse, so that lines need not meet
SHIFT = 4  # px at `SMALL`, an eighth of the picture: twice how far the axis may lie from the middle


class FaceSearch:
    """The project's detector, looking at pictures that should each show one face in the middle.

    It sees one picture at a time, on paper. At a score of `SURE` it finds 99 % of the hand-labelled usable faces of
    four manga as `normalize` cuts them, and none in noise; of the same faces blurred by 2, 4 and 8 px 97, 44 and 0 %;
    of those whose lower half lies above the upper none (`python -m benchmarks.validate_metrics`). So it tells whether
    the parts of a face are there and in place. It does not tell whether they are well drawn: the mean of all faces is
    a face to it. It was trained on these manga, and it chose the faces that the generator learned from: read the
    share beside that of hold-out faces.
    """

    def __init__(self) -> None:
        """Loads the weights that are part of the package.

        Raises:
            UserError: they are missing or damaged.
        """
        self.network = load_face_network(WEIGHTS)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The score of the surest face in the middle of each image, 0 to 1; 0 where there is none.

        Args:
            images: uint8 (N, C, S, S), colour counts as gray.

        Returns:
            float32 (N,).
        """
        return extract(self.scores, 1, images)[:, 0]

    def scores(self, images: Tensor) -> Tensor:
        """Scores of images, uint8 (N, C, S, S): (N, 1)."""
        ink = torch.zeros((len(images), 1, 2 * MULTIPLE, 2 * MULTIPLE))
        ink[:, :, MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE] = 1 - resized(gray(images.float()), SIDE) / 255
        best = [central(decode(output[None], DOUBTFUL)) for output in self.network(ink)]
        return torch.tensor(best)[:, None]


def central(faces: np.ndarray) -> float:
    """The best score of the faces (see `boxes.decode`) that fill the middle of the picture; 0 for none."""
    centres = faces[:, :2] + faces[:, 2:4] / 2
    off = np.abs(centres - MARGIN - SIDE / 2).max(axis=1)
    widths = faces[:, 2:4].max(axis=1)
    fits = (off <= OFF_CENTRE * SIDE) & (widths >= NARROWEST * SIDE) & (widths <= WIDEST * SIDE)
    return float(faces[fits, 4].max(initial=0))


def face_share(images: np.ndarray, search: FaceSearch) -> float:
    """The share of images, uint8 (N, C, S, S), N at least 1, in which the detector finds a face: 0 to 1."""
    return float((search(images) >= SURE).mean())


def mirror_symmetry(images: np.ndarray) -> np.ndarray:
    """The correlation of each image with its mirror image, after the shift to either side that suits it best.

    A face from the front is near 1, one from the side lower, and so is a face whose eyes do not match. It is a figure
    for sets only, beside that of hold-out faces, and no mark of quality: real faces are turned, parted hair and tones
    are on one side, and a smear or a blank wall is more symmetric than any drawing. Samples far from the hold-out's
    mean on either side are drawn otherwise than real faces; which is better it does not say.

    Args:
        images: uint8 (N, C, S, S); compared in gray at 32 px.

    Returns:
        float64 (N,), -1 to 1; 0 for a blank image.
    """
    small = [cv2.resize(face, (SMALL, SMALL), interpolation=cv2.INTER_AREA) for face in to_gray(images)]
    return np.array([best_correlation(face) for face in small], np.float64)


def best_correlation(face: np.ndarray) -> float:
    """The highest correlation of a face (S, S) with its mirror image over horizontal shifts of up to `SHIFT` px."""
    mirrored = face[:, ::-1]
    found = []
    for shift in range(-SHIFT, SHIFT + 1):
        # Each pair of columns that meet lies within both; at shift s the axis is s/2 px from the middle.
        right, left = max(shift, 0), max(-shift, 0)
        found.append(correlation(face[:, right : SMALL - left], mirrored[:, left : SMALL - right]))
    return max(found)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of two arrays; 0 where one is constant."""
    a, b = (values.astype(np.float64) - values.mean(dtype=np.float64) for values in (first, second))
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / norm) if norm > 1e-6 else 0.0
