"""Losses of the discriminator D and the generator G, on logits in float32."""

from torch import Tensor
from torch.nn.functional import softplus

from mangagan.gan.recipes import Loss


def relativistic_logits(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Return the logits of images minus those of the other kind, paired by index (Jolicoeur-Martineau 2018).

    Args:
        logits: Logits (N,) of real images for the loss of D, of generated images for the loss of G.
        other_logits: Logits (N,) of the other kind.
    """
    return logits - other_logits


def discriminator_loss(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the loss of the discriminator, mean over the batch.

    nonsaturating: -log D(x) - log(1 - D(G(z))); 2·log 2 for a D that cannot discriminate (Goodfellow et al. 2014).
    relativistic: -log σ(D(x) - D(G(z))) over pairs; log 2 for a D that cannot discriminate. Each generated image is
    compared with a real one, so that a missing mode costs G (R3GAN: Huang et al. 2024, arXiv 2501.05441).
    """
    if loss == "relativistic":
        return softplus(-relativistic_logits(real_logits, fake_logits)).mean()
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def generator_loss(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the loss of the generator, mean over the batch; its gradient does not vanish if D is always right.

    nonsaturating: -log D(G(z)); does not use `real_logits`.
    relativistic: -log σ(D(G(z)) - D(x)) over pairs.
    """
    if loss == "relativistic":
        return softplus(-relativistic_logits(fake_logits, real_logits)).mean()
    return softplus(-fake_logits).mean()


def mean_probabilities(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return D's mean probability of being real, for real and for generated images.

    The logits of a relativistic D have no absolute level. For it, this is the probability of being more real than the
    mean of the other kind.
    """
    if loss == "relativistic":
        real_logits, fake_logits = real_logits - fake_logits.mean(), fake_logits - real_logits.mean()
    return real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()


def measure_realness(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return E[sign D(x)] [-1, 1], the overfitting heuristic r_t of ADA (Karras et al. 2020, arXiv 2006.06676, eq. 1).

    1: D is right about every real image. The sign is that of the relativistic logit if the loss is relativistic.
    """
    logits = relativistic_logits(real_logits, fake_logits) if loss == "relativistic" else real_logits
    return logits.sign().mean()
