"""Name the containers that no reader reads, from their first bytes."""

import re

# Name of the container, offset of its signature, signature.
SIGNATURES = (
    ("Kindle book (MOBI/AZW)", 60, b"BOOKMOBI"),
    ("Kindle book (MOBI/AZW)", 60, b"TEXtREAd"),
    ("Kindle book (AZW4)", 60, b"BOOKPrint"),
    ("Kindle book (Topaz)", 0, b"TPZ"),
    ("Kindle book (KFX)", 0, b"CONT\x02\x00"),
    ("Kindle book (KFX)", 0, b"\xeaDRMION\xee"),
    ("DjVu document", 0, b"AT&TFORM"),
    ("DjVu document", 0, b"SDJVFORM"),
    ("ACE archive", 7, b"**ACE**"),
    ("ARJ archive", 0, b"\x60\xea"),
    ("cpio archive", 0, b"070701"),
    ("cpio archive", 0, b"070707"),
    ("ar archive", 0, b"!<arch>\n"),
    ("XAR archive", 0, b"xar!"),
    ("Windows image (WIM)", 0, b"MSWIM\0\0\0"),
    ("file compressed with gzip", 0, b"\x1f\x8b\x08"),
    ("file compressed with bzip2", 0, b"BZh"),
    ("file compressed with xz", 0, b"\xfd7zXZ\0"),
    ("file compressed with zstd", 0, b"\x28\xb5\x2f\xfd"),
    ("file compressed with lz4", 0, b"\x04\x22\x4d\x18"),
    ("file compressed with lzip", 0, b"LZIP"),
    ("file compressed with lzma", 0, b"\x5d\0\0"),
    ("file compressed with compress", 0, b"\x1f\x9d"),
    ("StuffIt archive", 0, b"StuffIt (c)"),
    ("StuffIt archive", 0, b"SIT!"),
    ("Microsoft Cabinet archive", 0, b"MSCF\0\0\0\0"),
    ("ALZip archive", 0, b"ALZ\x01"),
    ("EGG archive", 0, b"EGGA"),
    ("compiled HTML help file", 0, b"ITSF\x03\0\0\0"),
    ("RTF document", 0, b"{\\rtf"),
    ("Microsoft Office document", 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ("PostScript document", 0, b"%!PS-Adobe"),
    ("SQLite database", 0, b"SQLite format 3\0"),
)
LHA_METHOD = re.compile(rb"-(lh[0-9dx]|lz[45s]|pm[012])-")
LHA_OFFSET = 2  # position of the method in the file
BROADBAND_EBOOK = re.compile(rb"L\0R\0F\0\0\0")


def name_container(header: bytes) -> str | None:
    """Return the name of a container format that no reader reads, for example "Kindle book (MOBI/AZW)".

    Args:
        header: The first bytes of the file, at least 512 if it has so many.

    Returns:
        A name for a reason. None if the bytes are of no known container.
    """
    for name, offset, signature in SIGNATURES:
        if header.startswith(signature, offset):
            return name
    if LHA_METHOD.match(header, LHA_OFFSET):
        return "LHA archive"
    if BROADBAND_EBOOK.match(header):
        return "Sony book (LRF)"
    return None
