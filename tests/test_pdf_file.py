import io
import tarfile
import zlib

import numpy as np
import pytest
from PIL import Image

from mangagan.readers.base import Limits
from mangagan.readers.books.pdf_file import PdfReader
from mangagan.readers.errors import ReaderError, TooLargeError
from tests.book_files import PdfBuilder, draw_page, encode, make_pdf, make_zip_file, read_pixels, write_file
from tests.paths import SHARED

HARUKO = SHARED / "data" / "pages" / "haruko"


@pytest.fixture
def read(tmp_path):
    """Return a function that reads all pages of a PDF."""

    def read_pages(data, limits=None):
        with PdfReader(write_file(tmp_path / "a.pdf", data), limits) as reader:
            return [member.read() for member in reader.members()]

    return read_pages


def make_page(image, **options):
    """Return a PDF whose only page is an image: a JPEG file, or an image without loss."""
    pdf = PdfBuilder()
    entries = options.pop("image_entries", "")
    if isinstance(image, bytes):
        number, size = pdf.add_jpeg(image, entries), Image.open(io.BytesIO(image)).size
    else:
        number, size = pdf.add_image(image, entries), image.size
    pdf.add_image_page(number, size[0] / 2, size[1] / 2, **options)
    return pdf.build()


def difference(data, image):
    """Return the mean difference between an encoded image and an image of the same size."""
    pixels, expected = read_pixels(data).astype(int), np.asarray(image).astype(int)
    assert pixels.shape == expected.shape
    return np.abs(pixels - expected).mean()


def test_jpeg_files_come_out_unchanged_and_in_order(read):
    pages = [encode(draw_page(seed, mode="RGB" if seed % 2 else "L")) for seed in range(12)]
    assert read(make_pdf(pages)) == pages


@pytest.mark.skipif(not HARUKO.exists(), reason="../shared/data/pages/haruko not found")
def test_real_pages_come_out_unchanged(read):
    pages = [path.read_bytes() for path in sorted(HARUKO.glob("*.jpg"))]
    assert read(make_pdf(pages)) == pages


def test_a_jpeg_that_is_compressed_twice_comes_out_unchanged(read):
    jpeg = encode(draw_page(1))
    pdf = PdfBuilder()
    image = pdf.add_raw_image(
        draw_page(1), zlib.compress(jpeg), "/Filter[/FlateDecode/DCTDecode]/ColorSpace/DeviceGray"
    )
    pdf.add_image_page(image, 150, 210)
    assert read(pdf.build()) == [jpeg]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_images_without_loss_come_out_pixel_by_pixel(read, mode):
    page = draw_page(3, mode=mode)
    assert difference(read(make_page(page))[0], page.convert("RGB" if mode == "RGB" else "L")) == 0


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_the_rotation_of_a_page_is_applied(read, angle):
    page = draw_page(3)
    expected = page.rotate(-angle, expand=True)
    assert difference(read(make_page(page, entries=f"/Rotate {angle}"))[0], expected) == 0
    assert difference(read(make_page(encode(page), entries=f"/Rotate {angle}"))[0], expected) < 3


@pytest.mark.parametrize(
    ("matrix", "method"),
    [
        ("-150 0 0 210 150 0", Image.Transpose.FLIP_LEFT_RIGHT),
        ("150 0 0 -210 0 210", Image.Transpose.FLIP_TOP_BOTTOM),
        ("-150 0 0 -210 150 210", Image.Transpose.ROTATE_180),
    ],
)
def test_the_transformation_of_an_image_is_applied(read, matrix, method):
    page = draw_page(3)
    pdf = PdfBuilder()
    image = pdf.add_jpeg(encode(page))
    pdf.add_page(f"q {matrix} cm /Im0 Do Q", "0 0 150 210", f"/XObject<</Im0 {image} 0 R>>")
    assert difference(read(pdf.build())[0], page.transpose(method)) < 3


