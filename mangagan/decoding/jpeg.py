"""Parse the segments of a JPEG file, rebuild damaged ones, and find missing pixels."""

import io
import re
from dataclasses import dataclass

import numpy as np
from PIL import JpegImagePlugin

START, END = b"\xff\xd8", b"\xff\xd9"
JPEG_LS = 0xF7  # SOF marker of JPEG-LS, another format with the markers of JPEG
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE_MARKERS = frozenset({b"\xc2", b"\xc6", b"\xca", b"\xce"})
ARITHMETIC_MARKERS = frozenset({b"\xc9", b"\xca", b"\xcd", b"\xce"})
IMPLIED_ZEROS = bytes(8)  # arithmetic coding leaves out zeros at the end of its data
SCAN = 0xDA
STANDALONE_MARKERS = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})  # without a length
# Segments that a decoder needs, and those that change colours: tables, JFIF, Adobe, ICC profile, EXIF.
KEPT_TABLES = FRAME_MARKERS | {0xC4, 0xCC, 0xDB, 0xDD}
# For each: how its content begins, and its minimum length [bytes].
KEPT_APPLICATIONS = {0xE0: (b"JFIF", 14), 0xE1: (b"Exif", 14), 0xE2: (b"ICC_PROFILE", 15), 0xEE: (b"Adobe", 12)}
MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
NEXT_SEGMENT = re.compile(rb"\xff[\xc0-\xcf\xda-\xdf\xe0-\xef\xfe]")
GARBAGE = bytes(np.random.default_rng(0).integers(1, 255, 512, dtype=np.uint8))  # holds no marker
MIN_ZERO_TAIL = 16  # bytes
MIN_ZERO_RUN = 4096  # bytes in the middle of the pixel data that are suspicious
PADDING = re.compile(rb"(?:\xff[\xd0-\xd7]|[\x00\xff])+\Z")  # bytes that encoders write before the end marker
PADDING_BYTES = 4096
# Numbers of bytes to remove in a test. With one number alone, a cut picture can look complete by chance. More are
# needed after a large blank area, because the end of its codes changes few pixels.
LAST_BYTES, MARGIN_BYTES = (3, 5, 7), (3, 5, 7, 15, 31, 63, 127)
MAX_FULL_PIXELS = 5 * 10**6  # larger progressive images are compared at half the size
COEFFICIENTS = 64  # of a block


@dataclass(frozen=True)
class Layout:
    """Positions in a JPEG file.

    Attributes:
        start: Position of the first marker (SOI).
        scan: Position of the first SOS marker. None if the file has none.
        end: Position of the end marker of the first picture. None if it is missing.
        segments: Marker and position of each segment before the first scan.
        is_sound: True if the segments follow each other without a gap.
        is_progressive: True for a progressive JPEG.
        components: Number of components, 0 if unknown.
        height: Height in the header [px]. 0 if a DNL segment after the first scan gives it.
        precision: Bits per channel, 0 if unknown.
        is_arithmetic: True for arithmetic coding.
        bytes_per_pixel: See `estimate_bytes_per_pixel`.
    """

    start: int
    scan: int | None
    end: int | None
    segments: list[tuple[int, int, int]]
    is_sound: bool
    is_progressive: bool = False
    components: int = 0
    height: int = 0
    precision: int = 0
    is_arithmetic: bool = False
    bytes_per_pixel: float | None = None


def read_layout(data: bytes) -> Layout:
    """Return the layout of a JPEG file, without reading its pixels unless the file has no end marker at its end."""
    start, segments, position, is_sound = read_segments(data)
    scan = position if data[position : position + 2] == b"\xff\xda" else None
    frame = next((data[begin:stop] for marker, begin, stop in segments if marker in FRAME_MARKERS), b"")
    bytes_per_pixel = estimate_bytes_per_pixel(frame)
    end = None if scan is None else find_end(data, scan)
    marker, frame = frame[1:2], frame.ljust(10, b"\0")
    is_progressive, is_arithmetic = marker in PROGRESSIVE_MARKERS, marker in ARITHMETIC_MARKERS
    height = int.from_bytes(frame[5:7], "big")
    return Layout(
        start,
        scan,
        end,
        segments,
        is_sound,
        is_progressive,
        components=frame[9],
        height=height,
        precision=frame[4],
        is_arithmetic=is_arithmetic,
        bytes_per_pixel=bytes_per_pixel,
    )


