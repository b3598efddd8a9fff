"""Discriminators on the features of a frozen network.

The idea is from Projected GAN (Sauer et al. 2021, arXiv 2111.01007) and from vision-aided GAN training (Kumari et al.
2022, arXiv 2112.09130), which keeps the usual discriminator beside them.

The frozen network is the encoder of the project's face detector. It already represents eyes, mouths and outlines of
drawn faces, so the discriminators need not learn these from about a thousand faces.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from mangagan.face_network.network import WIDTHS, FaceNet

SCALES = 3  # strides 8, 16 and 32 px
HEAD_CHANNELS = 64
FINAL_SIDE = 4  # maximum side of the feature maps after the stride-2 convolutions [px]
LEAKY_SLOPE = 0.2
# Standard deviation of the activations of each scale on the drawn faces of the sample manga. A constant, so that equal
# settings give equal weights on every dataset.
DEVIATIONS = (0.871, 1.5, 2.012)


class FrozenEncoder(nn.Module):
    """Map images (N, 1 or 3, S, S) in [-1, 1] to the activations of the face detector at strides 8, 16 and 32 px.

    Colour is converted to gray by the mean of R, G and B. With the luma weights of the detector's own input, G would
    receive twice the gradient in green as in red, and samples of gray faces would get a tint. Gradients flow to the
    images, but not to the weights.

    Args:
        network: The face detector, from `load_face_network`.
    """

    def __init__(self, network: FaceNet) -> None:
        super().__init__()
        self.stem = network.stem
        self.stages = nn.ModuleList(list(network.stages)[:SCALES])
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps (N, C, S / stride, S / stride) of each scale, with a standard deviation of about 1.

        The sides are rounded up.
        """
        gray = images.mean(dim=1, keepdim=True)
        features = self.stem((1 - gray) / 2)
        scales = []
        for stage, deviation in zip(self.stages, DEVIATIONS, strict=True):
            features = stage(features)
            scales.append(features / deviation)
        return scales


class FeatureDiscriminator(nn.ModuleList):
    """One discriminator for each scale of `FrozenEncoder`.

    Each is a 1x1 convolution, stride-2 convolutions to at most FINAL_SIDE, and a convolution to one logit. All have
    spectral normalization (Miyato et al. 2018, arXiv 1802.05957).

    Args:
        image_size: Height and width of the images [px].
        bias: Add a bias to the logits, see `Discriminator`. The other layers have none for the same reason.
    """

    def __init__(self, image_size: int, bias: bool = True) -> None:
        sides = [-(-image_size // (8 << scale)) for scale in range(SCALES)]
        super().__init__(build_head(width, side, bias) for width, side in zip(WIDTHS, sides, strict=False))
        self.eval()

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Return the logits (N,) of each scale."""
        return [head(maps).flatten() for head, maps in zip(self, features, strict=True)]

    @torch.no_grad()
    def update_spectral_norms(self) -> None:
        """Run one power iteration for each layer.

        Call it once per step. `forward` runs none, as the networks stay in evaluation mode: so the result of a step
        does not depend on the number of parts or processes that share a batch.
        """
        self.train()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                _ = module.weight  # the parametrization iterates when the weight is read
        self.eval()


def build_head(channels: int, side: int, bias: bool) -> nn.Sequential:
    """Return the discriminator of feature maps (N, channels, side, side); its output is (N, 1, 1, 1)."""
    layers: list[nn.Module] = [spectral_norm(nn.Conv2d(channels, HEAD_CHANNELS, 1, bias=False))]
    while side > FINAL_SIDE:
        convolution = nn.Conv2d(HEAD_CHANNELS, HEAD_CHANNELS, 4, 2, 1, bias=False)
        layers += [nn.LeakyReLU(LEAKY_SLOPE), spectral_norm(convolution)]
        side //= 2
    layers += [nn.LeakyReLU(LEAKY_SLOPE), spectral_norm(nn.Conv2d(HEAD_CHANNELS, 1, side, bias=bias))]
    return nn.Sequential(*layers)