def test_an_exif_orientation_that_the_pdf_ignores_is_not_taken(read):
    exif = Image.Exif()
    exif[0x0112] = 6
    page = draw_page(4)
    ignored = encode(page, exif=exif.tobytes())
    assert difference(read(make_page(ignored))[0], page) < 3
    assert read(make_page(ignored, entries="/Rotate 90")) == [ignored]  # both show the same


def test_colours_of_the_pdf_are_applied(read):
    page = draw_page(5, mode="RGB")
    inverted = make_page(encode(page), image_entries="/Decode[1 0 1 0 1 0]")
    assert difference(read(inverted)[0], Image.eval(page, lambda value: 255 - value)) < 4
    cmyk = read(make_page(page.convert("CMYK")))[0]
    assert difference(cmyk, page) < 25  # every program converts CMYK in its own way


def test_a_mask_is_applied(read):
    page = draw_page(6)
    pdf = PdfBuilder()
    alpha = np.full((420, 300), 255, np.uint8)
    alpha[210:] = 0
    mask = pdf.add_image(Image.fromarray(alpha))
    image = pdf.add_jpeg(encode(page), f"/SMask {mask} 0 R")
    pdf.add_image_page(image, 150, 210)
    shown = read_pixels(read(pdf.build())[0])
    assert shown.shape == (420, 300)
    assert np.abs(shown[:200].astype(int) - np.asarray(page)[:200]).mean() < 3
    assert (shown[212:] == 255).all()


def test_the_crop_box_cuts_the_image(read):
    page = draw_page(7)
    shown = read(make_page(page, entries="/CropBox[0 0 150 110]"))[0]
    assert difference(shown, page.crop((0, 200, 300, 420))) == 0
    jpeg = encode(page)
    assert difference(read(make_page(jpeg, entries="/CropBox[0 0 150 110]"))[0], page.crop((0, 200, 300, 420))) < 3
    assert read(make_page(jpeg, entries="/CropBox[0 0 149.5 209.5]")) == [jpeg]


def test_hidden_text_and_backgrounds_do_not_count(read):
    jpeg = encode(draw_page(8))
    font = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    ocr = "BT 3 Tr /F1 20 Tf 20 100 Td (text of the page) Tj ET"
    assert read(make_page(jpeg, after=ocr, resources=font)) == [jpeg]
    assert read(make_page(jpeg, before=ocr.replace("3 Tr", "0 Tr"), resources=font)) == [jpeg]
    assert read(make_page(jpeg, before="1 1 1 rg 0 0 150 210 re f 0 0 150 210 re W n")) == [jpeg]


def test_what_is_drawn_on_the_image_is_kept(read):
    page = draw_page(8)
    drawn = read(make_page(encode(page), after="0 0 0 rg 100 10 30 30 re f"))[0]
    assert (read_pixels(drawn)[345:395, 205:255] == 0).all()
    assert difference(drawn, page) < 12
    font = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    text = read(make_page(encode(page), after="BT /F1 20 Tf 20 20 Td (HELLO) Tj ET", resources=font))[0]
    assert text.startswith(b"\x89PNG")


def test_annotations_are_drawn_and_links_are_not(read):
    jpeg = encode(draw_page(9))
    pdf = PdfBuilder()
    appearance = pdf.add("/Type/XObject/Subtype/Form/BBox[0 0 30 30]", b"0 0 0 rg 0 0 30 30 re f")
    link = "/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 150 210]/Border[0 0 0]>>]"
    stamp = f"/Annots[<</Type/Annot/Subtype/Stamp/F 4/Rect[100 10 130 40]/AP<</N {appearance} 0 R>>>>]"
    image = pdf.add_jpeg(jpeg)
    pdf.add_image_page(image, 150, 210, entries=link)
    pdf.add_image_page(image, 150, 210, entries=stamp)
    linked, stamped = read(pdf.build())
    assert linked == jpeg
    assert (read_pixels(stamped)[345:395, 205:255] == 0).all()


