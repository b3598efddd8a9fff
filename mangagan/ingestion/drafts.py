"""Drafts: images and parts of images that may become pages."""

from dataclasses import dataclass, field

import numpy as np

from mangagan.core.images import encode_png
from mangagan.ingestion.blank import describe_blank
from mangagan.ingestion.boxes import Box
from mangagan.ingestion.page_signatures import PageSignature, describe_page
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.spool import Slot
from mangagan.pages.decode import hash_pixels, is_gray, reduce_to_gray
from mangagan.pictures.thumbnails import make_thumbnail


@dataclass(frozen=True)
class Draft:
    """An image, or a part of one, that becomes a page or is rejected. Plain data.

    Attributes:
        box: Position in the upright source image.
        is_gray: The page has no colour.
        change: How the page differs from its source image. Empty if it does not.
        page_id: Hash of the pixels. Empty if there is a reason.
        reason: Why the draft is rejected. Empty if it becomes a page.
        encoded: The page as a PNG. Empty if the source file shows exactly these pixels, or if there is a reason.
        signature: Description that finds other screenshots of the page. None if it is not needed.
        suffix: Suffix of the encoded page.
        slot: Position of the encoded page in the spool. None before it is stored, or if there is a reason.
        thumbnail: Picture of a rejected draft for the contact sheet. None if there is none.
    """

    box: Box
    is_gray: bool = True
    change: str = ""
    page_id: str = ""
    reason: str = ""
    encoded: bytes = field(default=b"", repr=False)
    signature: PageSignature | None = field(default=None, repr=False)
    slot: Slot | None = None
    suffix: str = ".png"
    thumbnail: np.ndarray | None = field(default=None, repr=False)


def make_draft(pixels: np.ndarray, box: Box, change: str, is_stored: bool, settings: IngestParams) -> Draft:
    """Check, hash and describe one page.

    Args:
        pixels: uint8 (H, W) or (H, W, 3) of the page.
        box: Its position in the upright source image.
        change: How it differs from the source image.
        is_stored: True if the source file shows exactly these pixels, so that it is kept as it is.
        settings: The section `ingest` of params.yaml.
    """
    pixels = reduce_to_gray(pixels)
    gray = is_gray(pixels)
    if reason := find_page_problem(pixels, settings):
        return Draft(box, gray, change, reason=reason, thumbnail=make_thumbnail(pixels))
    signature = describe_page(pixels) if settings.merge_retakes else None
    encoded = b"" if is_stored else encode_png(pixels)
    return Draft(box, gray, change, hash_pixels(pixels), encoded=encoded, signature=signature)


def find_page_problem(pixels: np.ndarray, settings: IngestParams) -> str:
    """Return why an image is no page. Empty if it is one."""
    height, width = pixels.shape[:2]
    return find_size_problem(width, height, settings) or describe_blank(pixels)


def find_size_problem(width: int, height: int, settings: IngestParams) -> str:
    """Return why an image of this size [px] is no page. Empty if it can be one."""
    is_small = min(width, height) < settings.min_side
    return f"too small: {width}x{height}, under {settings.min_side} px" if is_small else ""
