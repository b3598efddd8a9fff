"""Find out which files of an EPUB are encrypted. Obfuscated fonts are not: they do not protect the pages."""

import zipfile

from mangagan.readers.books.epub_archive import EpubArchive
from mangagan.readers.books.epub_markup import decode_text, tokenize
from mangagan.readers.errors import ReaderError

PROTECTED = "protected (DRM)"
FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#rc")
# Adobe and Kobo, Apple, Readium LCP, Barnes & Noble.
LICENSES = ("META-INF/rights.xml", "rights.xml", "META-INF/sinf.xml", "META-INF/license.lcpl", "META-INF/license.xml")
SAMPLE_BYTES = 1024
IMAGE_SIGNATURES = (
    b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP",
    b"\xff\x0a", b"\0\0\0\x0cJXL",
)  # fmt: skip
BOX_TYPE = b"ftyp"  # of AVIF and HEIC, at byte 4


def find_encrypted(archive: EpubArchive) -> set[str]:
    """Return the names of the files that META-INF/encryption.xml declares as encrypted, without obfuscated fonts."""
    info = archive.find("META-INF/encryption.xml", "")
    names: set[str] = set()
    algorithm = ""
    try:
        text = decode_text(archive.read_markup(info)) if info is not None else ""
    except ReaderError:
        return names
    for token in tokenize(text):
        if token.name == "encrypteddata":
            algorithm = ""
        elif token.name == "encryptionmethod" and not token.is_end and not algorithm:
            algorithm = token.attributes.get("algorithm", "").strip().lower()
        elif token.name == "cipherreference" and not token.is_end and algorithm not in FONT_OBFUSCATION:
            target = archive.find(token.attributes.get("uri", ""), "")
            if target is not None:
                names.add(target.filename)
    return names


def has_license(archive: EpubArchive) -> bool:
    """Return True if a shop added a licence. It can remain in a book that is no longer encrypted."""
    return any(archive.has_file(name) for name in LICENSES)


def looks_encrypted(archive: EpubArchive, info: zipfile.ZipInfo, is_markup: bool) -> bool:
    """Return True if the first bytes of a file are of no known image format, or hold no markup.

    Args:
        archive: The EPUB.
        info: The file.
        is_markup: True for a document, False for an image.
    """
    try:
        sample = archive.read_start(info, SAMPLE_BYTES)
    except ReaderError:
        return False  # damaged, which is reported when it is read
    if is_markup:
        return b"<" not in sample.replace(b"\0", b"") or sample.count(b"\0") > len(sample) * 3 // 4
    return bool(sample) and not sample.startswith(IMAGE_SIGNATURES) and sample[4:8] != BOX_TYPE
