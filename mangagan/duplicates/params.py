"""Settings of the search for near-duplicates."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PairParams:
    """Settings of the search.

    Attributes:
        min_similarity: Minimum similarity of near-duplicates [0, 1].

    Raises:
        ValueError: A value is out of range.
    """

    min_similarity: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.min_similarity <= 1:
            raise ValueError("min_similarity must be from 0 to 1")


DEFAULT = PairParams()
