"""The configuration of training: the section `train` of params.yaml, and the settings that follow from it."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from mangagan.gan.recipes import AUGMENTATIONS, MIN_BATCH_SIZE, RECIPES, SIZES, Flip, Loss, Recipe, Size
from mangagan.networks.dcgan import Latent
from mangagan.networks.layers import Kernel, NormD, NormG

Preset = Literal["auto", "full", "half", "small"]
# A checkpoint at full width takes half a second to write; a GPU trains on thousands of images in that time.
CHECKPOINT_KIMG = {"cpu": 5.0, "cuda": 50.0}
MEASURE_KIMG = {"cpu": 20.0, "cuda": 50.0}  # a measurement takes seconds on the CPU


@dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """Settings with fixed defaults. 1 kimg = 1,000 images shown, repeats included."""

    recipe: Literal["classic", "modern"] = "modern"  # row of the table in recipes.py
    # Schedule
    log_kimg: float = 1.0  # interval of the rows of the curves [kimg]; each row synchronizes with the device
    snapshot_kimg: int = 20  # interval of the sample grids [kimg]
    start: str = "none"  # none: random weights; else the file of networks of a finished run
    start_sha256: str = ""  # SHA-256 of that file, hex
    select: Literal["best", "last"] = "best"  # weights to deliver; best: the best measured ones if clearly better
    patience: float = 0.0  # end if the kernel distance has no new minimum for this long [kimg]; 0: never
    on_alarm: Literal["warn", "stop", "rollback"] = "warn"  # stop: end; rollback: end with the best measured weights
    # Data
    channels: Literal["auto", "gray", "rgb"] = "auto"  # auto: gray if at least 98 % of the faces are gray, else RGB
    memory_mb: int = 4000  # faces that need more, uncompressed, are read from a file [10^6 bytes]
    # Machine
    accumulate: int = 1  # parts in which a batch is computed; more: less memory
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # of the networks; auto: bfloat16 where it is faster
    compile: bool = False  # torch.compile: faster steps on a GPU after a minute or more of compilation
    seed: int = 0  # determines the result on a CPU, together with the number of threads
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: the GPU if there is one
    threads: int = 0  # CPU threads; 0: half of the cores


@dataclass(frozen=True, kw_only=True)
class TrainConfig(CommonSettings):
    """The section `train` of params.yaml. None: the value of the preset, the machine or the recipe; see `Recipe`.

    Raises:
        ValueError: A value is out of range; the message names it.
    """

    preset: Preset = "auto"  # row of SIZES; auto: full on a GPU, half on a CPU
    # From the preset
    kimg: float | None = None
    base_channels: int | None = None
    # From the machine
    checkpoint_kimg: float | None = None
    measure_kimg: float | None = None
    # From the recipe
    flip: Flip | None = None
    augment: str | None = None
    augment_p: float | None = None
    augment_target: float | None = None
    augment_kimg: float | None = None
    z_dim: int | None = None
    latent: Latent | None = None
    kernel: Kernel | None = None
    skips: bool | None = None
    norm_g: NormG | None = None
    norm_d: NormD | None = None
    minibatch_stddev: bool | None = None
    loss: Loss | None = None
    r1: float | None = None
    r2: float | None = None
    feature_weight: float | None = None
    feature_r1: float | None = None
    penalty_every: int | None = None
    batch_size: int | None = None
    learning_rate_g: float | None = None
    learning_rate_d: float | None = None
    learning_rate_f: float | None = None
    decay_kimg: float | None = None
    beta1: float | None = None
    beta2: float | None = None
    generator_steps: int | None = None
    ema_kimg: float | None = None
    ema_ramp: float | None = None

    def __post_init__(self) -> None:
        resolve(self)


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings, Recipe, Size):
    """A `TrainConfig` with all values resolved.

    Attributes:
        checkpoint_kimg: Interval of the checkpoints [kimg]: the maximum loss in a crash. A signal saves one at once.
        measure_kimg: Interval at which samples are compared with the hold-out set [kimg].

    Raises:
        ValueError: A value is out of range; the message names it.
    """

    checkpoint_kimg: float
    measure_kimg: float

    def __post_init__(self) -> None:
        for name in ("kimg", "log_kimg", "snapshot_kimg", "measure_kimg", "checkpoint_kimg"):
            require(getattr(self, name) > 0, f"{name} must be above 0")
        for name in ("learning_rate_g", "learning_rate_d", "learning_rate_f", "augment_kimg", "ema_ramp"):
            require(getattr(self, name) > 0, f"{name} must be above 0")
        for name in ("patience", "r1", "r2", "feature_weight", "feature_r1", "ema_kimg", "decay_kimg"):
            require(0 <= getattr(self, name) < float("inf"), f"{name} must be at least 0")
        for name in ("base_channels", "z_dim"):
            require(1 <= getattr(self, name) <= 4096, f"{name} must be in 1 … 4096")
        for name in ("accumulate", "penalty_every", "generator_steps"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        for name in ("beta1", "beta2"):
            require(0 <= getattr(self, name) < 1, f"{name} must be at least 0 and below 1")
        for name in ("augment_p", "augment_target"):
            require(0 <= getattr(self, name) <= 1, f"{name} must be in 0 … 1")
        unknown = sorted(set(self.augmentations) - set(AUGMENTATIONS))
        require(not unknown, f"augment must be none, or some of {', '.join(AUGMENTATIONS)} joined by +")
        visible = not self.augmentations or self.augment_p > 0 or self.augment_target > 0
        require(visible, "augment needs a strength: set augment_target (0.6 adapts it) or augment_p (above 0)")
        require(self.accumulate <= self.batch_size, f"accumulate must be at most batch_size ({self.batch_size})")
        require(self.batch_size >= 2, "batch_size must be at least 2: BatchNorm needs a batch")
        require(0 <= self.seed < 2**63, "seed must be in 0 … 2⁶³-1")
        require(self.memory_mb >= 0, "memory_mb must be at least 0")
        require(self.threads >= 0, "threads must be at least 0")

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The names in `augment`."""
        return () if self.augment == "none" else tuple(self.augment.split("+"))


