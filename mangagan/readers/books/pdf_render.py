"""Turn a PDF page into an encoded image: the embedded JPEG as it is, or the rendered page as PNG."""

import io
import re
import struct

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from PIL import Image, ImageOps

from mangagan.readers.base import Limits
from mangagan.readers.books.pdf_layout import PageLayout, describe_page
from mangagan.readers.errors import ReaderError, TooLargeError

WHITE = (255, 255, 255, 255)
GRID = 64  # cells per side of the comparison of an embedded JPEG with the rendered page
THUMBNAIL = 256  # [px] side of the rendering for the comparison
# Largest difference of gray levels [0, 255] between a JPEG and its rendering. Measured on 136 pages with screentone:
# mean at most 1.5, a cell at most 17. Mirrored pages: mean at least 21.
MAX_MEAN_DIFFERENCE = 3
MAX_CELL_DIFFERENCE = 48
# A page with a JPEG 2000 image needs 20 bytes for each pixel of 3 samples (measured with 23.5 megapixels).
MAX_JPX_SAMPLES = 75e6
MAX_PAGE_OBJECTS = 10**6
JPX_SIZE = re.compile(rb"\xff\x4f\xff\x51.{4}(.{34})", re.DOTALL)  # marker segment SIZ: Xsiz, Ysiz, XOsiz … Csiz


def read_page(page: pdfium.PdfPage, limits: Limits) -> bytes:
    """Return a page as an encoded image.

    If one JPEG is the whole page and looks like the page, its bytes are returned unchanged. Every other page is
    rendered on white. If one image is the whole page, it is rendered pixel by pixel.

    Args:
        page: The page.
        limits: Bounds of the images in it.

    Raises:
        ReaderError: An image exceeds the bounds, or the page has no area.
    """
    check_images(page, limits)
    try:
        layout = describe_page(page, limits.max_megapixels * 1e6)
    except ValueError as error:
        raise ReaderError(f"damaged PDF page: {error}") from None
    if layout.image is not None and find_codec(layout.image) == "DCTDecode":
        jpeg = read_encoded(layout.image, limits)
        if looks_like_page(jpeg, page, layout):
            return jpeg
    return encode_bitmap(render(page, layout, layout.width, layout.height))


def check_images(page: pdfium.PdfPage, limits: Limits) -> None:
    """Reject a page with an image that is too large to decode, or with too many objects.

    The size is read from the dictionary of the image and from its encoded data, because a decoder uses the latter.

    Raises:
        TooLargeError: An image is too large, or there are too many objects.
    """
    checked: set[tuple[object, ...]] = set()  # one image can be painted many times
    for count, item in enumerate(page.get_objects()):
        if count >= MAX_PAGE_OBJECTS:
            raise TooLargeError(f"too complex: over {MAX_PAGE_OBJECTS} objects on the page")
        if not isinstance(item, pdfium.PdfImage):
            continue
        codec, size = find_codec(item), item.get_px_size()
        key = (codec, size, pdfium_c.FPDFImageObj_GetImageDataRaw(item, None, 0))
        if key not in checked:
            checked.add(key)
            check_size(size, limits.max_megapixels)
            check_encoded_size(item, codec, limits)


def check_encoded_size(image: pdfium.PdfImage, codec: str, limits: Limits) -> None:
    """Check the number of pixels of an image as its encoded data declares it.

    Raises:
        TooLargeError: There are too many pixels.
    """
    if codec == "JPXDecode" and (header := JPX_SIZE.search(read_encoded(image, limits))):
        right, bottom, left, top, samples = struct.unpack(">4I16xH", header[1])
        limit = min(limits.max_megapixels, MAX_JPX_SAMPLES / max(samples, 1) / 1e6)
        check_size((max(right - left, 0), max(bottom - top, 0)), limit)
    elif codec == "DCTDecode":
        check_size(measure_jpeg(read_encoded(image, limits)), limits.max_megapixels)


