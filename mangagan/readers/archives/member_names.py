"""Names of files in archives: find the encoding of an archive, and make each name printable."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mangagan.readers.names import escape

FALLBACK = "cp437"  # the encoding of ZIP if no other is declared
MIN_SCORE = 0.75
MAX_SAMPLE = 20_000  # bytes of names that are examined
MAX_NAME = 1000  # characters of a name
DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True)
class Candidate:
    """An encoding of names.

    Attributes:
        encoding: Name of the codec.
        rows: Inclusive ranges of the common characters, as big-endian numbers of their two bytes.
        usual: Characters that are frequent in names of comics. They decide between encodings that share the rows.
        required: If not empty, at least one of these characters must occur.
    """

    encoding: str
    rows: tuple[tuple[int, int], ...]
    usual: frozenset[str]
    required: frozenset[str] = frozenset()


KANA = frozenset(map(chr, [*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC]))
JAPANESE = KANA | frozenset("第話巻章集回編全完単行本漫画表紙扉頁版上中下一二三四五六七八九十新特別番外目次")
# In the order of preference: manga are Japanese. The rows are those of punctuation, digits, kana and hangul, and the
# first level of each standard, which holds the characters of everyday texts.
CANDIDATES = (
    Candidate(
        "cp932",
        ((0x8140, 0x81AC), (0x824F, 0x8258), (0x829F, 0x82F1), (0x8340, 0x8396), (0x8740, 0x879E), (0x889F, 0x9872)),
        JAPANESE,
    ),
    Candidate("euc_jp", ((0xA1A1, 0xA5F6), (0xB0A1, 0xCFD3)), JAPANESE, KANA),
    Candidate(
        "gbk",
        ((0xA1A1, 0xA3FE), (0xB0A1, 0xD7F9)),
        frozenset("第话話卷章集回册页全完单行本的漫画一二三四五六七八九十上中下番外篇之人小大在我你是不了新版彩扫图目录封面"),
    ),
    Candidate(
        "big5",
        ((0xA140, 0xA3BF), (0xA440, 0xC67E)),
        frozenset("第話卷章集回冊頁全完單行本的漫畫一二三四五六七八九十上中下番外篇之人小大在我你是不了新版彩圖目錄封面"),
    ),
    Candidate(
        "cp949",
        ((0xA1A1, 0xA3FE), (0xB0A1, 0xC8FE)),
        frozenset("제화권편장회완결단행본만이의가는을를에서도하고사지아기나다라마바자한인어그리스전부상중하표"),
    ),
)  # fmt: skip


def decode_names(names: Sequence[bytes]) -> list[str]:
    """Decode the names of one archive, which share one encoding.

    The encoding is UTF-8 if all names are valid in it, otherwise the Japanese, Chinese or Korean encoding whose common
    characters the names consist of, otherwise CP437 or Windows-1252.
    """
    encoding = find_encoding(names)
    return [name.decode(encoding, "replace") for name in names]


def find_encoding(names: Sequence[bytes]) -> str:
    """Return the encoding that the names of one archive share."""
    foreign = [name for name in names if not name.isascii()]
    if not foreign or all(can_decode(name, "utf-8") for name in foreign):
        return "utf-8"
    sample = take_sample(foreign)
    best, best_score = FALLBACK, 0.0
    for candidate in CANDIDATES:
        score = score_candidate(sample, candidate)
        if score > best_score:  # the first of equal ones
            best, best_score = candidate.encoding, score
    if best_score >= MIN_SCORE:
        return best
    return max((FALLBACK, "cp1252"), key=lambda encoding: count_accented_letters(sample, encoding))


def take_sample(names: Sequence[bytes]) -> list[bytes]:
    """Return the first distinct names, MAX_SAMPLE bytes in total."""
    sample, total = [], 0
    for name in dict.fromkeys(names):
        sample.append(name[:MAX_SAMPLE])
        total += len(name)
        if total >= MAX_SAMPLE:
            break
    return sample


def can_decode(name: bytes, encoding: str) -> bool:
    """Return True if a name is valid in an encoding."""
    try:
        name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def score_candidate(names: Sequence[bytes], candidate: Candidate) -> float:
    """Return how typical the non-ASCII characters of names are for an encoding [0, 2]. 0 if a name is not valid in it.

    The score is the share of common characters plus the share of usual characters.
    """
    common = usual = total = 0
    required = not candidate.required
    for name in names:
        try:
            text = name.decode(candidate.encoding)
        except UnicodeDecodeError:
            return 0.0
        for character in text:
            if character.isascii():
                continue
            total += 1
            code = int.from_bytes(character.encode(candidate.encoding, "replace"), "big")
            common += any(first <= code <= last for first, last in candidate.rows)
            usual += character in candidate.usual
            required = required or character in candidate.required
    return (common + usual) / total if required and total else 0.0


def count_accented_letters(names: Sequence[bytes], encoding: str) -> int:
    """Return the number of non-ASCII Latin letters if the names are decoded with a Western encoding."""
    text = b"".join(names).decode(encoding, "replace")
    return sum("À" <= character <= "ÿ" and character not in "×÷" for character in text)


def clean_name(name: str) -> str:
    """Return a printable name with forward slashes and without drive letter, root, `.` and `..`.

    The result is a name in tables. It is never used as a path on the disk.
    """
    name = DRIVE.sub("", name.partition("\0")[0].replace("\\", "/"))
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return escape("/".join(parts))[:MAX_NAME] or "unnamed"