def resolve(config: TrainConfig, device: str = "cpu") -> Settings:
    """Return the settings: values of the configuration, else of its preset, machine and recipe.

    Args:
        config: Configuration from params.yaml.
        device: `cpu` or `cuda`; decides `preset: auto`, `precision: auto` and the intervals that are None.

    Raises:
        ValueError: A value is out of range.
    """
    preset = {"cpu": "half", "cuda": "full"}[device] if config.preset == "auto" else config.preset
    defaults = {**vars(RECIPES[config.recipe]), **vars(SIZES[preset])}
    defaults |= {"checkpoint_kimg": CHECKPOINT_KIMG[device], "measure_kimg": MEASURE_KIMG[device]}
    defaults["batch_size"] = max(defaults["batch_size"], MIN_BATCH_SIZE[preset])
    chosen: dict[str, Any] = {}
    for field in fields(Settings):
        value = getattr(config, field.name)
        chosen[field.name] = defaults[field.name] if value is None else value
    # Without a start the hash has no meaning; upper and lower case mean the same.
    chosen["start_sha256"] = "" if config.start == "none" else config.start_sha256.lower()
    if config.precision == "auto":
        chosen["precision"] = "bfloat16" if device == "cuda" or has_bfloat16_instructions() else "float32"
    return Settings(**chosen)


def has_bfloat16_instructions() -> bool:
    """Return True if the CPU has bfloat16 instructions: a step takes half the time (measured with AVX-512 BF16)."""
    import torch

    # Without them PyTorch converts from and to float32, which is slower than float32 alone.
    tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(test() for test in tests if test is not None)


def require(condition: bool, message: str) -> None:
    """Raise ValueError with `message` unless the condition holds."""
    if not condition:
        raise ValueError(message)
