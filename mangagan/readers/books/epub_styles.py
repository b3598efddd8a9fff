"""Find the background images that style sheets give to elements."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

IMAGE_PROPERTIES = ("background", "content")  # prefixes of names, for example of `background-image`
SELECTOR_PART = re.compile(r"([.#]?)([\w\\-]+)")
MAX_RULES = 5000  # of a style sheet
MAX_SELECTORS = 100  # of a rule


@dataclass(frozen=True)
class BackgroundRule:
    """A background image of the elements that a selector matches.

    Only the last part of a selector counts: `body div.page` matches like `div.page`.

    Attributes:
        element: Name of the element. Empty: any.
        identifier: Value of `id`. Empty: any.
        classes: Classes that an element must have.
        url: The reference to the image.
        base: Name of the file that contains the rule.
    """

    element: str
    identifier: str
    classes: frozenset[str]
    url: str
    base: str


@dataclass
class StyleSheets:
    """The rules of a document.

    Attributes:
        rules: Rules by the key under which `find` looks for them.
    """

    rules: dict[str, list[BackgroundRule]] = field(default_factory=dict)

    def add(self, rules: Iterable[BackgroundRule]) -> None:
        """Add rules."""
        for rule in rules:
            class_key = next((f".{name}" for name in sorted(rule.classes)), "")
            key = f"#{rule.identifier}" if rule.identifier else class_key or rule.element or "*"
            self.rules.setdefault(key, []).append(rule)

    def find(self, element: str, attributes: dict[str, str]) -> Iterator[BackgroundRule]:
        """Yield the rules that match an element."""
        identifier, classes = attributes.get("id", ""), set(attributes.get("class", "").split())
        for key in (f"#{identifier}", *(f".{name}" for name in sorted(classes)), element, "*"):
            for rule in self.rules.get(key, ()):
                matches = rule.element in ("", element) and rule.identifier in ("", identifier)
                if matches and rule.classes <= classes:
                    yield rule


def parse_style_sheet(css: str, base: str) -> tuple[list[BackgroundRule], list[str]]:
    """Return the rules of a style sheet, those in `@media` blocks included, and the references of its imports.

    Args:
        css: The style sheet.
        base: Name of the file that contains it.
    """
    rules: list[BackgroundRule] = []
    imports: list[str] = []
    selectors = ""
    for piece in re.split(r"([{}])", remove_comments(css)):
        if piece == "}":
            selectors = ""
        elif piece != "{":
            if selectors and len(rules) < MAX_RULES:
                rules.extend(make_rules(selectors, piece, base))
            statements = piece.split(";")
            imports.extend(filter(None, (read_import(statement) for statement in statements)))
            selectors = statements[-1].strip()
    return rules, imports


def remove_comments(css: str) -> str:
    """Return a style sheet without comments, in linear time even if many comments have no end."""
    first, *others = css.split("/*")
    return first + "".join(part.partition("*/")[2] for part in others)


def make_rules(selectors: str, declarations: str, base: str) -> Iterator[BackgroundRule]:
    """Yield a rule for each selector and image of a block."""
    urls = list(find_background_urls(declarations))
    if not urls or selectors.startswith("@"):
        return
    for selector in selectors.split(",")[:MAX_SELECTORS]:
        compound = re.split(r"[\s>+~]", selector.strip())[-1].partition(":")[0].partition("[")[0]
        names: dict[str, list[str]] = {"": [], "#": [], ".": []}
        for part in SELECTOR_PART.finditer(compound):
            names[part[1]].append(part[2])
        element = "".join(names[""][:1]).lower()
        if compound:
            for url in urls:
                yield BackgroundRule(element, "".join(names["#"][:1]), frozenset(names["."]), url, base)


def read_import(statement: str) -> str:
    """Return the reference of an `@import` statement. Empty for another statement."""
    text = statement.strip()
    if not text.lower().startswith("@import"):
        return ""
    text = text[len("@import") :].strip()
    urls = [url for _, url in iterate_urls(text)]
    return urls[0] if urls else (re.split(r"\s", text)[0].strip("\"'") if text[:1] in "\"'" else "")


def find_background_urls(declarations: str) -> Iterator[str]:
    """Yield the references of the background images in the declarations of a block or a `style` attribute."""
    property_name = ""
    for before, url in iterate_urls(declarations):
        last = before.rpartition(";")[2]
        if ":" in last:
            property_name = last.partition(":")[0].strip().lower()
        if url and property_name.startswith(IMAGE_PROPERTIES):
            yield url


def iterate_urls(text: str) -> Iterator[tuple[str, str]]:
    """Yield the argument of each `url()`, and the text between it and the one before it."""
    position = 0
    while (start := text.find("url(", position)) >= 0:
        value = start + len("url(")
        while text[value : value + 1].isspace():
            value += 1
        quote = text[value : value + 1]
        is_quoted = quote in ("'", '"')
        end = text.find(quote, value + 1) if is_quoted else text.find(")", value)
        if end < 0:
            return
        yield text[position:start], text[value + is_quoted : end].strip()
        position = end + 1
