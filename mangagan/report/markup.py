"""Pieces of HTML. Everything that comes from data passes through `escape`."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MISSING = "–"


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


def look_up(values: Any, key: str) -> Any:
    """The entry under a dotted key, for example `evaluate.swd.value`; None where there is none.

    Entries of a list go by their index. A name may hold dots itself, as titles do: the longest that fits is taken.
    """
    if isinstance(values, list | tuple):
        values = {str(index): entry for index, entry in enumerate(values)}
    if not isinstance(values, Mapping):
        return None
    head = key
    while head not in values and "." in head:
        head = head.rpartition(".")[0]
    if head not in values:
        return None
    return values[head] if head == key else look_up(values[head], key[len(head) + 1 :])


def figure_of(values: Mapping[str, Any], key: str, digits: int = 3, tag: str = "span") -> str:
    """An entry of the report's sources, marked with the key it stands under.

    Args:
        values: see `mangagan.report.page.Report.sources`.
        key: dotted.
        digits: significant ones, of figures that are not whole.
        tag: the element; `tspan` inside a plot.
    """
    return f'<{tag} data-key="{escape(key)}">{escape(number(look_up(values, key), digits))}</{tag}>'


def hash_of(values: Mapping[str, Any], key: str) -> str:
    """A hash or revision, marked with its key."""
    return f"<code>{figure_of(values, key)}</code>"


def exact(values: Mapping[str, Any], key: str) -> str:
    """An entry to its last digit, marked with its key."""
    value = look_up(values, key)
    return f'<span data-key="{escape(key)}">{escape(MISSING if value is None else value)}</span>'


def spread(values: Mapping[str, Any], key: str, deviation_key: str, tag: str = "span") -> str:
    """A figure with its standard deviation, where there is one."""
    shown = figure_of(values, key, tag=tag)
    if look_up(values, deviation_key) is None:
        return shown
    return f"{shown} ± {figure_of(values, deviation_key, digits=2, tag=tag)}"


def figure(content: str, caption: str) -> str:
    """A picture or plot (HTML) with a line below it (HTML)."""
    return f"<figure>{content}<figcaption>{caption}</figcaption></figure>"


def scrollable(content: str, label: str) -> str:
    """A box that what is too wide for a small screen is scrolled in; it can be reached without a mouse."""
    return f'<div class="wide" tabindex="0" role="group" aria-label="{escape(label)}">{content}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: bool = True, kind: str = "") -> str:
    """A table whose cells are HTML; the first column names the row.

    Args:
        head: column names, text; no header where all are empty.
        rows: cells, HTML.
        right: sets the cells behind the first to the right, as figures want it.
        kind: another class of the table.
    """
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    header = f"<thead><tr>{cells}</tr></thead>" if any(head) else ""
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    classes = " ".join(name for name in ("figures" if right else "", kind) if name)
    return scrollable(f'<table class="{classes}">{header}<tbody>{body}</tbody></table>', "Table")


def folded(summary: str, content: str) -> str:
    """Content (HTML) to be unfolded, below a line of text."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def paragraph(text: str) -> str:
    """Plain text as a paragraph."""
    return f"<p>{escape(text)}</p>"
