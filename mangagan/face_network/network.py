"""The network: a residual encoder, a feature pyramid that is merged into one map of stride 8, and one head.

For each cell of 8x8 px, the network predicts three things: a heat map of face centres, as in CenterNet (Zhou et al.
2019, https://arxiv.org/abs/1904.07850); the distances from the cell to the four sides of the face, as in FCOS (Tian et
al. 2019, https://arxiv.org/abs/1904.01355); and whether both eyes are visible. One map is enough for faces of 12 to
400 px: the feature pyramid (FPN, Lin et al. 2017, https://arxiv.org/abs/1612.03144) adds the features of strides 16,
32 and 64 to it.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

STRIDE = 8  # px of the input for each cell of the output
MAX_STRIDE = 64  # px, of the coarsest features; both sides of an input are padded to a multiple of it
OUTPUTS = 6  # channels: heat logit, log distances to left, top, right and bottom, usable logit
STEM, WIDTHS, BLOCKS = (16, 32), (64, 96, 128, 128), (1, 2, 2, 1)  # channels and residual blocks at each stride
PYRAMID_CHANNELS = 64  # of the feature pyramid and the head
EPSILON = 1e-5  # of batch normalization
INITIAL_HEAT_LOGIT = -4.0  # low, because few cells contain a face (focal loss, Lin et al. 2017)


class Convolution(nn.Sequential):
    """A convolution, batch normalization and a ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, size: int = 3, folded: bool = False) -> None:
        """Create the layers. If `folded`, the convolution has a bias and there is no batch normalization."""
        convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=folded)
        norm = nn.Identity() if folded else nn.BatchNorm2d(outputs, EPSILON)
        super().__init__(convolution, norm, nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two convolutions with a shortcut connection (He et al. 2016)."""

    def __init__(self, channels: int, folded: bool) -> None:
        super().__init__()
        self.first = Convolution(channels, channels, folded=folded)
        self.second = Convolution(channels, channels, folded=folded)
        self.second[2] = nn.Identity()  # the ReLU follows the addition

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return torch.relu(features + self.second(self.first(features)))


class FaceNet(nn.Module):
    """The network of the detector `mangaface`."""

    def __init__(self, folded: bool = False) -> None:
        """Create the layers.

        Args:
            folded: True if batch normalization is folded into the convolutions, as in the weights of the package.
        """
        super().__init__()
        first, second = STEM
        self.stem = nn.Sequential(Convolution(1, first, 2, folded=folded), Convolution(first, second, 2, folded=folded))
        self.stages = nn.ModuleList()
        inputs = second
        for width, blocks in zip(WIDTHS, BLOCKS, strict=True):
            residuals = [Residual(width, folded) for _ in range(blocks)]
            self.stages.append(nn.Sequential(Convolution(inputs, width, 2, folded=folded), *residuals))
            inputs = width
        self.lateral = nn.ModuleList(Convolution(width, PYRAMID_CHANNELS, size=1, folded=folded) for width in WIDTHS)
        self.smooth = nn.ModuleList(Convolution(PYRAMID_CHANNELS, PYRAMID_CHANNELS, folded=folded) for _ in WIDTHS[:-1])
        self.head = Convolution(PYRAMID_CHANNELS, PYRAMID_CHANNELS, folded=folded)
        self.output = nn.Conv2d(PYRAMID_CHANNELS, OUTPUTS, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        self.output.bias = nn.Parameter(torch.tensor([INITIAL_HEAT_LOGIT, 1.0, 1.0, 1.0, 1.0, 0.0]))

    def forward(self, ink: Tensor) -> Tensor:
        """Return the output map of images.

        Args:
            ink: float32 (N, 1, H, W), 0 is white and 1 is black. H and W are multiples of `MAX_STRIDE`.

        Returns:
            float32 (N, OUTPUTS, H / STRIDE, W / STRIDE).
        """
        features = self.stem(ink)
        levels = []
        for stage, lateral in zip(self.stages, self.lateral, strict=True):
            features = stage(features)
            levels.append(lateral(features))
        merged = levels.pop()
        for level, smooth in zip(reversed(levels), reversed(self.smooth), strict=True):
            merged = smooth(level + interpolate(merged, scale_factor=2.0, mode="nearest"))
        return self.output(self.head(merged))


def fold_batch_norm(network: FaceNet) -> FaceNet:
    """Return an equivalent network in evaluation mode, with batch normalization folded into the convolutions."""
    weights = network.state_dict()
    for name, module in network.named_modules():
        if isinstance(module, Convolution):
            norm = {key: weights.pop(f"{name}.1.{key}") for key in module[1].state_dict()}
            scale = norm["weight"] / torch.sqrt(norm["running_var"] + EPSILON)
            weights[f"{name}.0.weight"] = weights[f"{name}.0.weight"] * scale[:, None, None, None]
            weights[f"{name}.0.bias"] = norm["bias"] - norm["running_mean"] * scale
    folded = FaceNet(folded=True)
    folded.load_state_dict(weights)
    return folded.eval()
