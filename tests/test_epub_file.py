import base64
import io
import zipfile

import pytest

from mangagan.readers.base import Limits
from mangagan.readers.books.epub_file import EpubReader
from mangagan.readers.errors import ReaderError, TooLargeError
from tests.book_files import draw_page, encode, make_comic_epub, make_epub, make_zip_file, wrap, write_file
from tests.paths import SHARED

HARUKO = SHARED / "data" / "pages" / "haruko"
PAGES = [encode(draw_page(seed)) for seed in range(6)]
ENCRYPTION = """<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"
xmlns:enc="http://www.w3.org/2001/04/xmlenc#">{}</encryption>"""
ENCRYPTED = """<enc:EncryptedData><enc:EncryptionMethod Algorithm="{}"/><enc:CipherData>
<enc:CipherReference URI="{}"/></enc:CipherData></enc:EncryptedData>"""
AES = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
LONG_TEXT = "<p>" + "It was a dark and stormy night. " * 40 + "</p>"


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the members of an EPUB: name, and content or reason."""

    def read_members(data, limits=None, messages=None):
        path = write_file(tmp_path / "book.zip", data)
        assert EpubReader.matches(data[:4096], path)
        members = []
        with EpubReader(path, limits) as reader:
            try:
                for member in reader.members():
                    members.append((member.name, member.reason or member.read()))
            except ReaderError as error:
                if messages is None:
                    raise
                messages.append(str(error))
        return members

    return read_members


def contents(members):
    """Return the content of each member."""
    return [content for _, content in members]


def declare_encryption(*files):
    """Return the files of an EPUB that declare files as encrypted. Each item: algorithm and path."""
    body = "".join(ENCRYPTED.format(algorithm, path) for algorithm, path in files)
    return {"META-INF/encryption.xml": ENCRYPTION.format(body).encode()}


def test_pages_come_in_the_order_of_the_spine(read, tmp_path):
    data = make_comic_epub(PAGES)
    assert contents(read(data)) == PAGES
    with EpubReader(write_file(tmp_path / "a", data)) as reader:
        members = list(reader.members())
        assert reader.in_reading_order and reader.right_to_left
        assert [member.name for member in members] == [f"OEBPS/image/i-{n:03d}.jpg" for n in range(1, 7)]
        assert [member.size for member in members] == [len(page) for page in PAGES]
    files = {f"{n}.jpg": page for n, page in enumerate(PAGES)}
    documents = {f"d{n}.xhtml": wrap(f'<img src="{n}.jpg"/>') for n in range(6)}
    order = ["d3.xhtml", "d0.xhtml", "d5.xhtml", "d1.xhtml", "d2.xhtml", "d4.xhtml"]
    assert contents(read(make_epub({**files, **documents}, order))) == [PAGES[int(name[1])] for name in order]


@pytest.mark.skipif(not HARUKO.exists(), reason="../shared/data/pages/haruko not found")
def test_a_real_book(read):
    pages = [path.read_bytes() for path in sorted(HARUKO.glob("*.jpg"))]
    assert contents(read(make_comic_epub(pages))) == pages
    path = HARUKO.parents[1] / "haruko.epub"
    assert EpubReader.matches(path.read_bytes()[:4096], path)
    with EpubReader(path) as reader:
        members = list(reader.members())
        assert reader.right_to_left
        assert [member.read() for member in members[:12]] == pages
        assert [member.name for member in members[12:]] == ["OPS/images/AboutThisDocument.png"]


@pytest.mark.parametrize(
    "body",
    [
        '<img src="../p/0.jpg"/>',
        "<img src='../p/0.jpg'>",
        "<IMG SRC=../p/0.jpg>",
        '<img alt="a > b" src="../p/0.jpg"/>',
        '<img src="../p/0.jpg#page"/>',
        '<img src="..\\p\\0.jpg"/>',
        '<img src="../P/0.JPG"/>',
        '<img src="/OEBPS/p/0.jpg"/>',
        '<img src="/p/0.jpg"/>',
        '<img src="../p/%30.jpg"/>',
        '<img src="../wrong/folder/0.jpg"/>',
        '<img src="../p/0.jpg?x=1&amp;y=2"/>',
        '<svg><image width="10" height="10" xlink:href="../p/0.jpg"/></svg>',
        '<svg:svg><svg:image href="../p/0.jpg"/></svg:svg>',
        '<object data="../p/0.jpg" type="image/jpeg"></object>',
        '<picture><source srcset="../p/1.jpg 1x"/><img src="../p/0.jpg"/></picture>',
        '<picture><source srcset="../p/1.jpg 1x, ../p/0.jpg 2x"/></picture>',
        '<img srcset="../p/1.jpg 600w, ../p/0.jpg 1200w"/>',
        "<div style=\"width: 1px; background-image: url('../p/0.jpg')\"></div>",
        '<div style="background:#fff url(../p/0.jpg) no-repeat"></div>',
        '<div class="a page">&nbsp;</div>',
        '<p><br><img src="../p/0.jpg"></div></span>',
        '<!-- <img src="../p/1.jpg"/> --><img src="../p/0.jpg"/>',
        '<iframe src="inner.xhtml"></iframe>',
        '<img src="inner.svg"/>',
    ],
)
def test_every_way_to_show_an_image(read, body):
    files = {
        "p/0.jpg": PAGES[0],
        "p/1.jpg": PAGES[1],
        "text/page.xhtml": wrap(body, '<link rel="stylesheet" href="../css/a.css"/>'),
        "text/inner.xhtml": wrap('<img src="../p/0.jpg"/>'),
        "text/inner.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="../p/0.jpg"/></svg>',
        "css/a.css": b'@import url("b.css"); /* .other { background: url(../p/1.jpg) } */',
        "css/b.css": b'@media screen { p, .page { background: url("../p/0.jpg") } } .x { background: url(../p/1.jpg) }',
    }
    assert read(make_epub(files, ["text/page.xhtml"])) == [("OEBPS/p/0.jpg", PAGES[0])]


def test_names_that_are_not_ascii(read):
    files = {"画像/表紙 1.jpg": PAGES[0], "画像/100%25.jpg": PAGES[1]}
    body = '<img src="画像/表紙 1.jpg"/><img src="画像/100%25.jpg"/>'
    data = make_epub({**files, "a.xhtml": wrap(body)}, ["a.xhtml"])
    assert contents(read(data)) == PAGES[:2]
    unflagged = bytearray(data)  # a program that writes UTF-8 without saying so
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := unflagged.find(signature, start + 1)) >= 0:
            unflagged[start + offset + 1] &= 0xF7
    assert [name for name, _ in read(bytes(unflagged))] == ["OEBPS/画像/表紙 1.jpg", "OEBPS/画像/100%25.jpg"]


def test_images_in_the_spine_and_in_data_uris(read):
    uri = "data:image/jpeg;base64," + base64.b64encode(PAGES[1]).decode()
    background = "data:image/jpeg;base64," + base64.b64encode(PAGES[2]).decode()
    body = f'<img src="{uri}"/><div style="background-image: url({background})"></div>'
    data = make_epub({"0.jpg": PAGES[0], "a.xhtml": wrap(body)}, ["0.jpg", "a.xhtml"])
    members = read(data)
    assert contents(members) == PAGES[:3]
    assert [name for name, _ in members][1:] == ["OEBPS/a.xhtml#image 1", "OEBPS/a.xhtml#image 2"]
    with pytest.raises(TooLargeError):
        read(data, Limits(max_image_bytes=len(PAGES[1]) // 2))


def test_an_image_that_is_shown_twice_comes_once(read):
    cover = wrap('<svg><image xlink:href="cover.jpeg"/></svg>')
    first = wrap('<img src="0.jpg"/>')
    second = wrap('<img src="1.jpg"/><img src="0.jpg"/>')
    files = {"cover.jpeg": PAGES[0], "0.jpg": PAGES[0], "1.jpg": PAGES[1], "c.xhtml": cover, "a.xhtml": first}
    data = make_epub({**files, "b.xhtml": second}, ["c.xhtml", "a.xhtml", "b.xhtml"])
    assert read(data) == [("OEBPS/cover.jpeg", PAGES[0]), ("OEBPS/1.jpg", PAGES[1])]


def test_a_cover_that_no_document_shows_comes_first(read):
    files = {"0.jpg": PAGES[0], "cover.jpg": PAGES[1], "a.xhtml": wrap('<img src="0.jpg"/>')}
    data = make_epub(files, ["a.xhtml"], '<meta name="cover" content="i1"/>')
    assert [name for name, _ in read(data)] == ["OEBPS/cover.jpg", "OEBPS/0.jpg"]


def test_missing_images_and_documents_have_a_reason(read):
    body = '<img src="lost.jpg"/><img src="https://example.org/a.jpg"/><img src="0.jpg"/>'
    data = make_epub({"0.jpg": PAGES[0], "a.xhtml": wrap(body), "b.xhtml": b""}, ["b.xhtml", "a.xhtml"])
    data = data.replace(b'href="b.xhtml"', b'href="c.xhtml"')
    assert read(repack(data)) == [
        ("c.xhtml", "missing in the book"),
        ("lost.jpg", "missing in the book"),
        ("https://example.org/a.jpg", "an image on the web, not in the book"),
        ("OEBPS/0.jpg", PAGES[0]),
    ]


def repack(data):
    """Return a ZIP archive with right checksums, after its content was edited."""
    files = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            info.CRC = None
            with archive.open(info) as file:
                file._expected_crc = None
                files[info.filename] = file.read()
    return make_zip_file(files)


def test_books_without_a_usable_package(read):
    images = {f"img/{n}.jpg": page for n, page in enumerate(PAGES)}
    others = {"META-INF/container.xml": b"<container><rootfiles>", "a.txt": b"", "img/10.jpg": encode(draw_page(10))}
    assert [name for name, _ in read(make_zip_file({**images, **others}))] == [f"img/{n}.jpg" for n in (*range(6), 10)]
    broken = make_epub({"0.jpg": PAGES[0], "b.xhtml": wrap("")}, ["b.xhtml"])
    assert read(broken) == [("OEBPS/0.jpg", PAGES[0])]


def test_slightly_broken_archives_are_recognised(read, tmp_path):
    with zipfile.ZipFile(io.BytesIO(make_comic_epub(PAGES))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    media_type = files.pop("mimetype")
    variants = [
        make_zip_file({**files, "mimetype": media_type}),  # not the first entry
        make_zip_file(files),  # no media type
        make_zip_file({"mimetype": b"\xef\xbb\xbf" + media_type + b"\r\n", **files}, zipfile.ZIP_DEFLATED),
        make_zip_file({f"My book.epub/{name}": data for name, data in files.items()}),  # the folder was packed
        make_zip_file({name.replace("META-INF", "meta-inf"): data for name, data in files.items()}),
        make_zip_file({name.replace("/", "\\"): data for name, data in files.items()}),
    ]
    for data in variants:
        assert contents(read(data)) == PAGES
    comic = make_zip_file({f"{n}.jpg": page for n, page in enumerate(PAGES)})
    cut = make_comic_epub(PAGES)[:-100]
    for data in (comic, cut, b"PK\x03\x04", b"text"):
        assert not EpubReader.matches(data[:4096], write_file(tmp_path / "a.epub", data))


def test_fonts_may_be_obfuscated(read):
    files = {"0.jpg": PAGES[0], "a.xhtml": wrap('<img src="0.jpg"/>'), "font.otf": b"font"}
    for algorithm in ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"):
        others = declare_encryption((algorithm, "OEBPS/font.otf"))
        assert contents(read(make_epub(files, ["a.xhtml"], others=others))) == [PAGES[0]]


def test_encrypted_books_are_protected(read):
    files = {"0.jpg": b"\x03" * 500, "1.jpg": PAGES[1], "a.xhtml": wrap('<img src="0.jpg"/>')}
    files["b.xhtml"] = wrap('<img src="1.jpg"/>')
    for encrypted in (["OEBPS/0.jpg"], ["OEBPS/a.xhtml"], ["OEBPS/0.jpg", "OEBPS/a.xhtml"]):
        others = declare_encryption(*((AES, path) for path in encrypted))
        with pytest.raises(ReaderError, match=r"^protected \(DRM\)$"):
            read(make_epub(files, ["a.xhtml"], others=others))
    others = declare_encryption((AES, "OEBPS/0.jpg"))
    assert read(make_epub(files, ["a.xhtml", "b.xhtml"], others=others)) == [
        ("OEBPS/0.jpg", "protected (DRM)"),
        ("OEBPS/1.jpg", PAGES[1]),
    ]


def test_a_licence_alone_does_not_protect(read):
    files = {"0.jpg": PAGES[0], "a.xhtml": wrap('<img src="0.jpg"/>')}
    licence = {"META-INF/rights.xml": b"<rights/>"}
    assert contents(read(make_epub(files, ["a.xhtml"], others=licence))) == [PAGES[0]]
    files["0.jpg"] = bytes(range(255, 3, -1)) * 4  # encrypted without a declaration
    with pytest.raises(ReaderError, match=r"^protected \(DRM\)$"):
        read(make_epub(files, ["a.xhtml"], others=licence))


def test_locked_and_damaged_entries(read, tmp_path):
    data = bytearray(make_comic_epub(PAGES[:2]))
    start = data.index(PAGES[1])
    data[start + 100] ^= 255
    path = write_file(tmp_path / "a.epub", bytes(data))
    with EpubReader(path) as reader:
        first, second = reader.members()
        assert first.read() == PAGES[0]
        with pytest.raises(ReaderError, match=r"^damaged in the archive$"):
            second.read()
    locked = bytearray(make_comic_epub(PAGES[:2]))
    entry = locked.index(b"OEBPS/image/i-002.jpg", locked.index(b"PK\x01\x02")) - 46
    locked[entry + 8] |= 1
    with EpubReader(write_file(path, bytes(locked))) as reader, pytest.raises(ReaderError, match=r"^needs a password$"):
        [member.read() for member in reader.members()]


def test_a_damaged_package_or_document_does_not_hide_the_images(read):
    data = make_comic_epub(PAGES)
    wrong_checksum = bytearray(data)
    wrong_checksum[data.index(b"OEBPS/content.opf", data.index(b"PK\x01\x02")) - 46 + 16] ^= 255
    assert contents(read(bytes(wrong_checksum))) == PAGES
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    packed = make_zip_file(files, zipfile.ZIP_DEFLATED)
    start = packed.index(b"OEBPS/content.opf") + len("OEBPS/content.opf")
    assert contents(read(packed[:start] + b"\xff" * 60 + packed[start + 60 :])) == PAGES


def test_a_novel_is_told_from_a_comic(read):
    chapters = {f"c{n}.xhtml": wrap(LONG_TEXT + '<img src="ornament.jpg"/>') for n in range(10)}
    plates = {f"p{n}.xhtml": wrap(f'<img src="{n}.jpg"/><p>A caption</p>') for n in range(2)}
    files = {**chapters, **plates, "0.jpg": PAGES[0], "1.jpg": PAGES[1], "ornament.jpg": PAGES[2]}
    spine = ["p0.xhtml", *list(chapters)[:5], "p1.xhtml", *list(chapters)[5:]]
    messages = []
    assert contents(read(make_epub(files, spine), messages=messages)) == PAGES[:2]
    assert messages == ["a novel: its text is not read; 2 full-page pictures were taken"]
    messages = []
    assert read(make_epub(chapters, list(chapters)), messages=messages) == []
    assert messages == ["a novel: its text is not read; no full-page pictures were found"]


def test_a_comic_with_pages_of_text_is_a_comic(read):
    text = {"toc.xhtml": wrap("<ol>" + "<li>Chapter</li>" * 100 + "</ol>"), "imprint.xhtml": wrap(LONG_TEXT)}
    pages = {f"p{n}.xhtml": wrap(f'<img src="{n}.jpg"/>') for n in range(6)}
    images = {f"{n}.jpg": page for n, page in enumerate(PAGES)}
    data = make_epub({**text, **pages, **images}, ["toc.xhtml", *pages, "imprint.xhtml"])
    assert contents(read(data)) == PAGES
    story = {**pages, **images, "text.xhtml": wrap(LONG_TEXT * 20)}  # a picture book with its text as text
    for metadata in (
        '<meta property="rendition:layout">pre-paginated</meta>',
        '<meta name="fixed-layout" content="true"/>',
        '<meta name="book-type" content="comic"/>',
    ):
        assert contents(read(make_epub(story, ["text.xhtml", *pages], metadata))) == PAGES
    option = (
        b'<display_options><platform name="*"><option name="fixed-layout">true</option></platform></display_options>'
    )
    others = {"META-INF/com.apple.ibooks.display-options.xml": option}
    assert contents(read(make_epub(story, ["text.xhtml", *pages], others=others))) == PAGES


def test_hostile_documents_are_read_in_bounded_time(read):
    entities = '<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    loop = {"x.svg": b'<svg><image href="y.svg"/></svg>', "y.svg": b'<svg><image href="x.svg"/></svg>'}
    body = ("<!--" * 10**5).encode()
    files = {
        "0.jpg": PAGES[0],
        "a.xhtml": entities.encode() + wrap("&b;" * 100 + '<img src="0.jpg"/><img src="x.svg"/>') + body,
        **loop,
        "b.xhtml": b"<a '\"" * 10**5,
        "c.css": b"a{background:url(" * 10**5 + b"/*" * 10**5,
        "c.xhtml": wrap("<a></a>", '<link rel="stylesheet" href="c.css"/>'),
    }
    assert contents(read(make_epub(files, ["a.xhtml", "b.xhtml", "c.xhtml"]))) == [PAGES[0]]


def test_bounds(read, tmp_path):
    data = make_comic_epub(PAGES)
    path = write_file(tmp_path / "a.epub", data)
    with pytest.raises(TooLargeError, match="files in the archive, over 5"), EpubReader(path, Limits(max_members=5)):
        pass
    with pytest.raises(TooLargeError, match=r"over .* GB unpacked"):
        read(data, Limits(max_container_bytes=2 * len(PAGES[0])))
    with pytest.raises(TooLargeError, match="too large"):
        read(data, Limits(max_image_bytes=1000))
    bomb = {"0.jpg": bytes(3 * 10**6), "a.xhtml": wrap('<img src="0.jpg"/>')}
    with zipfile.ZipFile(io.BytesIO(make_epub(bomb, ["a.xhtml"]))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with pytest.raises(TooLargeError, match="too large: 3 MB"):
        read(make_zip_file(files, zipfile.ZIP_DEFLATED), Limits(max_ratio=100))


@pytest.mark.parametrize(
    ("metadata", "spine", "direction"),
    [
        ("", "", None),
        ("", 'page-progression-direction="default"', None),
        ("", 'page-progression-direction="rtl"', True),
        ("", 'page-progression-direction="ltr"', False),
        ('<meta name="primary-writing-mode" content="horizontal-rl"/>', "", True),
        ('<meta name="primary-writing-mode" content="horizontal-lr"/>', "", False),
        ('<meta name="primary-writing-mode" content="vertical-rl"/>', 'page-progression-direction="ltr"', True),
    ],
)
def test_a_direction_that_is_not_declared_is_unknown(tmp_path, metadata, spine, direction):
    data = make_epub({"1.jpg": PAGES[0], "1.xhtml": wrap('<img src="1.jpg"/>')}, ["1.xhtml"], metadata, spine)
    with EpubReader(write_file(tmp_path / "a.epub", data)) as reader:
        assert len(list(reader.members())) == 1
        assert reader.right_to_left is direction
