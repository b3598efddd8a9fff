"""Files that are compressed as a whole, such as .tar.gz: unpack them in pieces."""

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator
from typing import IO, Protocol

from mangagan.readers.archives.archive_reader import CHUNK, MAX_DICTIONARY, check_ratio
from mangagan.readers.archives.archive_signatures import BZIP2, GZIP, XZ, ZSTD
from mangagan.readers.archives.unpacked_files import describe_container_limit
from mangagan.readers.archives.zip_methods import WINDOW_LOG_MAX
from mangagan.readers.base import Limits
from mangagan.readers.errors import TooLargeError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SIGNATURES = {"gzip": GZIP, "bzip2": BZIP2, "xz": XZ, "zstd": ZSTD}
DAMAGE = (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, ValueError)  # OSError: gzip and bz2


class PieceReader(Protocol):
    """The method that the file classes of gzip, bz2 and zstd share."""

    def read1(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, as soon as some are unpacked. Empty at the end."""
        ...


def find_compression(header: bytes) -> str:
    """Return the compression of a file, one of SIGNATURES. Empty if it has none."""
    return next((name for name, signature in SIGNATURES.items() if header.startswith(signature)), "")


def unpack_pieces(file: IO[bytes], compression: str) -> Iterator[bytes]:
    """Yield the unpacked content of a file in pieces of at most CHUNK bytes.

    Raises:
        EOFError: The file is cut off. The pieces before it are good.
        Exception: The file is damaged: one of DAMAGE.
    """
    file.seek(0)
    if compression == "xz":
        yield from unpack_xz_streams(file)
        return
    stream: PieceReader
    if compression == "gzip":
        stream = gzip.GzipFile(fileobj=file)
    elif compression == "bzip2":
        stream = bz2.BZ2File(file)
    else:
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX}
        stream = zstd.ZstdFile(file, options=options)
    while piece := stream.read1(CHUNK):  # not `read`: it would lose the bytes before an error
        yield piece


def unpack_xz_streams(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of XZ streams, one after the other, with bounded memory. `lzma.LZMAFile` has no bound."""
    data = file.read(CHUNK)
    while data.startswith(XZ):
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_DICTIONARY)
        while not decompressor.eof:
            if decompressor.needs_input and not data:
                data = file.read(CHUNK)
                if not data:
                    raise EOFError
            yield decompressor.decompress(data, CHUNK)
            data = b""
        data = decompressor.unused_data.lstrip(b"\0") or file.read(CHUNK).lstrip(b"\0")


def peek(file: IO[bytes], length: int) -> bytes:
    """Return the first bytes of the unpacked content of a file. Empty if it is damaged."""
    compression = find_compression(file.read(16))
    content = b""
    try:
        for piece in unpack_pieces(file, compression):
            content += piece
            if len(content) >= length:
                break
    except (EOFError, *DAMAGE):
        return content[:length]
    return content[:length]


def unpack_stream(source: IO[bytes], compression: str, target: IO[bytes], limits: Limits) -> str:
    """Unpack a compressed file into another file.

    Args:
        source: The compressed file.
        compression: Result of `find_compression`.
        target: File for the content.
        limits: `max_container_bytes` and `max_ratio` apply.

    Returns:
        "cut off", "damaged", or an empty text. The target holds the content before the damage.

    Raises:
        TooLargeError: A limit is exceeded.
    """
    total = 0
    pieces = unpack_pieces(source, compression)
    while True:
        try:
            piece = next(pieces, None)
        except EOFError:
            return "cut off"
        except DAMAGE:
            return "damaged"
        if piece is None:
            return ""
        total += len(piece)
        if total > limits.max_container_bytes:
            raise TooLargeError(describe_container_limit(limits))
        check_ratio(total, source.tell(), limits)
        target.write(piece)
