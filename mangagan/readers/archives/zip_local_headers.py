"""List the files of a ZIP without its central directory, from local header to local header."""

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from mangagan.readers.archives.zip_records import (
    CENTRAL,
    DESCRIPTOR,
    DESCRIPTOR_FOLLOWS,
    END,
    END64,
    LOCAL,
    MAX_PREFIX,
    Entry,
    find_data,
    read_at,
    read_local,
)

DESCRIPTORS = (struct.Struct("<3I"), struct.Struct("<IQQ"))  # CRC, packed size, size; the second is that of ZIP64
LOCAL_SIGNATURE = re.compile(re.escape(LOCAL))
ANY_SIGNATURE = re.compile(b"|".join(map(re.escape, (LOCAL, CENTRAL, DESCRIPTOR))))
MAX_SIGNATURES = 200_000  # in one archive; bounds the time that a malicious archive takes
SCAN = 1 << 20  # bytes that are searched at once


class LocalHeaders:
    """An iterator over the whole files of a ZIP. A file whose end is missing is not yielded."""

    def __init__(self, file: IO[bytes], file_size: int) -> None:
        self.file = file
        self.file_size = file_size
        self.signatures = 0

    def __iter__(self) -> Iterator[Entry]:
        position = next(self.find_signatures(LOCAL_SIGNATURE, 0, min(self.file_size, MAX_PREFIX)), None)
        while position is not None:
            entry = read_local(self.file, position)
            if entry is None:  # damaged, or the start of the central directory
                if read_at(self.file, position, 4) in (CENTRAL, END, END64):
                    return
                position = next(self.find_signatures(LOCAL_SIGNATURE, position + 1, self.file_size), None)
                continue
            start = find_data(self.file, position)
            position = start + entry.packed_size
            if entry.flags & DESCRIPTOR_FOLLOWS and entry.packed_size == 0:
                found = self.find_descriptor(start)
                if found is None:
                    return
                crc, packed_size, size, position = found
                entry = replace(entry, crc=crc, packed_size=packed_size, size=size)
            if start + entry.packed_size > self.file_size:
                return
            yield entry

    def find_descriptor(self, start: int) -> tuple[int, int, int, int] | None:
        """Find the data descriptor of a file whose local header does not declare the size.

        Args:
            start: Position of the packed data.

        Returns:
            CRC, packed size and size, and the position after the descriptor. None if it is missing.
        """
        for position in self.find_signatures(ANY_SIGNATURE, start, self.file_size):
            length = position - start
            head = read_at(self.file, position, 24)
            for layout in DESCRIPTORS:
                if head.startswith(DESCRIPTOR):
                    fields, packed, end = head[4 : 4 + layout.size], length, position + 4 + layout.size
                else:  # the signature of the descriptor is optional
                    packed, end = length - layout.size, position
                    fields = read_at(self.file, start + packed, layout.size) if packed >= 0 else b""
                if len(fields) == layout.size and layout.unpack(fields)[1] == packed:
                    crc, packed_size, size = layout.unpack(fields)
                    return crc, packed_size, size, end
        return None

    def find_signatures(self, pattern: re.Pattern[bytes], start: int, end: int) -> Iterator[int]:
        """Yield the positions of signatures of 4 bytes between two positions, MAX_SIGNATURES in total."""
        while start < end:
            block = read_at(self.file, start, min(SCAN, end - start) + 3)
            for match in pattern.finditer(block):
                self.signatures += 1
                if self.signatures > MAX_SIGNATURES:
                    return
                yield start + match.start()
            start += SCAN
