"""First pass over the images of a title: decode and measure each image, and make its page if it needs no change."""

from dataclasses import dataclass, field, replace

import numpy as np

from mangagan.decoding.decode import Picture, measure_image, open_picture
from mangagan.decoding.errors import UnreadableError
from mangagan.ingestion.boxes import Box
from mangagan.ingestion.drafts import Draft, find_size_problem, make_draft
from mangagan.ingestion.edge_profiles import EdgeProfile, measure_edges
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.slices import SliceEdges, describe_slice
from mangagan.ingestion.spool import Slot
from mangagan.ingestion.strips import is_strip
from mangagan.pictures.thumbnails import make_thumbnail
from mangagan.readers.sources import Source


@dataclass(frozen=True)
class Image:
    """A source image after the first pass. Plain data.

    Attributes:
        source: Name and title. Its data is removed once it is stored.
        width, height: Upright size [px]. 0 if the image cannot be read.
        suffix: Suffix of the encoded file.
        is_stored: True if the encoded file shows exactly the decoded pixels.
        draft: The page, if the image is not changed. None for an image that the second pass always decodes: a strip, or
            a landscape image that can be a spread.
        edges: Measurements to find bars. None if bars are not searched.
        slice_edges: Measurements to find slices of strips. None if slices are not searched.
        slot: Position of the encoded image in the spool. None if it is not stored.
        digest: SHA-256 of the encoded image, hex. Empty if it is not stored.
    """

    source: Source
    width: int = 0
    height: int = 0
    suffix: str = ""
    is_stored: bool = False
    draft: Draft | None = None
    edges: EdgeProfile | None = field(default=None, repr=False)
    slice_edges: SliceEdges | None = field(default=None, repr=False)
    slot: Slot | None = None
    digest: str = ""

    @property
    def box(self) -> Box:
        """Return the whole image."""
        return Box(0, 0, self.width, self.height)


def examine_source(source: Source, settings: IngestParams) -> Image:
    """Decode and measure one source image.

    Returns:
        An image whose draft has a reason if it cannot be read.
    """
    if source.reason and not source.data:
        return Image(source, draft=Draft(Box(0, 0, 0, 0), reason=source.reason))
    try:
        with open_picture(source.data, settings.max_megapixels, settings.max_strip_megapixels) as picture:
            if source.reason:
                return reject(source, source.reason, picture.make_preview())
            return examine_picture(source, picture, settings)
    except UnreadableError as error:
        return reject(source, source.reason or str(error), error.preview)


def reject(source: Source, reason: str, preview: np.ndarray | None) -> Image:
    """Return an image that becomes no page.

    Args:
        source: The source image.
        reason: Why it is rejected.
        preview: uint8 (h, w) or (h, w, 3): what can be seen of it. None if nothing.
    """
    thumbnail = None if preview is None else make_thumbnail(preview)
    width, height = measure_image(source.data) or (0, 0)
    return Image(replace(source, data=b""), draft=Draft(Box(0, 0, width, height), reason=reason, thumbnail=thumbnail))


def examine_picture(source: Source, picture: Picture, settings: IngestParams) -> Image:
    """Measure an opened picture."""
    width, height = picture.width, picture.height
    image = Image(source, width, height, picture.suffix, picture.stored_as_shown)
    if settings.cut_strips and is_strip(width, height):
        if reason := find_size_problem(width, height, settings):  # instead of hundreds of pieces that are too small
            return reject(source, reason, picture.make_preview())
        return replace(image, slice_edges=describe_slice(read_ends(picture), height))
    pixels = picture.pixels()
    image = replace(
        image,
        edges=measure_edges(pixels) if settings.trim_bars else None,
        slice_edges=describe_slice(pixels) if settings.cut_strips else None,
    )
    if width > height and settings.spreads != "never":
        return image
    return replace(image, draft=make_draft(pixels, image.box, "", image.is_stored, settings))


def read_ends(picture: Picture) -> np.ndarray:
    """Return the first and the last row of a strip, uint8 (2, W) or (2, W, 3)."""
    return np.concatenate([picture.read_rows(0, 1), picture.read_rows(picture.height - 1, picture.height)])
