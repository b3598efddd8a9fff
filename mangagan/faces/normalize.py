"""Faces of one page as table rows, checked by the quality gates."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mangagan.core.catalog import FACE_COLUMNS, arrow_schema
from mangagan.core.image_size import find_nearest_sizes, is_valid_size
from mangagan.faces.face_crops import FaceCrop
from mangagan.faces.quality import Gates, find_drop_reason

SCHEMA = arrow_schema(FACE_COLUMNS)
# Column of a face → column of its page.
PAGE_COLUMNS = {
    "title": "title",
    "page_id": "page_id",
    "source": "source",
    "page_number": "page_number",
    "page_width": "width",
    "page_height": "height",
}
MIN_SIZE, MAX_SIZE = 16, 512  # [px] of a face


@dataclass(frozen=True)
class NormalizeParams(Gates):
    """The section `normalize` of params.yaml.

    Attributes:
        size: Height and width of a face [px]: 4, 5, 6 or 7 times a power of two, because the generator starts at 4 to
            7 px and doubles the size in each block.
        margin: Space added on each side of the box, as a share of its longer side [-0.4, 1]. None: the margin that the
            detector recommends.

    Raises:
        ValueError: A value is out of range.
    """

    size: int = 112
    margin: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise ValueError(f"size must be from {MIN_SIZE} to {MAX_SIZE} px, not {self.size}")
        if not is_valid_size(self.size):
            nearest = ", ".join(map(str, find_nearest_sizes(self.size, MIN_SIZE, MAX_SIZE)))
            raise ValueError(
                "size must be 4, 5, 6 or 7 times a power of two (the networks double 4 to 7 px up to the face): "
                f"{self.size} is not; nearest: {nearest}"
            )
        if self.margin is not None and not -0.4 <= self.margin <= 1:
            raise ValueError("margin must be from -0.4 to 1, or null for the margin that the detector recommends")


def make_face_rows(
    page: dict[str, Any], detections: Sequence[dict[str, Any]], crops: Sequence[FaceCrop], gates: Gates
) -> list[dict[str, Any]]:
    """Return the rows of the faces of one page, with the columns of `SCHEMA` and `png`.

    Args:
        page: Row of the page in the table of pages.
        detections: Rows of the table of detections.
        crops: The crop of each detection.
        gates: Quality gates.
    """
    shared = {column: page[name] for column, name in PAGE_COLUMNS.items()}
    rows = [{**detection, **shared, **asdict(crop)} for detection, crop in zip(detections, crops, strict=True)]
    return [{**row, "drop_reason": check_face(row, gates)} for row in rows]


def check_face(face: dict[str, Any], gates: Gates) -> str:
    """Return the reason of the first gate that a face, a row of `SCHEMA`, fails; "" if it passes all."""
    return find_drop_reason(
        gates,
        size=max(face["w"], face["h"]),
        pad=face["pad_fraction"],
        p_face=face["p_face"],
        p_usable=face["p_usable"],
        contrast=face["contrast"],
        sharpness=face["sharpness"],
    )
