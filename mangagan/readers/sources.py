"""Read the images of files and containers. A failure becomes a source with a reason, not an exception."""

import contextlib
import errno
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mangagan.core.errors import UserError
from mangagan.decoding.decode import count_frames, estimate_memory
from mangagan.decoding.formats import HEADER_BYTES, has_image_signature, identify_format
from mangagan.readers.archives.archive_reader import MIN_RATIO_BYTES
from mangagan.readers.base import Limits, Member, Reader
from mangagan.readers.comic_info import MAX_BYTES, read_comic_info
from mangagan.readers.errors import ReaderError
from mangagan.readers.image_file import has_image_suffix
from mangagan.readers.listing import File
from mangagan.readers.litter import is_litter
from mangagan.readers.names import escape
from mangagan.readers.order import sort_paths
from mangagan.readers.registry import NOT_IN_TITLE, find_reader

MAX_REASON = 160  # characters of the message of a library
MAX_NESTED_BYTES = 400 * 10**6  # of a container in a container: it is held in memory once
MAX_MEMORY = 700e6  # of the images that are decoded at the same time [bytes]; one larger image is decoded alone
UNKNOWN_MEMORY = 200e6  # assumed for an image whose header cannot be read [bytes]
COMIC_INFO = "comicinfo.xml"
# Errors of the disk, the network or the system; the file is not the cause.
DISK_ERRORS = frozenset(
    (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENODEV, errno.ENXIO)
)
CONTAINER_SUFFIXES = (".zip", ".cbz", ".rar", ".cbr", ".7z", ".cb7", ".tar", ".cbt", ".gz", ".pdf", ".epub")


@dataclass(frozen=True)
class Source:
    """An encoded image, or the reason why there is none. Plain data: it can be sent to another process.

    Attributes:
        title: Title of the page. Empty if it has none.
        name: Printable name of the file, with `::member` for a member of a container.
        data: The encoded image. If there is a reason: empty, or an image to show on the sheet of rejected images.
        reason: Why the image is rejected. Empty if it was read.
        right_to_left: Reading direction that the container declares. None if it declares none.
    """

    title: str
    name: str
    data: bytes = field(default=b"", repr=False)
    reason: str = ""
    right_to_left: bool | None = None

    @property
    def folder(self) -> str:
        """Return the folder or container of the image: images of one folder can be slices of one strip."""
        return self.name.rpartition("::")[0] or self.name.rpartition("/")[0]


def weigh_source(source: Source) -> float:
    """Return the memory needed to decode a source [bytes], estimated from its header."""
    if not source.data:
        return 0.0
    return len(source.data) + float(estimate_memory(source.data) or UNKNOWN_MEMORY)


def read_sources(files: Iterable[File], limits: Limits) -> Iterator[Source]:
    """Yield the images of each file, in order. Every file yields at least one source, unless it holds only litter.

    Args:
        files: Files to read.
        limits: Bounds of each file.
    """
    for file in files:
        if file.reason:
            yield Source(file.title, file.name, read_rejected(file, limits), file.reason)
        else:
            yield from read_file(Source(file.title, file.name), file.path, limits)


def read_rejected(file: File, limits: Limits) -> bytes:
    """Return the content of an image that is rejected for its place only, so that it can be shown. Empty otherwise."""
    with contextlib.suppress(OSError):
        if file.reason == NOT_IN_TITLE and file.path.stat().st_size <= limits.max_image_bytes:
            return file.path.read_bytes()
    return b""


def read_file(file_source: Source, path: Path, limits: Limits, nested: bool = False) -> Iterator[Source]:
    """Yield the images of one file. The file is open only during the iteration.

    Args:
        file_source: Title and name of the file.
        path: The file.
        limits: Bounds of the file.
        nested: The file is a container in a container: containers in it are rejected.
    """
    try:
        reader, reason = find_reader(path, file_source.name)
        if reader is None:
            yield replace(file_source, reason=reason)
            return
        reader_limits = replace(limits, max_image_bytes=max(limits.max_image_bytes, MAX_NESTED_BYTES))
        with reader(path, reader_limits) as opened:
            members, reason = list_members(opened, limits)
            file_source = replace(file_source, right_to_left=getattr(opened, "right_to_left", None))
            file_source, members = apply_comic_info(file_source, members)
            for member in members:
                yield from read_member(file_source, member, limits, nested)
            if reason:
                yield replace(file_source, reason=reason)
    except Exception as error:  # libraries raise many types on damaged files
        raise_if_disk_full(error)
        yield replace(file_source, reason=describe_error(error, path))


def list_members(reader: Reader, limits: Limits) -> tuple[list[Member], str]:
    """Return the members of an opened file in reading order, and an error text (empty if there was no error).

    If the listing fails midway, the members before the failure are kept.
    """
    members: list[Member] = []
    reason, total = "", 0
    try:
        for member in reader.members():
            total += member.size or 0
            if len(members) == limits.max_members:
                reason = f"too many files in the container: only the first {limits.max_members} are read"
                break
            if total > limits.max_container_bytes:
                reason = f"too large: over {limits.max_container_bytes / 1e9:g} GB unpacked"
                break
            members.append(member)
    except Exception as error:
        raise_if_disk_full(error)
        reason = describe_error(error, reader.path)
    if not reader.in_reading_order:
        by_name: dict[str, list[Member]] = {}
        for member in members:
            by_name.setdefault(member.name, []).append(member)
        members = [member for name in sort_paths(by_name) for member in by_name[name]]
    return members, reason or ("" if members else "no files in the container")


