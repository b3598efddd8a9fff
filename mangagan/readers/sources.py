"""Read the images of files and containers. A failure becomes a source with a reason, not an exception."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mangagan.pages.decode import Page, UnreadableError, decode_page
from mangagan.readers.base import Member, Reader
from mangagan.readers.image_file import ImageFile
from mangagan.readers.listing import File
from mangagan.readers.names import escape, is_system_file, natural_key
from mangagan.readers.registry import find_reader

WHOLE_FILE = -1  # position of a source that represents a file, not one of its members
MAX_REASON = 160  # characters of the message of a library


@dataclass(frozen=True)
class Source:
    """An encoded image, or the reason why there is none. Plain data: it can be sent to another process.

    Attributes:
        title: Title of the page. Empty if it has none.
        name: Printable name of the file, with `::member` for a member of a container.
        path: The file.
        position: Index of the member in the order of reading. WHOLE_FILE if the file as a whole is rejected.
        data: The encoded image. Empty if there is a reason.
        reason: Why the image is rejected. Empty if it was read.
    """

    title: str
    name: str
    path: Path
    position: int = WHOLE_FILE
    data: bytes = field(default=b"", repr=False)
    reason: str = ""


def read_sources(files: Iterable[File], max_file_mb: float) -> Iterator[Source]:
    """Yield the images of each file, in order. Every file yields at least one source.

    Args:
        files: Files to read.
        max_file_mb: Larger images are rejected without reading them [10^6 bytes, encoded]. There is no limit for the
            size of a container.
    """
    for file in files:
        if file.reason:
            yield Source(file.title, file.name, file.path, reason=file.reason)
        else:
            yield from read_file(file, max_file_mb)


def read_file(file: File, max_file_mb: float, positions: Collection[int] | None = None) -> Iterator[Source]:
    """Yield the images of one file. The file is open only during the iteration.

    Args:
        file: The file. Its `reason` is ignored.
        max_file_mb: As for `read_sources`.
        positions: Yield only the members at these positions. None: all.
    """
    rejected = Source(file.title, file.name, file.path)
    try:
        reader, reason = find_reader(file.path)
        if reader is None:
            yield replace(rejected, reason=reason)
            return
        with reader(file.path) as opened:
            members, reason = list_members(opened)
            for position, member in enumerate(members):
                if positions is None or position in positions:
                    yield read_member(file, position, member, max_file_mb)
            if reason:
                yield replace(rejected, reason=reason)
    except Exception as error:  # libraries raise anything on damaged files
        yield replace(rejected, reason=describe_error(error, file.path))


def decode_source(source: Source, max_megapixels: float = 100) -> Page:
    """Decode the image of a source, as `mangagan.pages.decode.decode_page` does.

    Raises:
        UnreadableError: The source has a reason, or its data cannot be decoded.
    """
    if source.reason:
        raise UnreadableError(source.reason)
    return decode_page(source.data, max_megapixels)


def read_again(file: File, positions: Collection[int], max_file_mb: float) -> Iterator[Source]:
    """Yield the images at these positions of a file, to show rejected images.

    If the whole file was rejected (WHOLE_FILE), it is read as a plain image, regardless of its name.
    """
    if not file.path.is_file():  # reading a pipe would block
        return
    if members := [position for position in positions if position != WHOLE_FILE]:
        yield from read_file(file, max_file_mb, members)
    if WHOLE_FILE in positions:
        for image in list_members(ImageFile(file.path))[0]:
            yield read_member(file, WHOLE_FILE, image, max_file_mb)


def list_members(reader: Reader) -> tuple[list[Member], str]:
    """Return the members of an opened file in reading order, and an error text (empty if there was no error).

    If the listing fails midway, the members before the failure are kept.
    """
    members: list[Member] = []
    reason = ""
    try:
        for member in reader.members():
            if not is_system_file(member.name):
                members.append(member)
    except Exception as error:
        reason = describe_error(error, reader.path)
    if not reader.in_reading_order:
        members.sort(key=lambda member: (natural_key(member.name), member.name))
    return members, reason or ("" if members else "no files in the container")


def read_member(file: File, position: int, member: Member, max_file_mb: float) -> Source:
    """Read one member of an opened file. The size is checked before reading, if it is known."""
    name = f"{file.name}::{escape(member.name)}" if member.name else file.name
    rejected = Source(file.title, name, file.path, position)
    if reason := member.reason or find_size_problem(member.size, max_file_mb):
        return replace(rejected, reason=reason)
    try:
        data = member.read()
    except Exception as error:
        return replace(rejected, reason=describe_error(error, file.path))
    if reason := find_size_problem(len(data), max_file_mb):
        return replace(rejected, reason=reason)
    return replace(rejected, data=data)


def find_size_problem(size: int | None, max_file_mb: float) -> str:
    """Return why an image of this size [bytes] is rejected. Empty if it is not, or if the size is unknown."""
    if size == 0:
        return "empty file"
    if size is not None and size > max_file_mb * 1e6:
        return f"too large: {size / 1e6:.0f} MB, over {max_file_mb:g} MB"
    return ""


def describe_error(error: Exception, path: Path) -> str:
    """Return an exception as a reason of one line. It names no folder of this machine."""
    text = (error.strerror if isinstance(error, OSError) else "") or str(error)
    for spelling in (path.resolve(), path):
        text = text.replace(str(spelling), path.name)
    return f"unreadable: {escape(' '.join(text.split()))[:MAX_REASON] or type(error).__name__}"
