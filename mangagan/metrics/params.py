"""Parameters of the evaluation: the section `evaluate` of params.yaml."""

from dataclasses import dataclass, field

from mangagan.features.registry import ExtractorParams


@dataclass(frozen=True)
class EvaluateParams:
    """Parameters of the stage `evaluate`.

    Raises:
        ValueError: A value is out of range; the message starts with its name.
    """

    # Samples
    samples: int = 1200  # generated faces to measure; fewer give a larger standard deviation
    seed: int = 0  # seed of latents and random choices; the training timeline uses train.seed
    # Metrics
    extractors: ExtractorParams = field(default_factory=ExtractorParams)  # feature extractors
    repeats: int = 10  # subsamples; a metric is their mean, and their standard deviation is printed with it
    face_samples: int = 400  # maximum number of samples, and of hold-out faces, that the detector searches
    swd_patches: int = 32  # patches of 7×7 px for each image and pyramid level; the paper uses 128, of 16,384 images
    swd_directions: int = 128  # projection lines in each repeat, as in the paper
    diversity_pairs: int = 250  # pairs of images in each repeat
    # Pictures
    grid_columns: int = 8  # columns and rows of the sample grids
    neighbors: int = 4  # nearest training faces shown with a sample
    interpolations: int = 6  # strips, each an interpolation between two samples

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ValueError("seed must be in 0 … 2⁶³-1")
        for name, low, high in (
            ("samples", 2, 100_000),
            ("repeats", 2, 1000),
            ("face_samples", 1, 100_000),
            ("swd_patches", 1, 4096),
            ("swd_directions", 1, 4096),
            ("diversity_pairs", 1, 1_000_000),
            ("grid_columns", 1, 32),
            ("neighbors", 1, 16),
            ("interpolations", 1, 32),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in {low} … {high}")