def check_size(size: tuple[int, int], max_megapixels: float) -> None:
    """Check the number of pixels of an image.

    Args:
        size: Width and height [px].
        max_megapixels: Bound [10^6 px].

    Raises:
        TooLargeError: There are more pixels.
    """
    width, height = size
    if width * height > max_megapixels * 1e6:
        raise TooLargeError(f"too large: {width}x{height}, over {max_megapixels:g} megapixels")


def measure_jpeg(data: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG file [px]. (0, 0) if it is damaged."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return image.size
    except Image.DecompressionBombError:  # unless the bound of Pillow is switched off
        raise TooLargeError("too large: the embedded image") from None
    except Exception:  # Pillow raises many types
        return 0, 0


def find_codec(image: pdfium.PdfImage) -> str:
    """Return the filter of an image that is a codec of images, such as DCTDecode. Empty if it has none, or several."""
    try:
        filters = image.get_filters(skip_simple=True)
    except UnicodeDecodeError:  # a damaged name
        return ""
    return filters[0] if len(filters) == 1 else ""


def read_encoded(image: pdfium.PdfImage, limits: Limits) -> bytes:
    """Return the data of an image as its codec wrote it, for example a JPEG file.

    Raises:
        TooLargeError: It is too large.
    """
    size = pdfium_c.FPDFImageObj_GetImageDataDecoded(image, None, 0)
    if size > limits.max_image_bytes:
        raise TooLargeError(f"too large: {size / 1e6:.0f} MB, over {limits.max_image_bytes / 1e6:g} MB")
    return bytes(image.get_data(decode_simple=True)) if size else b""


def looks_like_page(jpeg: bytes, page: pdfium.PdfPage, layout: PageLayout) -> bool:
    """Return True if a decoder of JPEG files shows an embedded JPEG as the PDF page shows it.

    False if the PDF rotates, mirrors, inverts, masks, recolours or covers the image. True for a JPEG that is cut off,
    so that the decoder of pages can report it: a rendering would hide the damage.

    Args:
        jpeg: The embedded file.
        page: The page.
        layout: Its layout, with the image.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as opened:
            if opened.mode not in ("L", "RGB"):  # CMYK: every program converts it in its own way
                return False
            opened.draft(None, (2 * THUMBNAIL, 2 * THUMBNAIL))
            upright = ImageOps.exif_transpose(opened)
            shown = np.asarray(upright.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX), np.int16)
    except OSError as error:
        return "truncated" in str(error)
    thumbnail = render(page, layout, THUMBNAIL, THUMBNAIL).to_pil()
    rendered = np.asarray(thumbnail.resize((GRID, GRID), Image.Resampling.BOX), np.int16)
    difference = np.abs(shown - rendered)
    return bool(difference.mean() <= MAX_MEAN_DIFFERENCE and difference.max() <= MAX_CELL_DIFFERENCE)


def render(page: pdfium.PdfPage, layout: PageLayout, width: int, height: int) -> pdfium.PdfBitmap:
    """Return the part of a page that its layout names, as a BGR bitmap of the given size [px].

    If the size is that of an image in this part, its pixels are reproduced exactly.
    """
    left, top, right, bottom = layout.box
    x_scale, y_scale = width / (right - left), height / (bottom - top)
    bitmap = pdfium.PdfBitmap.new_native(width, height, pdfium_c.FPDFBitmap_BGR)
    bitmap.fill_rect(WHITE, 0, 0, width, height)
    matrix = pdfium_c.FS_MATRIX(x_scale, 0, 0, y_scale, -left * x_scale, -top * y_scale)
    flags = pdfium_c.FPDF_ANNOT | pdfium_c.FPDF_RENDER_LIMITEDIMAGECACHE
    pdfium_c.FPDF_RenderPageBitmapWithMatrix(bitmap, page, matrix, pdfium_c.FS_RECTF(0, 0, width, height), flags)
    return bitmap


def encode_bitmap(bitmap: pdfium.PdfBitmap) -> bytes:
    """Return a BGR bitmap as PNG, gray if its channels are equal."""
    pixels = bitmap.to_numpy()
    is_gray = all((row[:, :1] == row[:, 1:]).all() for row in pixels)  # row by row: it needs no copy, and stops early
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0])) if is_gray else bitmap.to_pil()
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