def read_segments(data: bytes) -> tuple[int, list[tuple[int, int, int]], int, bool]:
    """Return the segments before the first scan.

    Returns:
        The position of the first marker; marker, start and end of each segment; the position after the last one; True
        if they follow each other without a gap.
    """
    start = max(0, data.find(b"\xff\xd8\xff", 0, 4096))
    position, is_sound = start + 2, True
    segments: list[tuple[int, int, int]] = []
    while position + 4 <= len(data):
        marker, size = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position] != 0xFF:
            position, is_sound = find_next_segment(data, position), False
        elif marker == 0xFF:  # a fill byte
            position += 1
        elif marker in STANDALONE_MARKERS:
            position += 2
        elif marker in (SCAN, 0xD9):
            break
        else:
            stop = position + 2 + size
            if size < 2 or (stop < len(data) and data[stop] != 0xFF):
                is_sound, stop = False, find_next_segment(data, position + 4)
            segments.append((marker, position, stop))
            position = stop
    return start, segments, position, is_sound


def read_frame(data: bytes) -> bytes:
    """Return the segment with the size and the components (SOF). Empty if there is none."""
    _, segments, _, _ = read_segments(data)
    return next((data[begin:stop] for marker, begin, stop in segments if marker in FRAME_MARKERS), b"")


