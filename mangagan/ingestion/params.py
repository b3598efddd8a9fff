"""Parameters of the stage `ingest`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class IngestParams:
    """The section `ingest` of params.yaml.

    Attributes:
        min_side: Minimum of the shorter side of a page [px].
        max_megapixels: Maximum of width times height [10^6 px].
        max_file_mb: Maximum size of an encoded image [10^6 bytes].
    """

    min_side: int = 200
    max_megapixels: float = 100
    max_file_mb: float = 100

    def __post_init__(self) -> None:
        if self.min_side < 1 or self.max_megapixels <= 0 or self.max_file_mb <= 0:
            raise ValueError("min_side, max_megapixels and max_file_mb must be above 0")
