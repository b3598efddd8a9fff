"""The text format of data/overrides.csv: from bytes to decisions, and from a decision to a line."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mangagan.core.errors import UserError
from mangagan.core.params import suggest
from mangagan.dataset.override_rows import Anchor, Override

COLUMNS = ("face_id", "action", "note", "anchor", "other", "other_anchor")
REQUIRED = ("face_id", "action")
SEPARATORS = (",", ";", "\t")
BOM = "\ufeff"


@dataclass(frozen=True)
class Layout:
    """How a file is written.

    Attributes:
        columns: Columns of the header, in its order.
        separator: Separator of the fields.
        newline: Line break.
        bom: Byte order mark at the start, or "".
    """

    columns: tuple[str, ...] = COLUMNS
    separator: str = ","
    newline: str = "\n"
    bom: str = ""

    def format_header(self) -> str:
        """Return the start of the file."""
        return self.bom + self.separator.join(self.columns) + self.newline

    def format_line(self, fields: Sequence[str]) -> str:
        """Return a line of the file.

        The last field is in quotes unless it is empty. So a line that is cut off anywhere has either too few fields or
        an open quote, and is not read as another decision.
        """
        *texts, last = fields
        return self.separator.join([*map(quote, texts), quote(last, always=bool(last))]) + self.newline


@dataclass(frozen=True)
class Content:
    """A parsed file.

    Attributes:
        layout: How the file is written. None for an empty file.
        overrides: The decisions, in the order of the file.
        ends_line: The text ends with a line break.
    """

    layout: Layout | None
    overrides: list[Override]
    ends_line: bool


def quote(text: str, always: bool = False) -> str:
    """Return a field of a line, in double quotes if it could not be read back without them."""
    if not always and not any(character in text for character in (*SEPARATORS, '"')):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def format_override(row: Override, layout: Layout) -> str:
    """Return the line of a decision. A line break in the note becomes a space."""
    fields = {
        "face_id": row.face_id,
        "action": row.action,
        "note": " ".join(row.note.replace("\0", " ").split()),
        "anchor": row.anchor.format() if row.anchor else "",
        "other": row.other,
        "other_anchor": row.other_anchor.format() if row.other_anchor else "",
    }
    return layout.format_line([fields[column] for column in layout.columns])


def parse_file(data: bytes, path: Path) -> Content:
    """Parse the bytes of a file.

    Raises:
        UserError: They are not UTF-8, the header lacks a column, or a line cannot be read.
    """
    text = decode_text(data, path)
    bom = BOM if text.startswith(BOM) else ""
    text = text.removeprefix(BOM)
    ends_line = text.endswith(("\n", "\r")) or not text
    first = next((line for line in io.StringIO(text, newline="") if line.strip(" \t,;\r\n")), "")
    if not first:
        return Content(None, [], ends_line)
    layout = parse_header(first, bom, path)
    overrides, header_read = [], False
    for line, fields, is_last in split_records(text, layout.separator, path):
        if not header_read:
            header_read = True
            continue
        complete = ends_line or not is_last or len(fields) >= len(layout.columns)
        overrides.append(parse_row(fields, layout, line, complete, path))
    return Content(layout, overrides, ends_line)


def decode_text(data: bytes, path: Path) -> str:
    """Decode UTF-8.

    Raises:
        UserError: The data are in another encoding, or end within a character.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if error.reason == "unexpected end of data" and error.end == len(data):
            raise UserError(incomplete(path, line)) from None
        text = "\0"
    if "\0" in text:
        raise UserError(f"{path} is not UTF-8 text. Open it in the program that wrote it, and save as CSV UTF-8")
    return text


def incomplete(path: Path, line: int) -> str:
    """Return the message for a last line that is cut off."""
    return (
        f"{path} line {line} is incomplete: it ends without a line break, as after a crash. "
        "Delete the line, or complete it and end it with a line break"
    )


def parse_header(first: str, bom: str, path: Path) -> Layout:
    """Return the layout that the first line shows.

    Raises:
        UserError: A column is missing, unknown, or there twice.
    """
    newline = first[len(first.rstrip("\r\n")) :] or "\n"
    for separator in SEPARATORS:
        try:
            fields = next(csv.reader([first.rstrip("\r\n")], delimiter=separator, skipinitialspace=True, strict=True))
        except csv.Error:
            continue
        names = [field.strip().lower() for field in fields]
        while names and not names[-1]:
            names.pop()
        if not set(REQUIRED) <= set(names):
            continue
        if unknown := [name for name in names if name not in COLUMNS]:
            raise UserError(f"{path} line 1: {unknown[0]!r} is not a column{suggest(unknown[0], list(COLUMNS))}")
        if repeated := [name for name in names if names.count(name) > 1]:
            raise UserError(f"{path} line 1: the column {repeated[0]} is there twice")
        return Layout(tuple(names), separator, newline, bom)
    raise UserError(f"{path} must have the columns {','.join(COLUMNS)} in its first line, at least face_id,action")


def split_records(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str], bool]]:
    """Yield the first line [from 1] and the fields of each record that is not blank, and True for the last record."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    line = 1
    try:
        for record in reader:
            fields = [field.strip() for field in record]
            if any(fields):
                yield line, fields, lines.tell() == len(text)
            line = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" not in str(error):
            raise UserError(f"{path} line {line}: {error}") from None
        if text.endswith(("\n", "\r")):
            raise UserError(f"{path} line {line}: a double quote is not closed") from None
        raise UserError(incomplete(path, line)) from None


def parse_row(fields: list[str], layout: Layout, line: int, complete: bool, path: Path) -> Override:
    """Return the decision of a line.

    Empty fields at the end of the line may be left out, and there may be more of them than columns.

    Raises:
        UserError: The line cannot be read.
    """
    if not complete:
        raise UserError(incomplete(path, line))
    width = len(layout.columns)
    if any(fields[width:]):
        raise UserError(
            f"{path} line {line}: {len(fields)} fields, but the header has {width}. "
            f"Put a text that contains {layout.separator!r} in double quotes"
        )
    values = dict(zip(layout.columns, fields, strict=False))
    try:
        return Override(
            values.get("face_id", ""),
            values.get("action", "").lower(),
            values.get("note", ""),
            parse_anchor(values.get("anchor", "")),
            values.get("other", ""),
            parse_anchor(values.get("other_anchor", "")),
            line,
        )
    except ValueError as error:
        raise UserError(f"{path} line {line}: {error}") from None


def parse_anchor(text: str) -> Anchor | None:
    """Return the anchor, None for an empty text."""
    return Anchor.parse(text) if text else None
