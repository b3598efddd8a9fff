"""A parser of report pages, and checks that hold for every page."""

import re
from html.parser import HTMLParser
from typing import Any

from mangagan.report.values import format_number, look_up

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Tags, values with their keys, and numbers without a key. Raises AssertionError if a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, bool]] = []
        self.values: list[tuple[str, str]] = []
        self.other_numbers: list[str] = []  # texts and labels with a digit and without a key, except ticks
        self.key = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        attributes = dict(attrs)
        self.key = attributes.get("data-key") or ""
        marked = bool(self.key) or attributes.get("class") == "tick" or tag == "style"
        if tag not in VOID:
            self.open.append((tag, marked))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.other_numbers += [
            attributes[name] or "" for name in ("alt", "aria-label", "title") if has_digit(attributes.get(name))
        ]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag
        if self.key:
            self.values.append((self.key, ""))  # an empty element
            self.key = ""

    def handle_data(self, data: str) -> None:
        if self.key:
            self.values.append((self.key, data))
            self.key = ""
        elif has_digit(data) and not any(marked for _, marked in self.open):
            self.other_numbers.append(data)


def has_digit(text: str | None) -> bool:
    return bool(text and re.search(r"\d", text))


def check_self_contained(text: str) -> None:
    """Check that the page has no script and loads nothing: links lead to anchors, `data:` or files of reports/."""
    page = Page(text)
    assert page.open == []
    assert not {"script", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action"):
            value = attributes.get(name) or "data:"
            file = tag == "a" and re.fullmatch(r"[a-z]+/([\w%.\-]+\.png|index\.html)", value)
            assert value.startswith("data:") or (value[0] == "#" and value[1:] in anchors) or file, value[:80]
        assert not [name for name in attributes if name.startswith("on")]
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def check_traceable(text: str, sources: dict[str, Any]) -> None:
    """Check that every value with a key is the value of its source, exact or rounded to two or three digits."""
    values = [(key, shown) for key, shown in Page(text).values if key.split(".")[0] in sources]
    assert len(values) > 10
    for key, shown in values:
        value = look_up(sources, key)
        assert shown in (format_number(value), format_number(value, 2), str(value), str(value)[:12]), key
