"""The knobs of evaluation: the `evaluate` section of params.yaml."""

from dataclasses import dataclass, field

from mangagan.features.registry import ExtractorParams


@dataclass(frozen=True)
class EvaluateParams:
    """How many samples are measured, and how closely.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    # Samples
    samples: int = 1200  # generated faces that are measured; fewer give noisier figures, more cost time only
    seed: int = 0  # of the latents and of every draw below; train.seed shows the faces of the timeline again
    # Figures
    extractors: ExtractorParams = field(default_factory=ExtractorParams)  # what the figures on features are taken on
    repeats: int = 10  # subsamples a figure is the mean of; their spread is printed beside it
    face_samples: int = 400  # samples that the detector looks at, and as many hold-out faces
    swd_patches: int = 32  # 7×7 px patches per image and pyramid level; the paper takes 128, of 16,384 images
    swd_directions: int = 128  # lines that the patches are projected on, in each repeat; the paper's
    diversity_pairs: int = 250  # pairs of images compared in each repeat
    # Pictures
    grid_columns: int = 8  # columns and rows of the sample grids
    neighbors: int = 4  # nearest training faces shown beside a sample
    interpolations: int = 6  # strips, each a walk from one sample to another

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ValueError("seed must be in 0 … 2⁶³-1")
        for name, least, most in (
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
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be in {least} … {most}")
