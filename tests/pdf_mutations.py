"""Read mutated PDF files: `python -m tests.pdf_mutations FOLDER COUNT SEED`. Prints what came out."""

import random
import re
import sys
from collections import Counter
from pathlib import Path

from mangagan.readers.base import Limits
from mangagan.readers.books.pdf_file import PdfReader
from mangagan.readers.errors import ReaderError
from tests.book_files import PdfBuilder, draw_page, encode

LIMITS = Limits(max_megapixels=1, max_members=1000)
TOKENS = [
    b"0", b"-1", b"2147483647", b"1e9", b"null", b"<<", b">>", b"[", b"]", b"1 0 R", b"5 0 R", b"stream", b"endobj",
    b"/Kids", b"/Parent", b"/DCTDecode", b"/JPXDecode", b"/CCITTFaxDecode", b"/JBIG2Decode", b"/LZWDecode",
    b"/Width 60000", b"/Height 60000", b"/BitsPerComponent 16", b"/ImageMask true", b"/MediaBox[0 0 0 0]",
]  # fmt: skip
NUMBERS = [b"0", b"1", b"-5", b"7", b"65535", b"99999", b"2147483648"]


def make_documents() -> list[bytes]:
    """Return PDF files with images of every codec, forms, masks, text, crop boxes and encryption."""
    gray, colour = draw_page(1, 60, 84), draw_page(2, 60, 84, "RGB")
    font = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    pdf = PdfBuilder()
    pdf.add_image_page(pdf.add_jpeg(encode(gray)), 60, 84)
    pdf.add_image_page(pdf.add_image(colour), 60, 84, entries="/Rotate 90")
    pdf.add_image_page(pdf.add_raw_image(colour, encode(colour, "JPEG2000"), "/Filter/JPXDecode"), 60, 84)
    mask = pdf.add_image(gray)
    masked, text = pdf.add_jpeg(encode(colour), f"/SMask {mask} 0 R"), "BT /F1 9 Tf 5 5 Td (text) Tj ET"
    pdf.add_image_page(masked, 60, 84, after=text, resources=font, entries="/CropBox[5 5 50 70]")
    resources = f"/Resources<</XObject<</Im0 {mask} 0 R>>>>"
    form = pdf.add(f"/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Matrix[2 0 0 2 0 0]{resources}", b"/Im0 Do")
    pdf.add_page("q 30 0 0 42 0 0 cm /Fm0 Do Q", "0 0 60 84", f"/XObject<</Fm0 {form} 0 R>>")
    return [pdf.build(), pdf.build(user_password=""), encode(draw_page(3, 60, 84, "1"), "PDF")]


def mutate(document: bytes, generator: random.Random) -> bytes:
    """Return a copy with one to sixteen random changes."""
    data = bytearray(document)
    for _ in range(generator.choice((1, 2, 4, 16))):
        position, kind = generator.randrange(len(data)), generator.random()
        if kind < 0.35:
            data[position] = generator.randrange(256)
        elif kind < 0.6:
            token = generator.choice(TOKENS)
            data[position : position + len(token)] = token
        elif kind < 0.7:
            del data[position : position + generator.randint(1, 200)]
        elif kind < 0.8:
            start = generator.randrange(len(data))
            data[position:position] = data[start : start + generator.randint(1, 300)]
        elif kind < 0.83:
            del data[max(10, position) :]
        elif numbers := list(re.finditer(rb"\d+", bytes(data))):
            number = generator.choice(numbers)
            data[number.start() : number.end()] = generator.choice(NUMBERS)
    return bytes(data)


def read_mutated(folder: Path, count: int, seed: int) -> Counter[str]:
    """Read mutated files. Returns the number of pages that were read, and of each reason."""
    generator, documents, outcomes = random.Random(seed), make_documents(), Counter[str]()
    for _ in range(count):
        path = folder / "mutated.pdf"
        path.write_bytes(mutate(generator.choice(documents), generator))
        try:
            with PdfReader(path, LIMITS) as reader:
                for member in reader.members():
                    try:
                        outcomes["read"] += bool(member.read())
                    except ReaderError as error:
                        outcomes[str(error)] += 1
        except ReaderError as error:
            outcomes[str(error)] += 1
    return outcomes


if __name__ == "__main__":
    print(dict(read_mutated(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
