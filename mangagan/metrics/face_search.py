"""Search for one face in the middle of an image, with the face network of the detector."""

import numpy as np
import torch
from torch import Tensor

from mangagan.face_network.boxes import decode_boxes
from mangagan.face_network.network import MAX_STRIDE
from mangagan.face_network.weights import WEIGHTS, load_face_network
from mangagan.features.batches import convert_to_gray, extract_in_batches, resize_images

SIDE = 112  # size to which images are resized [px]
MARGIN = 8  # white border around an image [px]; gives 128 px, a multiple of the coarsest stride of the network
SCORE_THRESHOLD = 0.5  # minimum score of a face
MIN_WIDTH, MAX_WIDTH = 0.25, 1.0  # accepted longer side of a box, share of the side of the image
MAX_OFFSET = 0.25  # accepted distance of a box from the middle along x and y, share of the side
DECODE_THRESHOLD = 0.02  # minimum score of decoded boxes


class FaceSearch:
    """The project's detector on images that should each show one face in the middle.

    Each image is searched by itself, on a white page. At `SCORE_THRESHOLD` it finds 99 % of the hand-labelled usable
    faces of four manga as `normalize` crops them, and none in noise. Of the same faces blurred by 2, 4 and 8 px it
    finds 97, 44 and 0 %, and none if the lower half is above the upper half (`python -m benchmarks.validate_metrics`).
    So it shows whether the parts of a face are present and in place, not whether they are drawn well: the mean of all
    faces counts as a face. It was trained on these manga, and it selected the training faces of the generator.
    So compare the share with that of hold-out faces.
    """

    def __init__(self) -> None:
        """Load the weights that are part of the package.

        Raises:
            UserError: The weights are missing or damaged.
        """
        self.network = load_face_network(WEIGHTS)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the highest score of a face in the middle of each image [0, 1]; 0 without a face.

        Args:
            images: uint8 (N, C, S, S); colour is converted to gray.

        Returns:
            float32 (N,).
        """
        return extract_in_batches(self.score, 1, images)[:, 0]

    def score(self, images: Tensor) -> Tensor:
        """Return the scores of images, uint8 (N, C, S, S): (N, 1)."""
        ink = torch.zeros((len(images), 1, 2 * MAX_STRIDE, 2 * MAX_STRIDE))
        ink[:, :, MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE] = (
            1 - resize_images(convert_to_gray(images.float()), SIDE) / 255
        )
        best = [find_best_central_score(decode_boxes(output[None], DECODE_THRESHOLD)) for output in self.network(ink)]
        return torch.tensor(best)[:, None]


def find_best_central_score(faces: np.ndarray) -> float:
    """Return the highest score of the faces (see `decode_boxes`) in the middle of the image; 0 without a face."""
    centres = faces[:, :2] + faces[:, 2:4] / 2
    offsets = np.abs(centres - MARGIN - SIDE / 2).max(axis=1)
    widths = faces[:, 2:4].max(axis=1)
    central = (offsets <= MAX_OFFSET * SIDE) & (widths >= MIN_WIDTH * SIDE) & (widths <= MAX_WIDTH * SIDE)
    return float(faces[central, 4].max(initial=0))


def find_faces(images: np.ndarray, search: FaceSearch) -> np.ndarray:
    """Return for each image, uint8 (N, C, S, S), whether the detector finds a face: bool (N,)."""
    return search(images) >= SCORE_THRESHOLD
