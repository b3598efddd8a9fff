"""Identify image formats by the first bytes of a file, never by its name."""

import re

READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "HEIC", "JXL")
NO_PICTURE = "no picture"  # reason for content of no known image format
HEADER_BYTES = 4096  # enough to identify every format, TAR (byte 257) and PDF (in the first 1024 bytes) included
MAX_JUNK = 64  # bytes that may precede the signature of a PNG or JPEG (line breaks, a byte order mark)

# Name by first bytes. The names of unread formats are part of a reason: "PSD image: not supported".
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",
    b"\xff\x0a": "JXL",
    b"\x00\x00\x00\x0cJXL \r\n\x87\n": "JXL",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"MM\0*": "TIFF",
    b"8BPS": "PSD image",
    b"\x8aMNG\r\n\x1a\n": "MNG animation",
    b"\x8bJNG\r\n\x1a\n": "JNG image",
    b"AT&TFORM": "DjVu document",
    b"%!PS": "EPS or PostScript document",
    b"\xc5\xd0\xd3\xc6": "EPS or PostScript document",
    b"DDS ": "DDS image",
    b"gimp xcf": "GIMP image (XCF)",
    b"CSFCHUNK": "Clip Studio Paint file",
    b"SAI-CANVAS": "SAI image",
    b"\x49\x49\xbc": "JPEG XR image",
    b"\x76\x2f\x31\x01": "OpenEXR image",
    b"#?RADIANCE": "HDR image (Radiance)",
    b"qoif": "QOI image",
    b"BPG\xfb": "BPG image",
    b"FLIF": "FLIF image",
    b"icns": "ICNS icon",
    b"FUJIFILMCCD-RAW": "camera raw photo",
    b"IIRO": "camera raw photo",
    b"IIRS": "camera raw photo",
    b"IIU\0": "camera raw photo",
    b"FOVb": "camera raw photo",
    b"\x00MRM": "camera raw photo",
    b"\x1aE\xdf\xa3": "MKV or WebM video",
    b"FLV\x01": "FLV video",
    b"\x00\x00\x01\xba": "MPEG video",
    b"ID3": "MP3 audio",
}
# A container can hold an image right after its first bytes, so no image is searched for in it.
CONTAINERS = (b"PK", b"Rar!", b"7z\xbc\xaf", b"%PDF", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"!<arch>")
BRANDS = {  # of the `ftyp` box of ISO media files
    "AVIF": {b"avif", b"avis"},
    "HEIC": {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"},
    "camera raw photo": {b"crx "},
}
BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}
MARKERS_AFTER_SOI = rb"[\xc0-\xc2\xc4\xdb\xdd\xe0-\xef\xfe]"
LATE_SIGNATURE = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff" + MARKERS_AFTER_SOI)
SVG = re.compile(rb"^\s*(<\?xml[^>]*>)?\s*(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>)?\s*<svg\b", re.DOTALL | re.IGNORECASE)
PNM = re.compile(rb"P[1-6]\s+(#|\d)|P7\s+WIDTH\b|P[Ff]\s+\d")
PCX = re.compile(rb"\x0a[\0\2-\5][\0\1][\1\2\4\x08]")
HTML = re.compile(rb"^\s*<(!DOCTYPE\s+html|html|head|body)\b", re.IGNORECASE)


def identify_format(header: bytes) -> str | None:
    """Return the name of the format, or None if it is no known image format.

    Args:
        header: The first bytes of the file, at least 64 if the file has them.

    Returns:
        One of `READABLE`, or a name for a reason, such as "PSD image", of a format that is recognised but not read.
    """
    name = next((name for signature, name in SIGNATURES.items() if header.startswith(signature)), None)
    name = name or identify_riff(header) or identify_iso_media(header) or identify_by_fields(header)
    if name is None and not header.startswith(CONTAINERS) and (late := LATE_SIGNATURE.search(header[: MAX_JUNK + 8])):
        name = "PNG" if late.group().startswith(b"\x89") else "JPEG"
    return name


def has_image_signature(header: bytes) -> bool:
    """Return True if a file that begins with `header` has one of the formats that are read."""
    return identify_format(header) in READABLE


def describe_unread_format(header: bytes) -> str:
    """Return the reason for rejecting content whose format is not read."""
    if name := identify_format(header):
        return f"{name}: not supported"
    return f"{NO_PICTURE}: a web page (HTML)" if HTML.match(header.removeprefix(b"\xef\xbb\xbf")) else NO_PICTURE


def identify_riff(header: bytes) -> str | None:
    """Return the name of a format that is stored in RIFF chunks."""
    if header[:4] != b"RIFF":
        return None
    return {b"WEBP": "WEBP", b"AVI ": "AVI video", b"WAVE": "WAV audio"}.get(header[8:12])


def identify_iso_media(header: bytes) -> str | None:
    """Return the name of a format that is stored in ISO media boxes (HEIF, AVIF, MP4), by its brands."""
    if header[4:8] != b"ftyp":
        return "MP4 video" if header[4:8] == b"moov" else None
    size = min(int.from_bytes(header[:4], "big"), len(header))
    brands = {header[start : start + 4] for start in (8, *range(16, size, 4))}
    return next((name for name, known in BRANDS.items() if brands & known), "MP4 video")


def identify_by_fields(header: bytes) -> str | None:
    """Return the name of a format with a short signature, if the fields after it are plausible."""
    if header[:4] == b"II*\0":
        return "camera raw photo" if header[8:10] == b"CR" else "TIFF"
    if header[:2] == b"BM" and int.from_bytes(header[14:18], "little") in BMP_HEADER_SIZES:
        return "BMP"
    if header[:4] in (b"\0\0\1\0", b"\0\0\2\0") and 0 < int.from_bytes(header[4:6], "little") <= 256:
        return "ICO icon"
    if PNM.match(header):
        return "PNM image"
    if PCX.match(header) and len(header) >= 128:
        return "PCX image"
    return "SVG drawing" if SVG.match(header.removeprefix(b"\xef\xbb\xbf")) else None
