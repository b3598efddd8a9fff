import io
import random
import time
import zipfile

from mangagan.readers.base import Limits
from mangagan.readers.books.epub_file import EpubReader
from mangagan.readers.errors import ReaderError
from tests.book_files import draw_page, encode, make_epub, make_zip_file, wrap, write_file

FRAGMENTS = [
    b"<",
    b">",
    b'"',
    b"'",
    b"&#x1F4A9;",
    b"<!--",
    b"]]>",
    b"<![CDATA[",
    b"url(",
    b"../../../",
    b"\0",
    b"\xff",
    b"#",
]


def mutate(data, generator):
    """Return a copy with one to eight random changes."""
    changed = bytearray(data)
    for _ in range(generator.randint(1, 8)):
        position = generator.randrange(len(changed) + 1)
        if generator.random() < 0.4:
            changed[position : position + 1] = generator.choice(FRAGMENTS)
        elif generator.random() < 0.5:
            del changed[position : position + generator.randint(1, 40)]
        else:
            changed[position : position + 1] = bytes([generator.randrange(256)])
    return bytes(changed)


def make_book():
    """Return an EPUB that uses most of what the reader knows."""
    pages = [encode(draw_page(seed, 60, 84)) for seed in range(3)]
    files = {
        "a.xhtml": wrap('<img src="0.jpg"/>', '<link rel="stylesheet" href="s.css"/>'),
        "b.xhtml": wrap('<svg><image xlink:href="1.jpg"/></svg><div class="x" style="background:url(2.jpg)">t</div>'),
        "s.css": b"@import url(s.css); .x { background-image: url('0.jpg') }",
        **{f"{n}.jpg": page for n, page in enumerate(pages)},
    }
    others = {"META-INF/encryption.xml": b"<encryption><EncryptedData></EncryptedData></encryption>"}
    return make_epub(files, ["a.xhtml", "b.xhtml"], '<meta name="cover" content="i3"/>', others=others)


def test_mutated_books_raise_only_errors_of_readers(tmp_path):
    original = make_book()
    with zipfile.ZipFile(io.BytesIO(original)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    generator = random.Random(0)
    images, start = 0, time.monotonic()
    for _ in range(200):
        if generator.random() < 0.3:
            data = mutate(original, generator)
        else:
            name = generator.choice([name for name in files if not name.endswith((".jpg", "mimetype"))])
            data = make_zip_file({**files, name: mutate(files[name], generator)})
        path = write_file(tmp_path / "book.epub", data)
        if not EpubReader.matches(data[:4096], path):
            continue
        try:
            with EpubReader(path, Limits(max_image_bytes=10**6)) as reader:
                for member in reader.members():
                    images += not member.reason and len(member.read()) <= 10**6
        except ReaderError:
            pass
    assert images > 150
    assert time.monotonic() - start < 60
