"""The network: a small residual encoder, a feature pyramid merged down to one map of stride 8, and one head.

Every 8x8 px cell answers three questions: is the middle of a face here (a heat map, as in CenterNet, Zhou et al. 2019,
https://arxiv.org/abs/1904.07850), how far is it from here to the four sides of that face (as in FCOS, Tian et al. 2019,
https://arxiv.org/abs/1904.01355), and are both eyes in sight. One stride is enough for faces of 12 to 400 px because
the map also sees what strides 16, 32 and 64 found (FPN, Lin et al. 2017, https://arxiv.org/abs/1612.03144).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

STRIDE = 8  # px of the input that a cell of the output stands for
MULTIPLE = 64  # px, the coarsest stride: inputs are padded to a multiple of it
OUTPUTS = 6  # channels: heat, log distances to left, top, right and bottom, usable
STEM, WIDTHS, BLOCKS = (16, 32), (64, 96, 128, 128), (1, 2, 2, 1)  # channels, and residual blocks, a stride
MERGED = 64  # channels of the merged map
EPSILON = 1e-5  # added to the variance that batch normalization divides by
RARE = -4.0  # logit of the heat map before training: few cells hold a face (focal loss, Lin et al. 2017)


class Convolution(nn.Sequential):
    """A 3x3 convolution, batch normalization while in training, and a ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, size: int = 3, folded: bool = False) -> None:
        """Makes the layers; `folded` ones have a bias in place of the normalization."""
        convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=folded)
        norm = nn.Identity() if folded else nn.BatchNorm2d(outputs, EPSILON)
        super().__init__(convolution, norm, nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, channels: int, folded: bool) -> None:
        super().__init__()
        self.first = Convolution(channels, channels, folded=folded)
        self.second = Convolution(channels, channels, folded=folded)
        self.second[2] = nn.Identity()  # the ReLU comes after the sum

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return torch.relu(features + self.second(self.first(features)))


class FaceNet(nn.Module):
    """The detector's network."""

    def __init__(self, folded: bool = False) -> None:
        """Makes the layers.

        Args:
            folded: whether batch normalization is already part of the convolutions, as in the shipped weights.
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
        self.lateral = nn.ModuleList(Convolution(width, MERGED, size=1, folded=folded) for width in WIDTHS)
        self.smooth = nn.ModuleList(Convolution(MERGED, MERGED, folded=folded) for _ in WIDTHS[:-1])
        self.head = Convolution(MERGED, MERGED, folded=folded)
        self.output = nn.Conv2d(MERGED, OUTPUTS, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        self.output.bias = nn.Parameter(torch.tensor([RARE, 1.0, 1.0, 1.0, 1.0, 0.0]))

    def forward(self, ink: Tensor) -> Tensor:
        """Looks at pages.

        Args:
            ink: float32 (N, 1, H, W), 0 for white to 1 for black; H and W multiples of `MULTIPLE`.

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


def fold(network: FaceNet) -> FaceNet:
    """The same function without batch normalization: its scale and shift, by the running statistics, are folded in."""
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
