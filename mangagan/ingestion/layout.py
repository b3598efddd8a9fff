"""Second pass over the images of a title: trim bars, split spreads, join slices and cut strips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from statistics import median

import numpy as np

from mangagan.decoding.decode import Picture, estimate_memory, open_picture
from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.limits import STRIP_ASPECT
from mangagan.ingestion.bars import find_page_boxes
from mangagan.ingestion.boxes import Box
from mangagan.ingestion.drafts import Draft, make_draft
from mangagan.ingestion.images import Image
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.slices import group_slices
from mangagan.ingestion.spreads import split_page
from mangagan.ingestion.strips import cut_strip, is_strip, measure_rows

BLANK = "blank page"
MIN_SPREADS = 4  # a title of at least this many landscape images and no portrait images consists of spreads
SAME_ASPECT = 1.02  # maximum ratio of the largest to the smallest aspect of these images
BAND_PIXELS = 8_000_000  # decoded rows of a strip that are converted at a time


@dataclass(frozen=True)
class Plan:
    """How the pages of one source image, or of several slices, are made. Plain data.

    Attributes:
        images: The source image, or the slices of one strip from top to bottom.
        box: The part of the image that is kept, without bars.
        page_aspect: Median of width / height of the portrait pages of the title. None if it has none.
        encoded: The encoded images, one for each of `images`. Empty if the second pass does not decode them.
    """

    images: tuple[Image, ...]
    box: Box
    page_aspect: float | None = None
    encoded: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def is_final(self) -> bool:
        """Return True if the draft of the first pass is the only page."""
        image = self.images[0]
        return len(self.images) == 1 and image.draft is not None and self.box == image.box


def weigh_plan(plan: Plan) -> float:
    """Return the memory that the second pass over the images needs [bytes]."""
    return float(sum(len(data) + (estimate_memory(data) or 0) for data in plan.encoded))


def plan_title(images: Sequence[Image], settings: IngestParams) -> list[Plan]:
    """Return the plans for all images of one title, in reading order, without the measurements of the images."""
    boxes = {number: image.box for number, image in enumerate(images)}
    measured = [number for number, image in enumerate(images) if image.edges is not None]
    found = find_page_boxes([edges for image in images if (edges := image.edges) is not None])
    boxes.update(zip(measured, found, strict=True))
    aspect = estimate_page_aspect(list(boxes.values()))
    plans: list[Plan] = []
    for numbers in iterate_folders(images, boxes):
        slices = [ends for number in numbers if (ends := images[number].slice_edges) is not None]
        groups = group_slices(slices) if len(slices) == len(numbers) > 1 else [[index] for index in range(len(numbers))]
        for group in groups:
            for part in limit_pixels([numbers[index] for index in group], images, settings.max_strip_megapixels):
                members = tuple(replace(images[number], edges=None, slice_edges=None) for number in part)
                plans.append(Plan(members, boxes[part[0]], aspect))
    return plans


def estimate_page_aspect(boxes: list[Box]) -> float | None:
    """Return the width / height of a page of the title: the median of its portrait images. None if it is unknown.

    If a title has only landscape images, at least MIN_SPREADS and all of one aspect, they are treated as spreads.
    """
    aspects = [box.width / box.height for box in boxes if box.height > 0 and box.height <= STRIP_ASPECT * box.width]
    portrait = [aspect for aspect in aspects if aspect <= 1]
    if portrait:
        return median(portrait)
    is_uniform = len(aspects) >= MIN_SPREADS and max(aspects) <= SAME_ASPECT * min(aspects)
    return median(aspects) / 2 if is_uniform else None


def iterate_folders(images: Sequence[Image], boxes: dict[int, Box]) -> Iterator[list[int]]:
    """Yield the positions of images that follow each other in one folder and can be slices of one strip.

    Images that cannot be read and images with bars are yielded alone.
    """

    def key(number: int) -> tuple[str, int]:
        image = images[number]
        is_plain = image.slice_edges is not None and boxes[number] == image.box
        return image.source.folder, -1 if is_plain else number

    for _, group in groupby(range(len(images)), key=key):
        yield list(group)


def limit_pixels(numbers: list[int], images: Sequence[Image], max_megapixels: float) -> Iterator[list[int]]:
    """Split the slices of one strip into parts that are small enough to be joined in memory."""
    part: list[int] = []
    pixels = 0
    for number in numbers:
        size = images[number].width * images[number].height
        if part and pixels + size > max_megapixels * 1e6:
            yield part
            part, pixels = [], 0
        part.append(number)
        pixels += size
    yield part


def make_pages(plan: Plan, settings: IngestParams) -> list[Draft]:
    """Make the pages of one plan.

    Args:
        plan: The plan, with the encoded images.
        settings: The section `ingest` of params.yaml.
    """
    image = plan.images[0]
    if plan.is_final and image.draft is not None:
        return [image.draft]
    limits = (settings.max_megapixels, settings.max_strip_megapixels)
    try:
        if len(plan.images) > 1:
            return cut_pages(join_slices(plan, limits), "slices joined", False, settings)
        with open_picture(plan.encoded[0], *limits) as picture:
            if settings.cut_strips and is_strip(picture.width, picture.height):
                return cut_pages(picture, "", image.is_stored, settings)
            return split_image(plan, picture.pixels(), settings)
    except UnreadableError as error:
        return [Draft(image.box, reason=str(error))]


def split_image(plan: Plan, pixels: np.ndarray, settings: IngestParams) -> list[Draft]:
    """Make the page of an image, or the two pages of a spread, without bars."""
    image, box = plan.images[0], plan.box
    is_trimmed = box != image.box
    pixels = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    declared = image.source.right_to_left
    right_to_left = settings.reading_direction == "right-to-left" if declared is None else declared
    parts = split_page(pixels, settings.spreads, right_to_left, plan.page_aspect)
    drafts = []
    for number, part in enumerate(parts, 1):
        changes = ["bars trimmed"] * is_trimmed + [f"page {number} of a spread"] * (len(parts) > 1)
        page = pixels[part.top : part.top + part.height, part.left : part.left + part.width]
        page_box = Box(box.left + part.left, box.top + part.top, part.width, part.height)
        is_stored = image.is_stored and page_box == image.box
        drafts.append(make_draft(page, page_box, ", ".join(changes), is_stored, settings))
    return drafts


class ArrayRows:
    """The rows of slices that are joined, uint8 (H, W) or (H, W, 3)."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.height, self.width = pixels.shape[:2]
        self.pixels = pixels

    def read_rows(self, top: int, bottom: int) -> np.ndarray:
        """Return the rows from top to bottom, without the last."""
        return self.pixels[top:bottom]


