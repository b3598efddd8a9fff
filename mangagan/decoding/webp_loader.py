"""Load a WebP file."""

from PIL import WebPImagePlugin

from mangagan.decoding.errors import UnreadableError
from mangagan.decoding.loading import DAMAGED, Bounds, Loaded, accept_or_reject, describe_missing, load_strictly
from mangagan.decoding.streams import open_stream
from mangagan.decoding.webp import PIXEL_CHUNKS, Layout, load_partly, needs_last_bytes, read_layout, rebuild

MAX_SALVAGE_PIXELS = 15 * 10**6  # two decoders are open at once, with 16 bytes per pixel each
MAX_STORED_PIXELS = 12 * 10**6  # larger ones are stored as PNG: a stage that decodes several at once needs less memory


def load_webp(data: bytes, bounds: Bounds) -> Loaded:
    """Decode a WebP.

    Raises:
        UnreadableError: The image is too large, damaged or cut off.
    """
    layout = read_layout(data)
    if layout.size is None:
        raise UnreadableError(DAMAGED)
    bounds.check(layout.size, "WEBP")
    if layout.missing_bytes and not layout.has_zero_tail:
        return load_cut(data, layout)
    for is_sound in (True, False):
        if is_sound and not layout.is_sound:
            continue
        try:
            image = open_stream(WebPImagePlugin.WebPImageFile, data if is_sound else rebuild(data, layout))
            load_strictly(image)
        except Exception:  # decoders of Pillow raise many types
            continue
        if layout.has_zero_tail and not needs_last_bytes(data, layout):
            break
        return Loaded(image, is_sound and image.width * image.height <= MAX_STORED_PIXELS)
    if layout.has_zero_tail:
        return load_cut(data, layout)
    raise UnreadableError(DAMAGED)


def load_cut(data: bytes, layout: Layout) -> Loaded:
    """Decode a WebP that is cut off.

    Raises:
        UnreadableError: Too many rows are missing.
    """
    width, height = layout.size or (0, 0)
    partial = load_partly(data, layout) if 0 < width * height <= MAX_SALVAGE_PIXELS else None
    if partial is not None:
        image, missing = partial
        if not missing.any():  # zeros at the end can be pixels
            return Loaded(image, False)
        return accept_or_reject(Loaded(image, False, missing_rows=missing), is_cut=True)
    size = sum(size for kind, _, size in layout.chunks if kind in PIXEL_CHUNKS)
    raise UnreadableError(describe_missing(min(1.0, layout.missing_bytes / max(1, size)), is_cut=True))
