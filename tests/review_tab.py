"""A browser tab that shows `mangagan review`."""

from typing import Any

from mangagan.core import catalog
from mangagan.dataset.overrides import read_overrides
from tests.review_workspace import FACES_PER_TITLE, TITLES, Server, face_name

FACE_COUNT = 2 * FACES_PER_TITLE + 1
IDS = [face_name(title, number) for title in TITLES for number in range(FACES_PER_TITLE)]  # in the order of the page
IS_SAVED = "() => document.body.dataset.unsent === '0'"
NETWORK_ERROR = "net::ERR_"  # expected while the server is killed


class Tab:
    """A tab of the browser that shows the page. It records the errors of the console."""

    def __init__(self, context: Any, url: str) -> None:
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)
        self.page.wait_for_selector(".face")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def cell(self, face_id: str) -> Any:
        return self.page.locator(f"[data-id={face_id}]")

    def wait_until_saved(self) -> None:
        self.page.wait_for_function(IS_SAVED)

    def active(self) -> str:
        """Return the id of the face that has the focus."""
        cell = self.page.locator(f"#{self.page.get_attribute('#grid', 'aria-activedescendant')}")
        return str(cell.get_attribute("data-id"))

    def selected(self) -> list[str]:
        """Return the ids of the selected faces that are drawn."""
        cells = self.page.locator(".face[aria-selected=true]")
        return sorted(cells.evaluate_all("cells => cells.map(cell => cell.dataset.id)"))

    def sections(self) -> dict[str, list[str]]:
        """Return the drawn faces under their headings."""
        rows = self.page.locator(".row").evaluate_all(
            "rows => rows.map(row => [row.offsetTop, row.querySelector('.name')?.textContent,"
            " [...row.querySelectorAll('.face')].map(cell => cell.dataset.id)])"
        )
        found: dict[str, list[str]] = {}
        for _, name, ids in sorted(rows, key=lambda row: row[0]):
            if name:
                found[name] = section = []
            section += ids
        return found


def saved(server: Server) -> list[tuple[str, str, str]]:
    rows = read_overrides(server.root / catalog.OVERRIDES)
    return [(row.face_id, row.action, row.other) for row in rows]
