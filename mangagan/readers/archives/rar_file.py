"""The reader of RAR archives (.rar, .cbr), versions 2 to 7."""

import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import rarfile

from mangagan.readers.archives.archive_reader import (
    CHUNK,
    DAMAGED,
    LINK,
    MAX_DICTIONARY,
    NEEDS_PASSWORD,
    ArchiveReader,
    check_ratio,
    describe_cut_off,
    describe_damage,
    describe_file_limit,
)
from mangagan.readers.archives.archive_signatures import RAR5
from mangagan.readers.archives.member_names import clean_name, decode_names
from mangagan.readers.archives.rar_headers import (
    MISSING_VOLUME,
    NEW_VOLUME,
    RarListing,
    find_dictionary,
    find_first_volume,
    find_signature,
    list_rar,
    write_single_archive,
)
from mangagan.readers.archives.rar_unpackers import NO_UNPACKER, Unpacker, find_unpackers, run_unpacker
from mangagan.readers.archives.unpacked_files import UnpackedFiles, describe_container_limit
from mangagan.readers.base import Member
from mangagan.readers.errors import ReaderError, TooLargeError

COPIES = (rarfile.RAR5_XREDIR_HARD_LINK, rarfile.RAR5_XREDIR_FILE_COPY)
HEADER = 16


class RarReader(ArchiveReader):
    """The files in a RAR. Files that are stored without compression need no other program.

    A solid archive is unpacked once, into a temporary folder. The first volume of a set reads the others.
    """

    @classmethod
    def matches(cls, header: bytes, path: Path) -> bool:
        """Return True for a RAR, also if it begins with a program that unpacks it."""
        return find_signature(header, path) is not None

    def list_members(self) -> Iterator[Member]:
        """Yield the files and links."""
        signature, position = find_signature(self.file.read(HEADER), self.path) or (RAR5, 0)
        self.listing = list_rar(self.path, signature, position, self.limits)
        self.numbers = {id(info): number for number, info in enumerate(self.listing.files)}
        solid = any(info.flags & rarfile.RAR_FILE_SOLID for info in self.listing.files)
        self.is_solid = solid or self.listing.parser.is_solid() or len(self.listing.parser.volumelist()) > 1
        self.is_unpacked = False
        if not self.listing.files and self.listing.parser.needs_password():
            raise ReaderError(NEEDS_PASSWORD)
        whole = [info for info in self.listing.files if id(info) not in self.listing.incomplete]
        targets = {info.filename: info for info in whole if info.file_redir is None}
        for info, name in zip(whole, find_names(whole), strict=True):
            source = targets.get(info.file_redir[2]) if info.file_redir and info.file_redir[0] in COPIES else info
            reason = LINK if source is None or info.is_symlink() else self.find_problem(source)
            source = source or info
            read = partial(self.read_file, source)
            yield Member(clean_name(name), source.file_size, read, reason, source.compress_size)
        if error := self.describe_end(self.listing, signature, len(whole)):
            raise ReaderError(error)

    def find_problem(self, info: Any) -> str:
        """Return why a file cannot be read. Empty if it can."""
        if info.needs_password():
            return NEEDS_PASSWORD
        memory = min(find_dictionary(info), sum(file.file_size for file in self.listing.files))
        if info.compress_type != rarfile.RAR_M0 and memory > 2 * MAX_DICTIONARY:
            return f"compressed with a dictionary of {memory >> 20} MB, which needs too much memory"
        return ""

    def describe_end(self, listing: RarListing, signature: bytes, count: int) -> str:
        """Return why the archive is not whole. Empty if it is.

        Args:
            listing: The listed archive.
            signature: RAR4 or RAR5. The versions before RAR5 need no last block.
            count: Number of whole files.
        """
        if listing.error.startswith(MISSING_VOLUME):
            name = Path(listing.error.partition(": ")[2]).name
            return f"a volume is missing: {name}; {count} whole files could be read"
        if listing.incomplete or (listing.error and "EOF" in listing.error):
            return describe_cut_off(count)
        if listing.parser.needs_password() and not any(info.needs_password() for info in listing.files):
            return NEEDS_PASSWORD
        if listing.error:
            return describe_damage(count)
        return describe_cut_off(count) if signature == RAR5 and not listing.has_end else ""

    def read_file(self, info: Any) -> bytes:
        """Return the content of a file.

        Raises:
            ReaderError: It is damaged, or no program can unpack it.
            TooLargeError: It is larger than a limit.
        """
        if info.file_size > self.limits.max_image_bytes:
            raise TooLargeError(describe_file_limit(self.limits))
        if info.compress_type == rarfile.RAR_M0:
            content = io.BytesIO()
            with self.listing.parser.open(info, None) as file:
                while piece := file.read(CHUNK):
                    content.write(piece)
            return content.getvalue()
        check_ratio(info.file_size, info.compress_size, self.limits)
        if not self.is_solid:
            return self.unpack_file(info)
        if not self.is_unpacked:
            self.is_unpacked = True
            self.unpack_all()
        number = self.numbers[id(info)]
        if not self.unpacked.path(number).exists():
            raise ReaderError(self.describe_failure())
        return self.unpacked.read(number)

    def unpack_file(self, info: Any) -> bytes:
        """Return the content of a compressed file of an archive that is not solid."""
        with tempfile.TemporaryDirectory(prefix="mangagan-") as folder:
            archive = Path(folder, "archive.rar")
            with archive.open("wb") as file:
                write_single_archive(file, info)
            for unpacker in self.list_unpackers():
                with run_unpacker(unpacker, archive, info.file_size) as output:
                    data = output.read(info.file_size)
                if is_intact(info, [data]):
                    self.unpackers.remove(unpacker)  # unpack the next file with it first
                    self.unpackers.insert(0, unpacker)
                    return data
        raise ReaderError(self.describe_failure())

    def unpack_all(self) -> None:
        """Unpack an archive into a temporary folder, with the first program that unpacks all of it.

        If none does, the folder holds the files that one of them could unpack.
        """
        total = sum(info.file_size for info in self.listing.files)
        if total > self.limits.max_container_bytes:
            raise TooLargeError(describe_container_limit(self.limits))
        self.unpacked = self.resources.enter_context(UnpackedFiles(self.limits))
        files = [info for info in self.listing.files if info.file_redir is None and info.is_file()]
        files = [info for info in files if info.file_size and not info.needs_password()]
        with tempfile.TemporaryDirectory(prefix="mangagan-") as folder:
            archive = link_volumes(self.listing.parser.volumelist(), Path(folder))
            for unpacker in self.list_unpackers():
                with suppress(EOFError), run_unpacker(unpacker, archive, total) as output:
                    if self.split_output(files, output):
                        return

    def split_output(self, files: list[Any], output: IO[bytes]) -> bool:
        """Cut the output of a program into files and keep those that are compressed.

        Args:
            files: Records of the files in the output.
            output: The output.

        Returns:
            False if a file is not intact. The files before it are kept.

        Raises:
            EOFError: The output ends early. The files before it are kept.
        """
        for info in files:
            number = self.numbers[id(info)]
            pieces = read_pieces(output, info.file_size)
            if info.compress_type == rarfile.RAR_M0 or info.file_size > self.limits.max_image_bytes:
                for _ in pieces:
                    pass
            elif self.unpacked.path(number).exists():  # by another program
                if not is_intact(info, pieces):
                    return False
            else:
                self.unpacked.write(number, pieces)
                with self.unpacked.path(number).open("rb") as file:
                    intact = is_intact(info, read_pieces(file, info.file_size))
                if not intact:
                    self.unpacked.path(number).unlink()
                    return False
        return True

    def list_unpackers(self) -> list[Unpacker]:
        """Return the installed programs, the last successful one first.

        Raises:
            ReaderError: There is none.
        """
        if not hasattr(self, "unpackers"):
            self.unpackers = find_unpackers()
        if not self.unpackers:
            raise ReaderError(NO_UNPACKER)
        return list(self.unpackers)

    def describe_failure(self) -> str:
        """Return the reason for a file that no program could unpack."""
        if any(unpacker.program == "unrar" for unpacker in self.list_unpackers()):
            return DAMAGED
        return "damaged in the archive, or too new for the installed unpacker: install unrar"

    def describe(self, error: Exception) -> str:
        """Return the reason for an exception of `rarfile`."""
        if isinstance(error, rarfile.NeedFirstVolume):
            first = find_first_volume(self.path)
            return f"part of a volume set: read with {first.name if first else 'its first volume'}"
        if isinstance(error, rarfile.PasswordRequired):
            return NEEDS_PASSWORD
        return DAMAGED


