"""The number format of the networks."""

import torch
from torch import Tensor

from mangagan.gan.config import Settings


def use_precision(tensor: Tensor, settings: Settings) -> torch.autocast:
    """Return a context with the precision of the networks; losses, penalties and weights stay float32."""
    return torch.autocast(tensor.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")
