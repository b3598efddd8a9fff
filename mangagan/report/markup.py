"""Pieces of HTML. Everything that comes from data passes through `escape`."""

import base64
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PIL import Image

MISSING = "–"
SHEET_SIDE = (1440, 2880)  # px, width and height that contact sheets are brought down to
JPEG_QUALITY = 85


def escape(value: object) -> str:
    """Text made safe for HTML content and quoted attributes."""
    return html.escape(str(value), quote=True)


def number(value: object, digits: int = 3) -> str:
    """A figure for reading: whole numbers with separators, others with so many significant digits."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{round(value):,}"
    decimals = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(decimals, 0)}f}"


def look_up(values: Mapping[str, Any], key: str) -> Any:
    """The value under a dotted key, for example `evaluate.swd.value`; None where there is none."""
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def figure_of(values: Mapping[str, Any], key: str, digits: int = 3) -> str:
    """A figure from the metrics, marked with the key it comes from."""
    return f'<span data-key="{escape(key)}">{escape(number(look_up(values, key), digits))}</span>'


def picture(data: bytes, alt: str, media: str = "image/png", wide: bool = False) -> str:
    """An image inside the page; a wide one may be scrolled sideways on a small screen."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    source = f"data:{media};base64,{base64.b64encode(data).decode()}"
    tag = f'<img src="{source}" alt="{escape(alt)}" width="{width}" height="{height}">'
    # A box that scrolls must be reachable without a mouse.
    return f'<div class="wide" tabindex="0" role="group" aria-label="{escape(alt)}">{tag}</div>' if wide else tag


def figure(content: str, caption: str) -> str:
    """A picture or plot (HTML) with a line below it (text)."""
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: bool = True) -> str:
    """A table whose cells are HTML; the first column names the row.

    Args:
        head: column names, text; no header where all are empty.
        rows: cells, HTML.
        right: sets the cells behind the first to the right, as figures want it.
    """
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    header = f"<thead><tr>{cells}</tr></thead>" if any(head) else ""
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    kind = ' class="figures"' if right else ""
    box = '<div class="wide" tabindex="0" role="group" aria-label="Table">'
    return f"{box}<table{kind}>{header}<tbody>{body}</tbody></table></div>"


def paragraph(text: str) -> str:
    """Plain text as a paragraph."""
    return f"<p>{escape(text)}</p>"


def shrink(png: bytes) -> bytes:
    """A contact sheet for the page: brought down to `SHEET_SIDE` where it is larger, as JPEG."""
    with Image.open(io.BytesIO(png)) as image:
        sheet = image.convert("RGB")
    sheet.thumbnail(SHEET_SIDE, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
