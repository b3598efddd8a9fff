"""A report as its reader gets it: what is on the page, and where each figure comes from."""

import re
from html.parser import HTMLParser
from typing import Any

from mangagan.report.markup import look_up, number

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Collects tags, the text of every element that names the key it shows, and numbers that stand elsewhere.

    Checks that tags are closed.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, bool]] = []
        self.figures: list[tuple[str, str]] = []
        self.other_numbers: list[str] = []  # texts and labels with a digit that no key stands for; ticks left out
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

    def handle_data(self, data: str) -> None:
        if self.key:
            self.figures.append((self.key, data))
            self.key = ""
        elif has_digit(data) and not any(marked for _, marked in self.open):
            self.other_numbers.append(data)


def has_digit(text: str | None) -> bool:
    return bool(text and re.search(r"\d", text))


def check_self_contained(text: str) -> None:
    """No script, and nothing is fetched: every src is data:, every href a place on the page or a picture beside it."""
    page = Page(text)
    assert page.open == []
    assert not {"script", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action"):
            value = attributes.get(name) or "data:"
            beside = tag == "a" and re.fullmatch(r"[a-z]+/[\w%.\-]+\.png", value)
            assert value.startswith("data:") or (value[0] == "#" and value[1:] in anchors) or beside, value[:80]
        assert not [name for name in attributes if name.startswith("on")]
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def check_traceable(text: str, sources: dict[str, Any]) -> None:
    """Every figure marked as being from one of the sources is what stands there: whole, or to two or three digits."""
    figures = [(key, shown) for key, shown in Page(text).figures if key.split(".")[0] in sources]
    assert len(figures) > 10
    for key, shown in figures:
        value = look_up(sources, key)
        assert shown in (number(value), number(value, 2), str(value), str(value)[:12]), key
