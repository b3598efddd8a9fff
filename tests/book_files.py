"""Write small PDF and EPUB files for tests."""

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image, ImageDraw

PASSWORD_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def draw_page(seed: int, width: int = 300, height: int = 420, mode: str = "L") -> Image.Image:
    """Return a drawn page: frames, balloons and screentone, without symmetry."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        x, y = random.integers(0, width * 2 // 3), random.integers(0, height * 2 // 3)
        color = tuple(int(c) for c in random.integers(0, 200, 3))
        draw.rectangle((x, y, x + width // 4, y + height // 5), fill=color, outline="black", width=3)
        draw.ellipse((y // 2, x // 2, y // 2 + 40, x // 2 + 60), outline="black", width=2)
    draw.rectangle((4, 4, width // 3, height // 6), fill="black")
    return image.convert(mode)


def encode(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    """Return an image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def read_pixels(data: bytes) -> np.ndarray:
    """Return the pixels of an encoded image, gray or RGB."""
    return np.asarray(Image.open(io.BytesIO(data)))


def rc4(key: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt with RC4."""
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


@dataclass
class PdfBuilder:
    """Collects the objects of a PDF file. Objects 1 and 2 are the catalog and the page tree.

    Attributes:
        objects: Dictionary and stream (None: no stream) of each object from number 3.
        pages: Numbers of the page objects.
    """

    objects: list[tuple[str, bytes | None]] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)

    def add(self, dictionary: str, stream: bytes | None = None) -> int:
        """Add an object and return its number."""
        self.objects.append((dictionary, stream))
        return len(self.objects) + 2

    def add_image(self, image: Image.Image, entries: str = "") -> int:
        """Add an image without loss."""
        space = {"L": "/DeviceGray", "RGB": "/DeviceRGB", "CMYK": "/DeviceCMYK", "1": "/DeviceGray"}[image.mode]
        entries = f"/Filter/FlateDecode/ColorSpace{space}{entries}"
        return self.add_raw_image(image, zlib.compress(image.tobytes()), entries)

    def add_jpeg(self, data: bytes, entries: str = "", space: str = "") -> int:
        """Add a JPEG file as it is."""
        image = Image.open(io.BytesIO(data))
        space = space or {"L": "/DeviceGray", "RGB": "/DeviceRGB", "CMYK": "/DeviceCMYK"}[image.mode]
        return self.add_raw_image(image, data, f"/Filter/DCTDecode/ColorSpace{space}{entries}")

    def add_raw_image(self, image: Image.Image, data: bytes, entries: str) -> int:
        """Add an image from encoded data, with the size of `image`."""
        bits = "" if "/BitsPerComponent" in entries else f"/BitsPerComponent {1 if image.mode == '1' else 8}"
        return self.add(f"/Type/XObject/Subtype/Image/Width {image.width}/Height {image.height}{bits}{entries}", data)

    def add_page(self, content: str, box: str, resources: str = "", entries: str = "") -> None:
        """Add a page.

        Args:
            content: Operators.
            box: The media box, for example "0 0 300 420".
            resources: Entries of the resources.
            entries: Other entries of the page.
        """
        stream = self.add("", content.encode())
        page = f"/Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents {stream} 0 R/Resources<<{resources}>>{entries}"
        self.pages.append(self.add(page))

    def add_image_page(self, image: int, width: float, height: float, before: str = "", after: str = "",
                       resources: str = "", entries: str = "") -> None:  # fmt: skip
        """Add a page that an image covers.

        Args:
            image: Number of the image.
            width: Width of the page [pt].
            height: Height of the page [pt].
            before: Operators before the image.
            after: Operators after it.
            resources: Entries of the resources besides the image.
            entries: Other entries of the page.
        """
        content = f"{before} q {width} 0 0 {height} 0 0 cm /Im0 Do Q {after}"
        self.add_page(content, f"0 0 {width} {height}", f"/XObject<</Im0 {image} 0 R>>{resources}", entries)

    def build(self, user_password: str | None = None, filter: str = "Standard") -> bytes:
        """Return the file.

        Args:
            user_password: Encrypt with this password (RC4, 40 bits). None: do not encrypt. Empty: the file has only a
                password of the owner, and every viewer opens it.
            filter: Name of the security handler.
        """
        kids = " ".join(f"{number} 0 R" for number in self.pages)
        catalog = [("/Type/Catalog/Pages 2 0 R", None), (f"/Type/Pages/Count {len(self.pages)}/Kids[{kids}]", None)]
        key, trailer = b"", ""
        if user_password is not None:
            key, trailer = make_encryption(user_password, filter)
        out, offsets = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), []
        for number, (dictionary, stream) in enumerate([*catalog, *self.objects], start=1):
            offsets.append(len(out))
            body = f"<<{dictionary}>>".encode()
            if stream is not None:
                if key:
                    object_key = hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10]
                    stream = rc4(object_key, stream)
                body = f"<<{dictionary}/Length {len(stream)}>>stream\n".encode() + stream + b"\nendstream"
            out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
        start = len(out)
        out += f"xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n".encode()
        out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
        out += f"trailer\n<</Size {len(offsets) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n".encode()
        return bytes(out)


def make_encryption(user_password: str, filter: str) -> tuple[bytes, str]:
    """Return the key of a file and the entries of its trailer (PDF 1.7, 7.6.3: revision 2)."""
    file_id, permissions = b"0123456789abcdef", -4
    padded = (user_password.encode() + PASSWORD_PADDING)[:32]
    owner_key = hashlib.md5((b"owner" + PASSWORD_PADDING)[:32]).digest()[:5]
    owner = rc4(owner_key, padded)
    seed = padded + owner + permissions.to_bytes(4, "little", signed=True) + file_id
    key = hashlib.md5(seed).digest()[:5]
    user = rc4(key, PASSWORD_PADDING)
    entries = f"/Filter/{filter}/V 1/R 2/Length 40/P {permissions}/O<{owner.hex()}>/U<{user.hex()}>"
    return key, f"/Encrypt<<{entries}>>/ID[<{file_id.hex()}><{file_id.hex()}>]"


def make_pdf(images: list[bytes], resolution: float = 150) -> bytes:
    """Return a PDF with one page for each JPEG file."""
    pdf = PdfBuilder()
    for data in images:
        width, height = Image.open(io.BytesIO(data)).size
        pdf.add_image_page(pdf.add_jpeg(data), width * 72 / resolution, height * 72 / resolution)
    return pdf.build()


def write_file(path: Path, data: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(data)
    return path


CONTAINER = """<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">
<rootfiles><rootfile full-path="{}" media-type="application/oebps-package+xml"/></rootfiles></container>"""
XHTML = "application/xhtml+xml"
MEDIA_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".css": "text/css", ".svg": "image/svg+xml"}


def make_epub(
    files: dict[str, bytes],
    spine: list[str],
    metadata: str = "",
    spine_attributes: str = "",
    others: dict[str, bytes] | None = None,
) -> bytes:
    """Return an EPUB.

    Args:
        files: Content of the files of the manifest by their path in the folder `OEBPS`.
        spine: Paths of the items of the spine.
        metadata: Elements of the metadata.
        spine_attributes: Attributes of the spine.
        others: Content of further files by their path in the archive.
    """
    items = "".join(
        f'<item id="i{index}" href="{quote(name)}" media-type="{MEDIA_TYPES.get(Path(name).suffix, XHTML)}"/>'
        for index, name in enumerate(files)
    )
    references = "".join(f'<itemref idref="i{list(files).index(name)}"/>' for name in spine)
    package = (
        f'<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f"<metadata>{metadata}</metadata><manifest>{items}</manifest>"
        f"<spine {spine_attributes}>{references}</spine></package>"
    )
    return make_zip_file(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": CONTAINER.format("OEBPS/content.opf").encode(),
            "OEBPS/content.opf": package.encode(),
            **{f"OEBPS/{name}": data for name, data in files.items()},
            **(others or {}),
        }
    )


def make_comic_epub(images: list[bytes], suffix: str = ".jpg") -> bytes:
    """Return an EPUB with one document for each image, in the layout of most shops."""
    names = [f"image/i-{number:03d}{suffix}" for number in range(1, len(images) + 1)]
    documents = {f"xhtml/p-{n:03d}.xhtml": wrap(f'<img src="../{name}"/>') for n, name in enumerate(names, start=1)}
    files = {**dict(zip(names, images, strict=True)), **documents}
    layout = '<meta property="rendition:layout">pre-paginated</meta>'
    return make_epub(files, list(documents), layout, 'page-progression-direction="rtl"')


def wrap(body: str, head: str = "") -> bytes:
    """Return an XHTML document."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink"><head><title>A title</title>{head}</head>'
        f"<body>{body}</body></html>"
    ).encode()


def make_zip_file(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
