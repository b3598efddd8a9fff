"""Features from the encoder of the project's own face detector, a network trained on manga pages.

The detector was trained to find faces and visible eyes, so the features describe the parts of a drawn face. They say
little about hair, clothes and background. The weights come with the package; their data and licence are in the model
card.
"""

import numpy as np
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from mangagan.face_network.network import MAX_STRIDE, WIDTHS
from mangagan.face_network.weights import WEIGHTS, load_face_network
from mangagan.features.batches import concatenate_blocks, convert_to_gray, extract_in_batches, resize_images
from mangagan.features.types import fingerprint

SIDE = 2 * MAX_STRIDE  # [px]; twice the coarsest stride of the network
GRIDS = (2, 1, 1)  # the first stages of the encoder are averaged over grid × grid cells
# Mean and deviation of each block on the drawn faces of the sample manga. They give the blocks equal weight and do not
# depend on the user's data.
SCALES = ((0.675, 0.169), (0.899, 0.176), (0.991, 0.485))


class MangaFaceEncoder:
    """The extractor `mangaface`: means of activations at strides 8, 16 and 32, the finest by quarter of the image."""

    name = "mangaface"
    dimensions = sum(width * grid**2 for width, grid in zip(WIDTHS, GRIDS, strict=False))

    def __init__(self) -> None:
        """Load the weights that are part of the package.

        Raises:
            UserError: The weights are missing or damaged.
        """
        self.network = load_face_network(WEIGHTS)
        self.sha256 = fingerprint(self.name, __name__)  # the weights are a data file of the code

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images, see `Extractor`; colour is converted to gray, as in the detector."""

        def compute(batch: Tensor) -> Tensor:
            return concatenate_blocks(self.compute_blocks(batch), SCALES)

        return extract_in_batches(compute, self.dimensions, images)

    def compute_blocks(self, images: Tensor) -> list[Tensor]:
        """Return the features of images, uint8 (N, C, S, S), before normalisation: (N, D_i) for each stage.

        Activations are 0 or above, most are near 0 and few are large. The square root reduces the difference.
        """
        activations = self.network.stem(1 - resize_images(convert_to_gray(images.float()), SIDE) / 255)
        blocks = []
        for stage, grid in zip(self.network.stages, GRIDS, strict=False):
            activations = stage(activations)
            blocks.append(adaptive_avg_pool2d(activations, grid).flatten(1).sqrt())
        return blocks