def read_frame_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in the header [px]. None if there is no header. The height is 0 if it follows later."""
    frame = read_frame(data)
    return (int.from_bytes(frame[7:9], "big"), int.from_bytes(frame[5:7], "big")) if len(frame) > 9 else None


def estimate_bytes_per_pixel(frame: bytes) -> float | None:
    """Return the peak memory of decoding a progressive JPEG [bytes per pixel]. None for another JPEG.

    The decoder keeps the coefficients of the whole picture, 2 bytes each, beside the decoded image.

    Args:
        frame: The SOF segment.
    """
    if frame[1:2] not in PROGRESSIVE_MARKERS or len(frame) < 10:
        return None
    samples = [(factor >> 4) * (factor & 15) for factor in frame[11 : 10 + 3 * frame[9] : 3]]
    decoded = 1 if frame[9] == 1 else 4
    return 2 * sum(samples) / max([*samples, 1]) + decoded


def find_next_segment(data: bytes, position: int) -> int:
    """Return the position of the next marker that can begin a segment. The length of the data if there is none."""
    found = NEXT_SEGMENT.search(data, position)
    return len(data) if found is None else found.start()


def find_end(data: bytes, scan: int) -> int | None:
    """Return the position of the end marker of the picture whose first scan begins at `scan`. None if it is missing."""
    if data.endswith(END) and data.count(END, scan) == 1:
        return len(data) - 2
    position = scan
    while found := MARKER_IN_SCAN.search(data, position):
        marker, position = data[found.start() + 1], found.start() + 2
        if marker == 0xD9:
            return found.start()
        if marker == 0xD8:  # the next picture of the file
            return None
        if marker in KEPT_TABLES or marker in (SCAN, 0xDC, 0xFE):  # a segment between two scans
            position += int.from_bytes(data[position : position + 2], "big")
    return None


def rebuild(data: bytes, layout: Layout) -> bytes:
    """Return the file without bytes before it, without damaged metadata, and with the height of a DNL segment.

    The end marker is added if it is missing.
    """
    assert layout.scan is not None
    head = [START]
    height = layout.height or find_number_of_lines(data, layout.scan)
    for marker, begin, stop in layout.segments:
        segment = data[begin:stop]
        if len(segment) != 2 + int.from_bytes(segment[2:4], "big"):
            continue
        if marker in FRAME_MARKERS:
            segment = segment[:5] + height.to_bytes(2, "big") + segment[7:]
        name, length = KEPT_APPLICATIONS.get(marker, (b"", len(segment)))
        if marker in KEPT_TABLES or (segment[4:].startswith(name) and len(segment) - 4 >= length):
            head.append(segment)
    return b"".join(head) + data[layout.scan : layout.end] + END


def find_number_of_lines(data: bytes, scan: int) -> int:
    """Return the height in the DNL segment [px]. 0 if there is none."""
    position = data.find(b"\xff\xdc\x00\x04", scan)
    return 0 if position < 0 else int.from_bytes(data[position + 4 : position + 6], "big")


def is_suspicious(data: bytes, layout: Layout, last_pixels: np.ndarray) -> bool:
    """Return True if pixels may be missing although the file has an end marker and was decoded without an error.

    A decoder paints what is missing mid-gray; tools that "repair" cut files append an end marker; a download that
    never wrote a part leaves zeros.

    Args:
        data: The file.
        layout: Its layout.
        last_pixels: The last pixels of the last row as they are stored: uint8 (n,) or (n, channels).
    """
    assert layout.scan is not None
    is_mid_gray = bool(((last_pixels == 128) | (last_pixels == 127)).all())
    if is_mid_gray or layout.is_arithmetic or has_zero_run(data, layout):
        return True
    return layout.is_progressive and not has_all_scans(data, layout)


def has_zero_run(data: bytes, layout: Layout) -> bool:
    """Return True if there are so many zeros in the pixel data that they may be a part that was never written."""
    return data.find(bytes(MIN_ZERO_RUN), layout.scan, layout.end) >= 0


def has_all_scans(data: bytes, layout: Layout) -> bool:
    """Return True if the scans of a progressive JPEG cover every coefficient of every component to its last bit."""
    assert layout.scan is not None
    covered: set[tuple[int, int]] = set()
    position: int = layout.scan
    stop = len(data) if layout.end is None else layout.end
    while 0 <= position < stop:
        count = data[position + 4] if position + 4 < len(data) else 0
        spectrum = data[position + 5 + 2 * count : position + 8 + 2 * count]
        if len(spectrum) == 3 and spectrum[2] & 15 == 0:
            components = data[position + 5 : position + 5 + 2 * count : 2]
            covered |= {(part, index) for part in components for index in range(spectrum[0], spectrum[1] + 1)}
        position = data.find(b"\xff\xda", position + 2, stop)
    return len(covered) >= COEFFICIENTS * max(1, layout.components)


def count_scans(data: bytes, layout: Layout) -> int:
    """Return the number of scans of the first picture."""
    assert layout.scan is not None
    return data.count(b"\xff\xda", layout.scan, len(data) if layout.end is None else layout.end)


def find_missing_rows(body: bytes, layout: Layout, is_cut: bool) -> int:
    """Return how many rows at the bottom were not decoded from the data [px].

    The data is decoded twice, with and without garbage after it. A decoder that has read all it needs ignores the
    garbage; otherwise the pixels differ from the place where the data ends.

    Args:
        body: The file up to, and without, its end marker.
        layout: Its layout.
        is_cut: True if the file has no end marker. A tail of zeros is then taken as not written.

    Returns:
        The number of rows. The whole height if zeros in the middle have shifted the pixels.
    """
    content = body.rstrip(b"\0") if is_cut else body
    missing = count_differing_rows(body, layout)
    if len(body) - len(content) >= MIN_ZERO_TAIL:
        # Zeros at the end can be the pixels of a blank area. They are if the picture needs the last of them.
        if missing or not needs_last_bytes(body, layout):
            missing = count_differing_rows(content, layout)
    elif not (missing or is_cut or layout.is_arithmetic or layout.is_progressive):
        return layout.height if has_zero_run(body, layout) and has_surplus(body, layout) else 0
    return missing


def has_surplus(body: bytes, layout: Layout) -> bool:
    """Return True if there is more pixel data than the picture needs, apart from padding.

    Then zeros in the middle, which were decoded as a wrong number of pixels, have shifted the rest.
    """
    if needs_last_bytes(body, layout, MARGIN_BYTES):
        return False
    content = body[:-PADDING_BYTES] + PADDING.sub(b"", body[-PADDING_BYTES:])
    return count_differing_rows(content, layout) > 0 or not needs_last_bytes(content, layout)


def needs_last_bytes(body: bytes, layout: Layout, counts: tuple[int, ...] = LAST_BYTES) -> bool:
    """Return True if the picture is not complete, or not decoded at all, without the last bytes of its pixel data."""
    try:
        return any(count_differing_rows(body[:-count], layout) for count in counts)
    except OSError:
        return True


def count_differing_rows(body: bytes, layout: Layout) -> int:
    """Return the number of rows from the first one that changes if garbage follows the data [px]."""
    body = body.rstrip(b"\xff")  # never pixel data; garbage after it would be a marker
    garbage = IMPLIED_ZEROS + GARBAGE if layout.is_arithmetic else GARBAGE
    first, second = (open_reduced(body + tail + END, layout) for tail in (b"", garbage))
    with first, second:
        scale = max(1, round(layout.height / first.height))
        rows = 512
        for top in range(0, first.height, rows):
            box = (0, top, first.width, min(top + rows, first.height))
            differs = np.asarray(first.crop(box)) != np.asarray(second.crop(box))
            changed = differs.reshape(len(differs), -1).any(axis=1)
            if changed.any():
                return layout.height - (top + int(changed.argmax())) * scale
    return 0


def open_reduced(data: bytes, layout: Layout) -> JpegImagePlugin.JpegImageFile:
    """Decode a JPEG at the smallest size at which missing data shows: an eighth, or nearly full size if progressive."""
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    reduction = 8 if not layout.is_progressive else 2 if image.width * image.height > MAX_FULL_PIXELS else 1
    if reduction > 1:
        image.draft(None, (max(1, image.width // reduction), max(1, image.height // reduction)))
    image.load()
    return image
