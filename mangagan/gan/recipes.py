"""The recipes and presets: what `train.recipe` and `train.preset` set."""

from dataclasses import dataclass
from typing import Literal

from mangagan.networks.dcgan import Latent
from mangagan.networks.layers import Kernel, NormD, NormG

Flip = Literal["none", "random", "alternate"]
Loss = Literal["nonsaturating", "relativistic"]

AUGMENTATIONS = ("color", "translation", "cutout")  # in the order in which they are applied


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One row of the table: all settings that decide how well a network learns from a number of images.

    Attributes:
        flip: none; random: mirror each image with probability ½; alternate: mirror one half of the faces in even epochs
            and the other half in odd epochs (Jordan 2024, arXiv 2404.00498).
        augment: `none`, or names of `AUGMENTATIONS` joined by +: DiffAugment (Zhao et al. 2020, arXiv 2006.10738).
        augment_p: Probability of each augmentation for each image [0, 1]; initial value if it adapts.
        augment_target: Target of the realness r_t of ADA [0, 1] (Karras et al. 2020, arXiv 2006.06676): the probability
            increases above it, to at most 0.8, and decreases below. 0: the probability is constant.
        augment_kimg: Images in which the adaptive probability changes by 1 [kimg].
        z_dim: Length of a latent.
        latent: Distribution of the latents: uniform in [-1, 1], or N(0, 1).
        kernel: Kernel of the (transposed) convolutions: 4 or 5 px, or `smeared` (see `networks.layers.SmearedConv2d`).
        skips: Whether every level of G adds to the image (StyleGAN2).
        norm_g: Normalization in G.
        norm_d: Normalization in D.
        minibatch_stddev: Whether D sees the standard deviation of groups of images (ProGAN: Karras et al. 2018, arXiv
            1710.10196).
        loss: nonsaturating: Goodfellow et al. 2014; relativistic: over pairs (Jolicoeur-Martineau 2018, arXiv
            1807.00734; R3GAN: Huang et al. 2024, arXiv 2501.05441).
        r1: Weight γ of the gradient penalty at real images, augmented as D sees them (Mescheder et al. 2018, arXiv
            1801.04406). 0: no penalty.
        r2: Weight γ of the gradient penalty at generated images. 0: no penalty.
        feature_weight: Weight, in the loss of G, of each discriminator on the features of the frozen face detector, see
            `networks.feature_discriminator`. 0: there are none.
        feature_r1: Weight γ of the gradient penalty of these discriminators at the features of real images.
        penalty_every: Steps from one penalty to the next; its weight is multiplied by this (lazy regularization of
            StyleGAN2).
        batch_size: Images per step.
        learning_rate_g: Learning rate of Adam for G.
        learning_rate_d: Learning rate of Adam for D.
        learning_rate_f: Learning rate of Adam for the discriminators on features.
        decay_kimg: Images after which the learning rates decrease as 1/√images [kimg]. 0: they are constant.
        beta1: Adam's decay rate of the mean gradient.
        beta2: Adam's decay rate of the squared gradient.
        generator_steps: Updates of G for each update of D.
        ema_kimg: Half-life of the moving average of G [kimg]. 0: no average, G itself is delivered.
        ema_ramp: Maximum half-life as a share of the images shown.
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
    feature_weight: float
    feature_r1: float
    penalty_every: int
    batch_size: int
    learning_rate_g: float
    learning_rate_d: float
    learning_rate_f: float
    decay_kimg: float
    beta1: float
    beta2: float
    generator_steps: int
    ema_kimg: float
    ema_ramp: float


RECIPES = {
    # The DCGAN of Radford, Metz and Chintala (2016, arXiv 1511.06434), as in DCGAN-tensorflow and pytorch/examples.
    # Differences from DCGAN-tensorflow: the kernel is 4 as in pytorch/examples, not 5; G is updated once for each
    # update of D as in the paper, not twice; the faces are shuffled in every epoch, which can only help.
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
        feature_weight=0.0,
        feature_r1=0.05,
        penalty_every=16,
        batch_size=64,
        learning_rate_g=2e-4,
        learning_rate_d=2e-4,
        learning_rate_f=5e-4,
        decay_kimg=0.0,
        beta1=0.5,
        beta2=0.999,
        generator_steps=1,
        ema_kimg=0.0,
        ema_ramp=0.05,
    ),
    # The same network without BatchNorm in D, with later methods for small datasets; docs/training.md has an ablation.
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
        feature_weight=0.3,
        feature_r1=0.05,
        penalty_every=8,
        batch_size=8,
        learning_rate_g=1e-3,
        learning_rate_d=1e-3,
        learning_rate_f=5e-4,
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
    """The size of the networks and of the training.

    Attributes:
        base_channels: Width; 64 gives 512-256-128-64 feature maps, as in the paper.
        kimg: Images shown, repeats included [kimg].
    """

    base_channels: int
    kimg: float


SIZES = {
    "full": Size(base_channels=64, kimg=1000.0),  # for a GPU; a CPU takes 0.1 s per image
    "half": Size(base_channels=32, kimg=100.0),  # for a CPU; a quarter of the computation
    "small": Size(base_channels=16, kimg=30.0),  # for a first look at the dataset
}

# Minimum of a recipe's batch size: larger networks run on a GPU, which takes as long for 8 images as for 32.
MIN_BATCH_SIZE = {"full": 32, "half": 2, "small": 2}
