"""Analyse a PDF page: find the image that is the whole page, or choose the resolution of its rendering.

Coordinates of a shown page are points (1/72 inch), x to the right and y down from the top left corner, with the crop
box and the rotation of the page applied.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

Box = tuple[float, float, float, float]  # left, top, right, bottom [pt]

MAX_OBJECTS = 2000  # pages with more objects are rendered without looking at all of them
MAX_FORM_DEPTH = 8  # of nested form XObjects
MIN_COVERAGE = 0.5  # share of the page that an image without other content must cover to be the page
HIDDEN_TOLERANCE = 0.01  # maximum share of the page that is visible around an image that hides the objects below it
MAX_STRETCH = 1.2  # ratio of horizontal to vertical resolution; above it the page is rendered in its own proportions
MAX_TILT = 0.002  # tangent of the angle that still counts as upright
VECTOR_DPI = 300  # of pages without an image
MAX_SIDE = 4096  # [px] longer side of a page without an image, shorter side of a page with images
MAX_LONG_SIDE = 65_000  # [px] of any page; longest side of a JPEG
MAX_RENDERED_PIXELS = 36e6  # A4 at 600 dpi; rendering and encoding need up to 16 bytes for each pixel


@dataclass(frozen=True)
class PlacedObject:
    """An object that is visible on the shown page.

    Attributes:
        box: Bounds on the shown page, not clipped to it.
        item: The object.
        matrix: From the unit square of an image to the shown page.
        is_background: True for a filled path without an outline.
    """

    box: Box
    item: pdfium.PdfObject
    matrix: pdfium.PdfMatrix
    is_background: bool = False


@dataclass(frozen=True)
class PageLayout:
    """The part of a page to return, and its size.

    Attributes:
        box: The part of the shown page.
        width: Width of the result [px].
        height: Height of the result [px].
        image: The one image that is the page, where it is shown upright and not cropped. None: render the part.
    """

    box: Box
    width: int
    height: int
    image: pdfium.PdfImage | None = None


def describe_page(page: pdfium.PdfPage, max_pixels: float) -> PageLayout:
    """Return how to turn a page into an image.

    Args:
        page: The page.
        max_pixels: Maximum of width times height of the result.

    Raises:
        ValueError: The page has no area.
    """
    width, height = page.get_size()
    if not (math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0):
        raise ValueError("the page has no area")
    max_pixels = min(max_pixels, MAX_RENDERED_PIXELS)
    objects: list[PlacedObject] = []
    for placed in iterate_objects(page):
        objects.append(placed)
        if len(objects) > MAX_OBJECTS:
            break
    page_box = (0.0, 0.0, width, height)
    if len(objects) <= MAX_OBJECTS and not has_annotations(page) and (only := find_page_image(objects, page_box)):
        return describe_image(only, page_box, max_pixels)
    return describe_rendering(objects, page_box, max_pixels)


def iterate_objects(page: pdfium.PdfPage) -> Iterator[PlacedObject]:
    """Yield the visible objects of a page in the order of painting. Forms are replaced by their content."""
    width, height = page.get_size()
    stack = [(page.get_objects(max_depth=1), make_page_matrix(page), 0)]
    while stack:
        objects, matrix, depth = stack[-1]
        item = next(objects, None)
        if item is None:
            stack.pop()
        elif item.type == pdfium_c.FPDF_PAGEOBJ_FORM and depth < MAX_FORM_DEPTH:
            stack.append((page.get_objects(max_depth=1, form=item), item.get_matrix().multiply(matrix), depth + 1))
        elif not is_invisible(item):
            is_image = isinstance(item, pdfium.PdfImage)
            placement = item.get_matrix().multiply(matrix) if is_image else matrix
            box = placement.on_rect(0, 0, 1, 1) if is_image else matrix.on_rect(*item.get_bounds())
            if all(map(math.isfinite, box)) and measure_overlap(box, (0, 0, width, height)) > 0:
                yield PlacedObject(box, item, placement, is_background(item))


def make_page_matrix(page: pdfium.PdfPage) -> pdfium.PdfMatrix:
    """Return the matrix from the coordinates of a page to those of the shown page."""
    left, bottom, right, top = page.get_bbox()
    return {
        0: pdfium.PdfMatrix(1, 0, 0, -1, -left, top),
        90: pdfium.PdfMatrix(0, 1, 1, 0, -bottom, -left),
        180: pdfium.PdfMatrix(-1, 0, 0, 1, right, -bottom),
        270: pdfium.PdfMatrix(0, -1, -1, 0, top, right),
    }[page.get_rotation()]


def is_invisible(item: pdfium.PdfObject) -> bool:
    """Return True for text of an OCR layer, and for paths that are neither filled nor drawn."""
    if item.type == pdfium_c.FPDF_PAGEOBJ_TEXT:
        invisible = (pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium_c.FPDF_TEXTRENDERMODE_CLIP)
        return pdfium_c.FPDFTextObj_GetTextRenderMode(item) in invisible
    if item.type == pdfium_c.FPDF_PAGEOBJ_PATH:
        fill, stroke = read_draw_mode(item)
        return fill == pdfium_c.FPDF_FILLMODE_NONE and not stroke
    return False


def is_background(item: pdfium.PdfObject) -> bool:
    """Return True for a filled path without an outline."""
    if item.type != pdfium_c.FPDF_PAGEOBJ_PATH:
        return False
    fill, stroke = read_draw_mode(item)
    return fill != pdfium_c.FPDF_FILLMODE_NONE and not stroke


def read_draw_mode(path: pdfium.PdfObject) -> tuple[int, bool]:
    """Return how a path is filled (FPDF_FILLMODE_*), and True if its outline is drawn."""
    fill, stroke = pdfium_c.c_int(), pdfium_c.FPDF_BOOL()
    if not pdfium_c.FPDFPath_GetDrawMode(path, fill, stroke):
        return pdfium_c.FPDF_FILLMODE_ALTERNATE, True
    return fill.value, bool(stroke.value)


def has_annotations(page: pdfium.PdfPage) -> bool:
    """Return True if a page has annotations that a viewer draws. Links are not drawn."""
    count = pdfium_c.FPDFPage_GetAnnotCount(page)
    if count > MAX_OBJECTS:
        return True
    for index in range(count):
        annotation = pdfium_c.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        kind = pdfium_c.FPDFAnnot_GetSubtype(annotation)
        pdfium_c.FPDFPage_CloseAnnot(annotation)
        if kind not in (pdfium_c.FPDF_ANNOT_LINK, pdfium_c.FPDF_ANNOT_POPUP):
            return True
    return False


def find_page_image(objects: list[PlacedObject], page_box: Box) -> PlacedObject | None:
    """Return the one image that is the page. None if there is none, or if a viewer shows other objects too.

    Objects that the image hides and backgrounds of the whole page are ignored. An image that covers only a part of the
    page (a margin was added to it) is the page if the rest of the page is empty.
    """
    area = measure_overlap(page_box, page_box)
    images = [placed for placed in objects if isinstance(placed.item, pdfium.PdfImage)]
    if not images or objects[-1] is not images[-1]:
        return None
    image = images[-1]
    if not is_upright(image.matrix) or measure_overlap(image.box, page_box) < MIN_COVERAGE * area:
        return None
    for placed in objects[:-1]:
        visible = clip(placed.box, page_box)
        shows = measure_overlap(visible, visible) - measure_overlap(visible, image.box)
        covers_page = measure_overlap(placed.box, page_box) > (1 - HIDDEN_TOLERANCE) * area
        if shows > HIDDEN_TOLERANCE * area and not (placed.is_background and covers_page):
            return None
    width, height = read_pixel_size(image)
    return image if 1 / MAX_STRETCH < measure_stretch(image, width, height) < MAX_STRETCH else None


def is_upright(matrix: pdfium.PdfMatrix) -> bool:
    """Return True if a matrix keeps horizontal and vertical lines, possibly rotated by a multiple of 90°."""
    straight, crossed = abs(matrix.a) + abs(matrix.d), abs(matrix.b) + abs(matrix.c)
    return min(straight, crossed) <= MAX_TILT * max(straight, crossed)


def is_swapped(matrix: pdfium.PdfMatrix) -> bool:
    """Return True if a matrix rotates by 90° or 270°."""
    return abs(matrix.b) + abs(matrix.c) > abs(matrix.a) + abs(matrix.d)


def read_pixel_size(image: PlacedObject) -> tuple[int, int]:
    """Return width and height of an image as shown: swapped if it is rotated by 90° or 270° [px]."""
    width, height = image.item.get_px_size()
    return (height, width) if is_swapped(image.matrix) else (width, height)


def measure_stretch(image: PlacedObject, width: int, height: int) -> float:
    """Return the ratio of horizontal to vertical resolution. 0 if the image is empty.

    Args:
        image: The image.
        width: Its width as shown [px].
        height: Its height as shown [px].
    """
    left, top, right, bottom = image.box
    return width * (bottom - top) / (height * (right - left)) if width and height and right > left else 0.0


def describe_image(image: PlacedObject, page_box: Box, max_pixels: float) -> PageLayout:
    """Return the layout of a page that is one image: the visible pixels of the image at their own resolution."""
    width, height = read_pixel_size(image)
    left, top, right, bottom = image.box
    x_scale, y_scale = width / (right - left), height / (bottom - top)
    x0, y0 = max(0, round((page_box[0] - left) * x_scale)), max(0, round((page_box[1] - top) * y_scale))
    x1 = min(width, round((page_box[2] - left) * x_scale))
    y1 = min(height, round((page_box[3] - top) * y_scale))
    box = (left + x0 / x_scale, top + y0 / y_scale, left + x1 / x_scale, top + y1 / y_scale)
    shown_width, shown_height = max(x1 - x0, 1), max(y1 - y0, 1)
    is_whole = (width - shown_width) <= HIDDEN_TOLERANCE * width and height - shown_height <= HIDDEN_TOLERANCE * height
    longest = max(shown_width, shown_height)
    shrink = min(1.0, math.sqrt(max_pixels / (shown_width * shown_height)), MAX_LONG_SIDE / longest)
    size = max(1, int(shown_width * shrink)), max(1, int(shown_height * shrink))
    return PageLayout(image.box if is_whole else box, *size, image.item if is_whole else None)


def describe_rendering(objects: list[PlacedObject], page_box: Box, max_pixels: float) -> PageLayout:
    """Return the layout of a page of several objects: the whole page at the resolution of its largest image."""
    width, height = page_box[2], page_box[3]
    scale, most_pixels = 0.0, 0
    for placed in objects:
        if isinstance(placed.item, pdfium.PdfImage):
            pixels = math.prod(placed.item.get_px_size())
            area = abs(placed.matrix.a * placed.matrix.d - placed.matrix.b * placed.matrix.c)
            if pixels > most_pixels and area > 0:
                scale, most_pixels = math.sqrt(pixels / area), pixels
    limit = MAX_SIDE / min(width, height)
    if scale == 0:
        scale, limit = VECTOR_DPI / 72, MAX_SIDE / max(width, height)
    scale = min(scale, limit, math.sqrt(max_pixels / (width * height)), MAX_LONG_SIDE / max(width, height))
    return PageLayout(page_box, max(1, round(width * scale)), max(1, round(height * scale)))


def clip(box: Box, page_box: Box) -> Box:
    """Return the common part of two boxes. It has no area if they do not overlap."""
    left, top = max(box[0], page_box[0]), max(box[1], page_box[1])
    return left, top, max(left, min(box[2], page_box[2])), max(top, min(box[3], page_box[3]))


def measure_overlap(first: Box, second: Box) -> float:
    """Return the area of the common part of two boxes [pt²]."""
    left, top, right, bottom = clip(first, second)
    return (right - left) * (bottom - top)
