"""Parameters of the stage `ingest`."""

from dataclasses import dataclass
from pathlib import Path

from mangagan.core.catalog import SCREENSHOTS
from mangagan.readers.base import Limits

SPREAD_MODES = ("auto", "always", "never")
DIRECTIONS = ("right-to-left", "left-to-right")


@dataclass(frozen=True)
class IngestParams:
    """The section `ingest` of params.yaml.

    Attributes:
        screenshots: Folder of the user's files, relative to the workspace or absolute.
        trim_bars: True: remove the bars and borders of phones and reader apps from screenshots.
        spreads: Splitting of two-page spreads: auto (if a gutter is found), always (every landscape image) or
            never.
        reading_direction: right-to-left or left-to-right: order of the two pages of a spread.
        cut_strips: True: cut webtoon strips into pages, and join their slices.
        merge_retakes: True: keep one of several screenshots of the same page.
        min_side: Minimum of the shorter side of a page [px].
        max_megapixels: Maximum of width times height of a page [10^6 px].
        max_strip_megapixels: The same for a strip, an image that is over 4 times as tall as wide.
        max_file_mb: Maximum size of an encoded image [10^6 bytes].
        max_container_gb: Maximum total size of the files in a container, unpacked [10^9 bytes].
        max_members: Maximum number of files in a container.
        max_ratio: Maximum ratio of unpacked to packed size of a file in a container.
    """

    screenshots: str = SCREENSHOTS.as_posix()
    trim_bars: bool = True
    spreads: str = "auto"
    reading_direction: str = "right-to-left"
    cut_strips: bool = True
    merge_retakes: bool = True
    min_side: int = 200
    max_megapixels: float = 100
    max_strip_megapixels: float = 150
    max_file_mb: float = 100
    max_container_gb: float = 20
    max_members: int = 20_000
    max_ratio: float = 1000

    def __post_init__(self) -> None:
        if self.spreads not in SPREAD_MODES:
            raise ValueError(f"spreads must be auto, always or never, not {self.spreads}")
        if self.reading_direction not in DIRECTIONS:
            raise ValueError(f"reading_direction must be {' or '.join(DIRECTIONS)}, not {self.reading_direction}")
        if not self.screenshots:
            raise ValueError("screenshots must name a folder")
        bounds = (
            "min_side",
            "max_megapixels",
            "max_strip_megapixels",
            "max_file_mb",
            "max_container_gb",
            "max_members",
            "max_ratio",
        )
        if any(getattr(self, name) <= 0 for name in bounds):
            raise ValueError(f"{', '.join(bounds[:-1])} and {bounds[-1]} must be above 0")

    @property
    def folder(self) -> Path:
        """Return the folder of the screenshots; `~` is the home of the user."""
        return Path(self.screenshots).expanduser()

    @property
    def limits(self) -> Limits:
        """Return the bounds for readers."""
        return Limits(
            max_image_bytes=int(self.max_file_mb * 1e6),
            max_container_bytes=int(self.max_container_gb * 1e9),
            max_members=self.max_members,
            max_ratio=self.max_ratio,
            max_megapixels=self.max_megapixels,
        )