def join_slices(plan: Plan, limits: tuple[float, float]) -> ArrayRows:
    """Decode the slices of a strip one after the other, and join them from top to bottom."""
    height, width = sum(image.height for image in plan.images), plan.images[0].width
    strip: np.ndarray = np.empty((height, width), np.uint8)
    top = 0
    for image, encoded in zip(plan.images, plan.encoded, strict=True):
        with open_picture(encoded, *limits) as picture:
            pixels = picture.pixels()
        if pixels.ndim > strip.ndim:  # the first slice in colour
            colour = np.empty((height, width, 3), np.uint8)
            colour[:top] = strip[:top, :, None]
            strip = colour
        strip[top : top + image.height] = pixels if pixels.ndim == strip.ndim else pixels[..., None]
        top += image.height
    return ArrayRows(strip)


def cut_pages(rows: Picture | ArrayRows, change: str, is_stored: bool, settings: IngestParams) -> list[Draft]:
    """Cut a strip into pages.

    Args:
        rows: The strip.
        change: How the strip was made from slices. Empty if it is one image.
        is_stored: True if the source file shows exactly these pixels.
        settings: The section `ingest` of params.yaml.
    """
    step = max(1, BAND_PIXELS // rows.width)
    edges = [*range(0, rows.height, step), rows.height]
    cuts = cut_strip(measure_rows(rows.read_rows(top, bottom) for top, bottom in pairwise(edges)))
    if not cuts:
        return [Draft(Box(0, 0, rows.width, rows.height), change=change, reason=BLANK)]
    drafts = []
    for number, (top, bottom) in enumerate(cuts, 1):
        changes = [change] * bool(change) + [f"part {number} of {len(cuts)} of a strip"] * (len(cuts) > 1)
        box = Box(0, top, rows.width, bottom - top)
        is_whole = is_stored and box.height == rows.height
        drafts.append(make_draft(rows.read_rows(top, bottom), box, ", ".join(changes), is_whole, settings))
    return drafts