def test_an_image_in_a_form_is_found(read):
    jpeg = encode(draw_page(10))
    pdf = PdfBuilder()
    image = pdf.add_jpeg(jpeg)
    form = pdf.add(
        f"/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Matrix[2 0 0 2 0 0]/Resources<</XObject<</Im0 {image} 0 R>>>>",
        b"/Im0 Do",
    )
    pdf.add_page("q 75 0 0 105 0 0 cm /Fm0 Do Q", "0 0 150 210", f"/XObject<</Fm0 {form} 0 R>>")
    assert read(pdf.build()) == [jpeg]


def test_margins_around_the_only_image_are_left_out(read):
    jpeg = encode(draw_page(11))
    pdf = PdfBuilder()
    image = pdf.add_jpeg(jpeg)
    content = "1 1 1 rg 0 0 200 250 re f q 150 0 0 210 25 20 cm /Im0 Do Q"
    pdf.add_page(content, "0 0 200 250", f"/XObject<</Im0 {image} 0 R>>")
    assert read(pdf.build()) == [jpeg]


def test_slices_are_joined_without_a_seam(read):
    page = draw_page(12, 301, 421)
    pdf = PdfBuilder()
    content, resources, top = "", "", 0
    for index, height in enumerate((100, 101, 120, 100)):
        image = pdf.add_image(page.crop((0, top, 301, top + height)))
        bottom = (421 - top - height) * 0.36
        content += f"q {301 * 0.36} 0 0 {height * 0.36} 0 {bottom} cm /Im{index} Do Q "
        resources += f"/Im{index} {image} 0 R"
        top += height
    pdf.add_page(content, f"0 0 {301 * 0.36} {421 * 0.36}", f"/XObject<<{resources}>>")
    assert difference(read(pdf.build())[0], page) < 1.5  # PDFium may stretch a slice by one row


def test_fax_and_jpeg_2000_come_out_pixel_by_pixel(read):
    fax, colour = draw_page(13, mode="1"), draw_page(14, mode="RGB")
    assert difference(read(encode(fax, "PDF"))[0], fax.convert("L")) == 0
    pdf = PdfBuilder()
    pdf.add_image_page(pdf.add_raw_image(colour, encode(colour, "JPEG2000"), "/Filter/JPXDecode"), 150, 210)
    assert difference(read(pdf.build())[0], colour) == 0


def test_a_page_of_text_is_rendered_with_a_bound(read):
    pdf = PdfBuilder()
    font = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    pdf.add_page("BT /F1 20 Tf 20 100 Td (text) Tj ET", "0 0 300 420", font)
    pdf.add_page("0 0 0 rg 0 0 7200 14400 re f", "0 0 14400 14400")
    small, huge = (read_pixels(data) for data in read(pdf.build()))
    assert small.shape == (1750, 1250)  # 300 dpi
    assert small.min() == 0 and small.max() == 255
    assert huge.shape == (4096, 4096)
    assert (huge[:, :2040] == 0).all() and (huge[:, 2056:] == 255).all()


def test_images_of_another_aspect_than_the_page_are_shown_in_the_aspect_of_the_page(read):
    fax = draw_page(13, 400, 200)
    pdf = PdfBuilder()
    pdf.add_image_page(pdf.add_image(fax), 200, 200)  # twice the resolution in x, as old fax machines had it
    height, width = read_pixels(read(pdf.build())[0]).shape
    assert abs(width - height) <= 1


def test_protected_files_are_reported(read):
    jpeg = encode(draw_page(14))
    pdf = PdfBuilder()
    pdf.add_image_page(pdf.add_jpeg(jpeg), 150, 210)
    with pytest.raises(ReaderError, match=r"^needs a password$"):
        read(pdf.build(user_password="secret"))
    assert read(pdf.build(user_password="")) == [jpeg]  # only the owner has a password
    with pytest.raises(ReaderError, match=r"^protected \(DRM\)$"):
        read(pdf.build(user_password="", filter="EBX_HANDLER"))