def find_names(files: list[Any]) -> list[str]:
    """Return the names of files. Those without the Unicode flag of RAR 4 share one unknown encoding."""
    unicode = [isinstance(info, rarfile.Rar3Info) and info.flags & rarfile.RAR_FILE_UNICODE for info in files]
    raw = [info.orig_filename for info, known in zip(files, unicode, strict=True) if not known]
    decoded = iter(decode_names(raw))
    return [info.filename if known else next(decoded) for info, known in zip(files, unicode, strict=True)]


def is_intact(info: Any, pieces: Any) -> bool:
    """Return True if a file has the size and the checksum that the archive states.

    Args:
        info: Its record.
        pieces: Its content, in pieces.
    """
    size, crc, blake = 0, 0, rarfile.Blake2SP() if info.CRC is None and info.blake2sp_hash else None
    with suppress(EOFError):
        for piece in pieces:
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            if blake:
                blake.update(piece)
    if size != info.file_size or (info.CRC is not None and crc != info.CRC):
        return False
    return blake is None or blake.digest() == info.blake2sp_hash


def read_pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the next bytes of a file in pieces.

    Args:
        file: The file.
        size: Number of bytes.

    Raises:
        EOFError: There are fewer.
    """
    while size > 0:
        piece = file.read(min(size, CHUNK))
        if not piece:
            raise EOFError
        size -= len(piece)
        yield piece


def link_volumes(volumes: list[str], folder: Path) -> Path:
    """Create links with plain names to the volumes of an archive, because some programs expand patterns in names.

    Args:
        volumes: Paths of the volumes, the first one first.
        folder: Folder for the links.

    Returns:
        The link to the first volume, or that volume where the system does not allow links.
    """
    links = []
    try:
        for number, volume in enumerate(volumes):
            match = NEW_VOLUME.search(volume)
            suffix = f".part{match[1]}.rar" if match else Path(volume).suffix if number else ".rar"
            links.append(folder / f"archive{suffix}")
            links[-1].symlink_to(Path(volume).resolve())
    except OSError:
        return Path(volumes[0])
    return links[0]
