"""Make one small valid file of every format that `ingest` reads."""

import io
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from tests.archive_files import make_rar4, make_rar5, make_zip
from tests.book_files import draw_page, encode, make_pdf

COMIC_INFO = (
    b'<ComicInfo><Manga>YesAndRightToLeft</Manga><Pages><Page Image="0" Type="FrontCover"/></Pages></ComicInfo>'
)
CONTAINER = b"""<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
PACKAGE = b"""<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>
<item id="p1" href="1.xhtml" media-type="application/xhtml+xml"/><item id="i1" href="1.jpg" media-type="image/jpeg"/>
<item id="p2" href="2.xhtml" media-type="application/xhtml+xml"/><item id="i2" href="2.png" media-type="image/png"/>
</manifest><spine page-progression-direction="rtl"><itemref idref="p1"/><itemref idref="p2"/></spine></package>"""


def make_input_files() -> dict[str, bytes]:
    """Return the content of each file by its name."""
    return make_images() | make_containers()


def make_images() -> dict[str, bytes]:
    """Return image files. HEIC and JPEG XL are left out if their packages are not installed."""
    colour, gray = draw_page(1, 200, 280, "RGB"), draw_page(2, 200, 280)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "gray.png": encode(gray, "PNG"),
        "colour.png": encode(colour, "PNG"),
        "palette.png": encode(colour.quantize(16), "PNG", transparency=0),
        "interlaced.png": encode(gray.convert("1"), "PNG"),
        "baseline.jpg": encode(colour, "JPEG", quality=80, exif=exif),
        "progressive.jpg": encode(gray, "JPEG", quality=80, progressive=True),
        "cmyk.jpg": encode(colour.convert("CMYK"), "JPEG"),
        "two.jpg": encode(colour, "MPO", save_all=True, append_images=[gray.convert("RGB")]),
        "lossy.webp": encode(colour, "WEBP", quality=70),
        "lossless.webp": encode(colour.convert("RGBA"), "WEBP", lossless=True),
        "animated.webp": encode(colour, "WEBP", save_all=True, append_images=[gray.convert("RGB")]),
        "image.avif": encode(colour, "AVIF"),
        "animated.gif": encode(gray, "GIF", save_all=True, append_images=[draw_page(3, 200, 280)]),
        "pages.tif": encode(
            gray, "TIFF", save_all=True, append_images=[draw_page(4, 200, 280)], compression="tiff_lzw"
        ),
        "fax.tif": encode(gray.convert("1"), "TIFF", compression="group4"),
        "image.bmp": encode(colour, "BMP"),
        "image.jp2": encode(colour, "JPEG2000"),
    }
    if find_spec("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()
        files["image.heic"] = encode(colour, "HEIF")
    if find_spec("pillow_jxl"):
        import pillow_jxl  # noqa: F401 registers the format

        files["image.jxl"] = encode(colour, "JXL")
    return files


def make_containers() -> dict[str, bytes]:
    """Return archives and e-books."""
    pages = [encode(draw_page(seed, 200, 280), "JPEG") for seed in range(3)]
    png = encode(draw_page(5, 200, 280), "PNG")
    members = [
        (b"ComicInfo.xml", COMIC_INFO),
        (b"1.jpg", pages[0]),
        ("頁2.jpg".encode("cp932"), pages[1]),
        (b"3.png", png),
    ]
    book = [
        (b"mimetype", b"application/epub+zip"),
        (b"META-INF/container.xml", CONTAINER),
        (b"OEBPS/book.opf", PACKAGE),
        (b"OEBPS/1.xhtml", b'<html><body><img src="1.jpg"/></body></html>'),
        (b"OEBPS/2.xhtml", b'<html><body><svg><image xlink:href="2.png"/></svg></body></html>'),
        (b"OEBPS/1.jpg", pages[0]),
        (b"OEBPS/2.png", png),
    ]
    return {
        "book.cbz": make_zip(members),
        "nested.zip": make_zip([(b"vol 1.cbz", make_zip(members[1:])), (b"vol 2.pdf", make_pdf(pages[:1]))]),
        "book.epub": make_zip(book),
        "book.pdf": make_pdf(pages),
        "stored4.cbr": make_rar4(members[:2]),
        "stored5.cbr": make_rar5(members[:2]),
        "book.cbt": make_tar(members[:2], ""),
        "book.tar.gz": make_tar(members[:2], "gz"),
        "book.tar.xz": make_tar(members[:2], "xz"),
        "book.cb7": make_seven_zip(members[:2]),
    }


def make_tar(members: list[tuple[bytes, bytes]], compression: str) -> bytes:
    """Return a TAR. Compression: "", gz, bz2 or xz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name.decode())
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def make_seven_zip(members: list[tuple[bytes, bytes]]) -> bytes:
    """Return a solid 7z."""
    import py7zr

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "book.7z")
        with py7zr.SevenZipFile(path, "w") as archive:
            for name, data in members:
                archive.writestr(data, name.decode())
        return path.read_bytes()
