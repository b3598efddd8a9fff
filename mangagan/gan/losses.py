"""What discriminator and generator minimize, on logits, in float32."""

from torch import Tensor
from torch.nn.functional import softplus

from mangagan.gan.recipes import Loss


def discriminator_loss(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The discriminator's loss, mean over the batch.

    nonsaturating: -log D(x) - log(1 - D(G(z))), 2·log 2 for one that cannot tell (Goodfellow et al. 2014).
    relativistic: -log σ(C(x) - C(G(z))) over pairs, log 2 for one that cannot tell (Jolicoeur-Martineau 2018): each
    fake is compared with a real image, so that a mode without fakes is a loss to G (R3GAN: Huang et al. 2024).
    """
    if loss == "relativistic":
        return softplus(fake_logits - real_logits).mean()
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def generator_loss(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The generator's loss, mean over the batch; its gradient does not vanish when D wins.

    nonsaturating: -log D(G(z)), log 2 when D cannot tell; does not look at `real_logits`.
    relativistic: -log σ(C(G(z)) - C(x)) over pairs.
    """
    if loss == "relativistic":
        return softplus(real_logits - fake_logits).mean()
    return softplus(-fake_logits).mean()


def probabilities(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    """The mean probability of being real of the real and of the generated images, as D sees it.

    A relativistic D knows only differences: there it is the probability of being more real than the other kind's mean.
    """
    if loss == "relativistic":
        real_logits, fake_logits = real_logits - fake_logits.mean(), fake_logits - real_logits.mean()
    return real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()


def realness(loss: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E[sign D(x)], in -1 … 1: how surely D tells the faces that it trains on (ADA's r_t: Karras et al. 2020, eq. 1).

    The sign is that of the logit which the loss judges: for a relativistic D of D(x) - D(G(z)).
    """
    judged = real_logits - fake_logits if loss == "relativistic" else real_logits
    return judged.sign().mean()
