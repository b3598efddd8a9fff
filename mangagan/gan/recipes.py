"""The table of recipes: what `recipe: classic` and `recipe: modern` set, and the sizes that a preset sets."""

from dataclasses import dataclass
from typing import Literal

from mangagan.networks.dcgan import Kernel, Latent, NormD, NormG

Flip = Literal["none", "random", "alternate"]
Loss = Literal["nonsaturating", "relativistic"]

AUGMENTATIONS = ("color", "translation", "cutout")  # in the order in which they are applied


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One row of the table: every setting that decides how well a network learns from so many images seen.

    Attributes:
        flip: none; random: every image mirrored with probability ½; alternate: one half of the faces mirrored in even
            epochs, the other half in odd ones (Jordan 2024, arXiv 2404.00498).
        augment: `none`, or names of `AUGMENTATIONS` joined by +: DiffAugment (Zhao et al. 2020, arXiv 2006.10738).
        augment_p: probability of each augmentation for each image; where the adaptive strength starts.
        augment_target: share of real images that D should call real, less that it should not; the strength grows above
            it, to 0.8 at most, and shrinks below (ADA: Karras et al. 2020, arXiv 2006.06676, r_t). 0: it is fixed.
        augment_kimg: thousand images in which the adaptive strength moves by 1.
        z_dim: length of a latent.
        latent: its distribution, uniform in [-1, 1] or N(0, 1).
        kernel: of the (transposed) convolutions: 4 or 5 px, or 3 smeared over 2 (see `networks.Smeared`).
        skips: every level of G adds its share to the image (StyleGAN2).
        norm_g: the generator's normalization.
        norm_d: the discriminator's.
        minibatch_stddev: D sees how much groups of four images differ (ProGAN: Karras et al. 2018, arXiv 1710.10196).
        loss: nonsaturating: Goodfellow et al. 2014; relativistic: pairs (Jolicoeur-Martineau 2018, arXiv 1807.00734;
            R3GAN: Huang et al. 2024, arXiv 2501.05441).
        r1: γ of the gradient penalty at real images, augmented as D sees them (Mescheder et al. 2018, arXiv
            1801.04406). 0: none.
        r2: γ of the gradient penalty at generated images. 0: none.
        penalty_every: steps from one penalty to the next; its weight grows as much (StyleGAN2's lazy regularization).
        batch_size: images a step.
        learning_rate_g: Adam's, of G.
        learning_rate_d: Adam's, of D.
        decay_kimg: thousand images from which on both learning rates fall, as 1/√images. 0: they stay.
        beta1: Adam's momentum.
        beta2: Adam's decay of the squared gradients.
        generator_steps: updates of G for each of D.
        ema_kimg: half-life of the averaged generator, in thousand images. 0: none, G itself is delivered.
        ema_ramp: the half-life is at most this share of the images seen.
    """

    flip: Flip
    augment: str
    augment_p: float
    augment_target: float
    augment_kimg: float
    z_dim: int
    latent: Latent
    kernel: Kernel
    skips: bool
    norm_g: NormG
    norm_d: NormD
    minibatch_stddev: bool
    loss: Loss
    r1: float
    r2: float
    penalty_every: int
    batch_size: int
    learning_rate_g: float
    learning_rate_d: float
    decay_kimg: float
    beta1: float
    beta2: float
    generator_steps: int
    ema_kimg: float
    ema_ramp: float


RECIPES = {
    # The DCGAN of Radford, Metz and Chintala (2016, arXiv 1511.06434), as DCGAN-tensorflow and pytorch/examples have
    # made it known. Two things are not DCGAN-tensorflow's: its kernel is 5 (4 is that of pytorch/examples, and of both
    # recipes here, so that they are compared on one network), and it updates G twice for each update of D (here once,
    # as in the paper). One of ours can only help it: the faces are shuffled anew in every epoch.
    "classic": Recipe(
        flip="none",
        augment="none",
        augment_p=0.0,
        augment_target=0.0,
        augment_kimg=100.0,
        z_dim=100,
        latent="uniform",
        kernel=4,
        skips=False,
        norm_g="batch",
        norm_d="batch",
        minibatch_stddev=False,
        loss="nonsaturating",
        r1=0.0,
        r2=0.0,
        penalty_every=16,
        batch_size=64,
        learning_rate_g=2e-4,
        learning_rate_d=2e-4,
        decay_kimg=0.0,
        beta1=0.5,
        beta2=0.999,
        generator_steps=1,
        ema_kimg=0.0,
        ema_ramp=0.05,
    ),
    # The same network without BatchNorm in D, and what research on few images has found since; docs/training.md has
    # what each setting is worth on faces.
    "modern": Recipe(
        flip="alternate",
        augment="translation+cutout+color",
        augment_p=0.0,
        augment_target=0.6,
        augment_kimg=100.0,
        z_dim=64,
        latent="normal",
        kernel="smeared",
        skips=True,
        norm_g="batch",
        norm_d="none",
        minibatch_stddev=True,
        loss="relativistic",
        r1=4.0,
        r2=0.0,
        penalty_every=8,
        batch_size=8,
        learning_rate_g=1e-3,
        learning_rate_d=1e-3,
        decay_kimg=30.0,
        beta1=0.0,
        beta2=0.99,
        generator_steps=1,
        ema_kimg=5.0,
        ema_ramp=0.05,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Size:
    """How wide the networks are and how long they train: what a machine has time for.

    Attributes:
        base_channels: width; 64 gives 512-256-128-64 feature maps, the paper's.
        kimg: thousand images shown, counting repeats.
    """

    base_channels: int
    kimg: float


SIZES = {
    "full": Size(base_channels=64, kimg=1000.0),  # for a GPU; a CPU takes 0.1 s an image
    "half": Size(base_channels=32, kimg=100.0),  # a quarter of the work, for a CPU
    "small": Size(base_channels=16, kimg=30.0),  # a look at whether the faces are any good
}

# Images that keep the machine busy: a recipe's batch is raised to so many. A GPU takes as long for 8 as for 32.
LEAST_BATCH = {"full": 32, "half": 2, "small": 2}