def test_damaged_files(read):
    pages = [encode(draw_page(seed)) for seed in range(3)]
    data = make_pdf(pages)
    start = data.rindex(b"xref\n0")
    trailer = data[data.rindex(b"trailer") :]
    assert read(data[:start] + b"xref\n0 1\nrubbish\n" + trailer) == pages
    assert read(data[:start] + trailer.replace(b"startxref", b"")) == pages
    for cut in (b"%PDF-1.7\nno objects", data[:start]):
        with pytest.raises(ReaderError, match=r"^cut off: the end of the PDF is missing$"):
            read(cut)
    with pytest.raises(ReaderError, match=r"^damaged PDF$"):
        read(PdfBuilder().build())


def test_missing_pages_are_reported(tmp_path):
    pages = [encode(draw_page(seed)) for seed in range(3)]
    data = make_pdf(pages)
    with PdfReader(write_file(tmp_path / "a.pdf", data.replace(b"/Count 3", b"/Count 9"))) as reader:
        members = reader.members()
        assert [next(members).read() for _ in pages] == pages
        with pytest.raises(ReaderError, match=r"^damaged PDF: the last 6 of 9 pages are missing$"):
            next(members)
    second = data.rindex(b"obj", 0, data.rindex(b"/Type/Page/", 0, data.rindex(b"/Type/Page/")))
    broken = data[:second] + b"xxx" + data[second + 3 :]
    with PdfReader(write_file(tmp_path / "b.pdf", broken)) as reader:
        outcome = [member.reason or member.read() for member in reader.members()]
    assert outcome == [pages[0], "damaged PDF page", pages[2]]


def test_the_size_of_the_encoded_image_counts(read):
    for format, filter in (("JPEG", "DCTDecode/ColorSpace/DeviceRGB"), ("JPEG2000", "JPXDecode")):
        pdf = PdfBuilder()
        large = encode(Image.new("RGB", (900, 900), "red"), format)
        pdf.add_image_page(pdf.add_raw_image(draw_page(1), large, f"/Filter/{filter}"), 150, 210)
        with pytest.raises(TooLargeError, match=r"too large: 900x900, over 0\.5 megapixels"):
            read(pdf.build(), Limits(max_megapixels=0.5))


def test_a_cut_off_jpeg_is_left_to_the_decoder(read):
    jpeg = encode(draw_page(15))
    pdf = PdfBuilder()
    image = pdf.add_raw_image(draw_page(15), jpeg[: len(jpeg) // 2], "/Filter/DCTDecode/ColorSpace/DeviceGray")
    pdf.add_image_page(image, 150, 210)
    assert read(pdf.build()) == [jpeg[: len(jpeg) // 2]]


def test_bounds(read, tmp_path):
    pages = [encode(draw_page(seed)) for seed in range(3)]
    with pytest.raises(TooLargeError, match=r"too large: 300x420, over 0\.1 megapixels"):
        read(make_pdf(pages), Limits(max_megapixels=0.1))
    names = []
    with PdfReader(write_file(tmp_path / "b.pdf", make_pdf(pages)), Limits(max_members=2)) as reader:
        with pytest.raises(TooLargeError, match="3 pages, over 2"):
            names.extend(member.name for member in reader.members())
        assert PdfReader.in_reading_order


def test_pdf_files_are_recognised_by_their_content(tmp_path):
    pdf = make_pdf([encode(draw_page(0))])
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("a.pdf")
        info.size = len(pdf)
        archive.addfile(info, io.BytesIO(pdf))
    others = {"zip": make_zip_file({"a.pdf": pdf}), "text": b"a text about PDF", "tar": tar.getvalue()}
    path = tmp_path / "any"
    assert PdfReader.matches(pdf[:4096], path)
    assert PdfReader.matches(b"\r\nHeader: of an e-mail\r\n" + pdf[:4096], path)
    for data in others.values():
        assert not PdfReader.matches(data[:4096], path)
