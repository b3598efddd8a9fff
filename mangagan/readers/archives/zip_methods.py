"""The compression methods of ZIP. Each unpacks in small steps, so that memory is bounded."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import inflate64

from mangagan.readers.archives.archive_reader import CHUNK, MAX_DICTIONARY
from mangagan.readers.errors import TooLargeError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

AES = 99
SMALL_CHUNK = 4096  # bytes for decompressors that cannot limit their output: at most 4 MB of output for Deflate64
WINDOW_LOG_MAX = 27  # zstd: 128 MB, the limit of its own command line tool
UNSUPPORTED = {
    1: "Shrink",
    **dict.fromkeys((2, 3, 4, 5), "Reduce"),
    6: "Implode",
    10: "PKWARE Implode",
    18: "IBM TERSE",
    19: "IBM LZ77",
    94: "MP3",
    96: "WinZip JPEG",
    97: "WavPack",
    98: "PPMd",
}


class Decompressor(Protocol):
    """The interface that the decompressors of bz2, lzma and zstd share."""

    @property
    def eof(self) -> bool:
        """True after the end of the compressed stream."""
        ...

    @property
    def needs_input(self) -> bool:
        """True if more input is needed for more output."""
        ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most `max_length` bytes."""
        ...


def unpack_stored(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the data of a file without compression."""
    yield from chunks


def unpack_deflate(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Unpack Deflate."""
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in chunks:
        while chunk and not decompressor.eof:
            yield decompressor.decompress(chunk, CHUNK)
            chunk = decompressor.unconsumed_tail
        if decompressor.eof:
            return
    yield decompressor.flush()
    if not decompressor.eof:
        raise EOFError


def unpack_deflate64(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Unpack Deflate64, the method of Windows for files over 2 GB."""
    decompressor = inflate64.Inflater()
    for chunk in chunks:
        for start in range(0, len(chunk), SMALL_CHUNK):
            yield decompressor.inflate(chunk[start : start + SMALL_CHUNK])
            if decompressor.eof:
                return


def unpack_bzip2(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Unpack bzip2."""
    yield from run(bz2.BZ2Decompressor(), chunks)


def unpack_xz(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Unpack XZ."""
    yield from run(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_DICTIONARY), chunks)


def unpack_zstd(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Unpack Zstandard."""
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX}
    yield from run(zstd.ZstdDecompressor(options=options), chunks)


def unpack_lzma(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Unpack LZMA. The data begins with version (2 bytes), length (2 bytes) and the properties (5 bytes)."""
    iterator = iter(chunks)
    header = b""
    while len(header) < 9:
        header += next(iterator, b"") or raise_end()
    length = int.from_bytes(header[2:4], "little")
    if length != 5:
        raise ValueError("properties of LZMA are damaged")
    filters = [parse_lzma_properties(header[4:9], size)]
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)

    def rest() -> Iterator[bytes]:
        yield header[9:]
        yield from iterator

    yield from run(decompressor, rest())


def parse_lzma_properties(properties: bytes, size: int) -> dict[str, int]:
    """Return the filter of `lzma` for 5 bytes of properties.

    Args:
        properties: lc, lp and pb in one byte, and the size of the dictionary.
        size: Unpacked size of the file: the dictionary need not be larger [bytes].
    """
    packed, dictionary = properties[0], int.from_bytes(properties[1:5], "little")
    if packed >= 9 * 5 * 5:
        raise ValueError("properties of LZMA are damaged")
    dictionary = max(4096, min(dictionary, size))
    if dictionary > MAX_DICTIONARY:
        raise TooLargeError(f"compressed with a dictionary of {dictionary >> 20} MB, which needs too much memory")
    return {
        "id": lzma.FILTER_LZMA1,
        "dict_size": dictionary,
        "lc": packed % 9,
        "lp": packed // 9 % 5,
        "pb": packed // 45,
    }


def run(decompressor: Decompressor, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the output of a decompressor in pieces of at most CHUNK bytes.

    Raises:
        EOFError: The stream is cut off. Not raised for LZMA without an end marker: the size defines its end.
    """
    for chunk in chunks:
        yield decompressor.decompress(chunk, CHUNK)
        while not decompressor.eof and not decompressor.needs_input:
            yield decompressor.decompress(b"", CHUNK)
        if decompressor.eof:
            return


def raise_end() -> bytes:
    """Raise EOFError, in an expression."""
    raise EOFError


METHODS: dict[int, Callable[[Iterable[bytes], int], Iterator[bytes]]] = {
    0: unpack_stored,
    8: unpack_deflate,
    9: unpack_deflate64,
    12: unpack_bzip2,
    14: unpack_lzma,
    20: unpack_zstd,  # the number before 2020
    93: unpack_zstd,
    95: unpack_xz,
}


def find_method_problem(method: int) -> str:
    """Return why a method cannot be unpacked. Empty if it can."""
    if method in METHODS:
        return ""
    return f"compressed with {UNSUPPORTED.get(method, f'method {method}')}, which is not supported"
