"""Features from the encoder of the project's own face detector, a network trained on manga pages.

It learned where faces and both their eyes are, so its features follow the parts of a drawn face, and its weights come
with the package: see their model card for data and licence. It is of another kind than a classifier of photographs,
and it is not blind to what it was trained on: it tells little of hair, clothes and background.
"""

import numpy as np
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from mangagan.core.files import sha256_file
from mangagan.face_network.network import MULTIPLE, WIDTHS
from mangagan.face_network.weights import WEIGHTS, load_face_network
from mangagan.features.batches import extract, gray, resized, scaled
from mangagan.features.types import fingerprint

VERSION = 1  # of the code below: raise it when the features change
SIDE = 2 * MULTIPLE  # px; the network's coarsest cell is half of it
GRIDS = (2, 1, 1)  # cells a side that each of the encoder's first stages is averaged over
# Centre and deviation of each block over the drawn faces of the sample manga: blocks weigh alike, whatever the data.
SCALES = ((0.675, 0.169), (0.899, 0.176), (0.991, 0.485))


class MangaFaceEncoder:
    """Averages of the encoder's activations at strides 8, 16 and 32, the finest for each quarter of the picture."""

    name = "mangaface"
    dimensions = sum(width * grid**2 for width, grid in zip(WIDTHS, GRIDS, strict=False))

    def __init__(self) -> None:
        """Loads the weights that are part of the package.

        Raises:
            UserError: they are missing or damaged.
        """
        self.network = load_face_network(WEIGHTS)
        self.sha256 = fingerprint(self.name, VERSION, SIDE, GRIDS, SCALES, sha256_file(WEIGHTS))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features as `Extractor.__call__` says; colour counts as gray, as in the detector."""
        return extract(lambda batch: scaled(self.blocks(batch), SCALES), self.dimensions, images)

    def blocks(self, images: Tensor) -> list[Tensor]:
        """Features of images, uint8 (N, C, S, S), before scaling: (N, D_i) for each stage.

        Activations are 0 or above, most of them near 0 and few large: the square root evens them out.
        """
        activations = self.network.stem(1 - resized(gray(images.float()), SIDE) / 255)
        blocks = []
        for stage, grid in zip(self.network.stages, GRIDS, strict=False):
            activations = stage(activations)
            blocks.append(adaptive_avg_pool2d(activations, grid).flatten(1).sqrt())
        return blocks
