"""Values of the report: looked up by key, formatted, and marked with their key."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

MISSING = "–"

Sources = Mapping[str, Any]  # see `mangagan.report.page.Report.sources`


def look_up(values: Any, key: str) -> Any:
    """Return the entry with a dotted key, for example `evaluate.swd.value`; None if there is none.

    Entries of a list are addressed by their index. If names contain dots, as titles may, the longest match is used.
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


def iterate_leaf_keys(values: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of all entries of nested mappings and lists that are neither."""
    entries = values.items() if isinstance(values, Mapping) else enumerate(values)
    for name, value in entries:
        if isinstance(value, Mapping | list | tuple):
            yield from iterate_leaf_keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def format_number(value: object, digits: int = 3) -> str:
    """Return a value as text: integers with thousands separators, other numbers with significant digits."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{round(value):,}"
    decimals = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(decimals, 0)}f}"


def show_value(sources: Sources, key: str, digits: int | None = 3, tag: str = "span") -> Markup:
    """Return an entry of the sources as an HTML element that carries its key.

    Args:
        sources: Sources of the report.
        key: Dotted key.
        digits: Significant digits of numbers that are not integers; None for all. Default: 3.
        tag: Name of the element: `code` for hashes, `tspan` inside SVG. Default: span.
    """
    value = look_up(sources, key)
    text = format_number(value, digits) if digits else str(MISSING if value is None else value)
    return Markup('<{tag} data-key="{key}">{text}</{tag}>').format(tag=tag, key=key, text=text)


def show_with_deviation(sources: Sources, key: str, sd_key: str, tag: str = "span") -> Markup:
    """Return an entry as by `show_value`, followed by its standard deviation if there is one."""
    shown = show_value(sources, key, tag=tag)
    if not sd_key or look_up(sources, sd_key) is None:
        return shown
    return Markup("{} ± {}").format(shown, show_value(sources, sd_key, digits=2, tag=tag))