def apply_comic_info(file_source: Source, members: list[Member]) -> tuple[Source, list[Member]]:
    """Remove litter from the members of a container, and apply its ComicInfo.xml.

    Returns:
        The source with the reading direction, and the members; pages of the type Deleted have a reason.
    """
    files = [member for member in members if not is_litter(member.name)]
    found = next((member for member in members if member.name.lower().split("/")[-1] == COMIC_INFO), None)
    if found is None or found.reason or (found.size or 0) > MAX_BYTES:
        return file_source, files
    with contextlib.suppress(Exception):  # a damaged ComicInfo.xml changes nothing
        info = read_comic_info(found.read())
        if info is not None:
            if file_source.right_to_left is None:
                file_source = replace(file_source, right_to_left=info.right_to_left)
            images = [member for member in files if has_image_suffix(member.name)]
            deleted = {id(member) for number, member in enumerate(images) if number in info.deleted}
            reason = "deleted page (ComicInfo.xml)"
            files = [replace(member, reason=reason) if id(member) in deleted else member for member in files]
    return file_source, files


def read_member(file_source: Source, member: Member, limits: Limits, nested: bool) -> Iterator[Source]:
    """Read one member of an opened file. The size is checked before reading, if it is known."""
    name = f"{file_source.name}::{escape(member.name)}" if member.name else file_source.name
    source = replace(file_source, name=name)
    if reason := member.reason or find_size_problem(member, limits):
        yield replace(source, reason=reason)
        return
    try:
        data = member.read()
    except Exception as error:
        raise_if_disk_full(error)
        yield replace(source, reason=describe_error(error, Path(member.name)))
        return
    if not data:
        yield replace(source, reason="empty file")
    elif not has_image_signature(data[:HEADER_BYTES]) or is_multipage_tiff(data):
        yield from read_nested(source, data, limits, nested)
    elif len(data) > limits.max_image_bytes:
        yield replace(source, reason=describe_size(len(data), limits.max_image_bytes))
    else:
        yield replace(source, data=data)


def read_nested(source: Source, data: bytes, limits: Limits, nested: bool) -> Iterator[Source]:
    """Yield the images of a container in a container, or the reason why the file is not read.

    Args:
        source: Title and name of the file.
        data: Its content, which is no plain image.
        limits: Bounds of the file.
        nested: The file is in a container that is itself in a container.
    """
    with tempfile.TemporaryDirectory(prefix="mangagan-") as folder:
        path = Path(folder, "nested")
        path.write_bytes(data)
        reader, reason = find_reader(path, source.name)
        if reader is None:
            yield replace(source, reason=reason)
        elif nested and reader.is_container:
            yield replace(source, reason="a container in a container in a container: unpack it first")
        else:
            del data
            yield from read_file(source, path, limits, nested=True)


def is_multipage_tiff(data: bytes) -> bool:
    """Return True if an image is a TIFF with several pages. It is read as a container."""
    return identify_format(data[:HEADER_BYTES]) == "TIFF" and count_frames(data) > 1


def find_size_problem(member: Member, limits: Limits) -> str:
    """Return why a member is rejected before reading. Empty if it is not, or if its size is unknown."""
    if member.size is None:
        return ""
    if member.size == 0:
        return "empty file"
    is_nested = Path(member.name).suffix.lower() in CONTAINER_SUFFIXES
    max_bytes = max(MAX_NESTED_BYTES, limits.max_image_bytes) if is_nested else limits.max_image_bytes
    if member.size > max_bytes:
        return describe_size(member.size, max_bytes)
    if member.packed_size and member.size > max(limits.max_ratio * member.packed_size, MIN_RATIO_BYTES):
        return f"unpacks to more than {limits.max_ratio:g} times its size (archive bomb)"
    return ""


def describe_size(size: int, max_bytes: int) -> str:
    """Return the reason for rejecting a file of this size [bytes]."""
    return f"too large: {size / 1e6:.0f} MB, over {max_bytes / 1e6:g} MB"


def raise_if_disk_full(error: Exception) -> None:
    """Raise UserError if the disk of the temporary files is full: the file that is read is not the cause."""
    if isinstance(error, UserError):
        raise error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        folder = tempfile.gettempdir()
        raise UserError(
            f"no space left for temporary files in {folder}. Free some space, or set TMPDIR to a folder on another disk"
        ) from error


def describe_error(error: Exception, path: Path) -> str:
    """Return an exception as a reason of one line. The reason names no folder of this machine."""
    if isinstance(error, ReaderError):
        return escape(" ".join(str(error).split()))[:MAX_REASON]
    if isinstance(error, PermissionError):
        return "cannot be opened: permission denied"
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, MemoryError):
        return "cannot be read: not enough memory"
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return f"cannot be read: {(error.strerror or str(error)).lower()}"
    text = (error.strerror if isinstance(error, OSError) else "") or str(error)
    for spelling in (path.resolve(), path):
        text = text.replace(str(spelling), path.name)
    return f"damaged: {escape(' '.join(text.split()))[:MAX_REASON] or type(error).__name__}"
