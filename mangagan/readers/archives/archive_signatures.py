"""Signatures of archives at the beginning of a file."""

RAR4 = b"Rar!\x1a\x07\x00"
RAR5 = b"Rar!\x1a\x07\x01\x00"
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
PDF = b"%PDF-"
GZIP = b"\x1f\x8b\x08"
BZIP2 = b"BZh"
XZ = b"\xfd7zXZ\x00"
ZSTD = b"\x28\xb5\x2f\xfd"
TAR_BLOCK = 512
CHECKSUM = slice(148, 156)


def is_other_archive(header: bytes) -> bool:
    """Return True if a file is a container, but not a ZIP. It may hold a ZIP at its end."""
    signatures = (RAR4, RAR5, SEVEN_ZIP, GZIP, BZIP2, XZ, ZSTD)
    return header.startswith(signatures) or PDF in header[:1024] or is_tar_header(header)


def is_tar_header(header: bytes) -> bool:
    """Return True if a file begins with the header of a TAR, old ones without the word "ustar" included."""
    block = header[:TAR_BLOCK]
    if len(block) < TAR_BLOCK or not block[0]:
        return False
    digits = block[CHECKSUM].strip(b" \0").partition(b"\0")[0]
    if not digits or any(digit not in b"01234567" for digit in digits):
        return False
    blank = block[: CHECKSUM.start] + b" " * 8 + block[CHECKSUM.stop :]
    negative = 256 * sum(byte > 127 for byte in blank)  # some programs add signed bytes
    return int(digits, 8) in (sum(blank), sum(blank) - negative)
