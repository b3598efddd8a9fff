"""`mangagan review` in a browser: selection, keys, views, dialogs and accessibility."""

from typing import Any

import pytest

from tests.review_tab import FACE_COUNT, IDS, Tab, saved
from tests.review_workspace import IMPORTED_SOURCE, TITLES, Server


def test_selection_by_mouse_and_keyboard(tab: Tab, server: Server) -> None:
    tab.cell("alpha-002").click()
    assert tab.selected() == ["alpha-002"]
    tab.cell("alpha-006").click(modifiers=["Shift"])
    assert tab.selected() == IDS[2:7]
    tab.cell("alpha-004").click(modifiers=["ControlOrMeta"])
    assert tab.selected() == [*IDS[2:4], *IDS[5:7]]
    tab.press("ArrowRight", "ArrowRight", "ArrowRight", "x")  # 7
    assert tab.selected() == [*IDS[2:4], *IDS[5:8]]
    tab.press("Shift+ArrowRight", "Shift+ArrowRight")
    assert tab.selected() == [*IDS[2:4], *IDS[5:10]]
    assert tab.page.text_content("#chosen") == "7 selected"
    tab.press("r")
    tab.wait_until_saved()
    assert saved(server) == [(face, "replace", "") for face in [*IDS[2:4], *IDS[5:10]]]
    assert tab.selected() == []
    assert tab.page.text_content("#live") == "replace: 7 faces"

    tab.press("Control+a")
    assert tab.page.text_content("#chosen") == f"{FACE_COUNT} selected"
    tab.press("Escape")
    assert tab.selected() == []
    tab.page.select_option("#title", "beta")
    tab.page.click("[data-action=all]")
    tab.page.click("[data-action=keep]")
    tab.wait_until_saved()
    assert server.state()["actions"] == dict.fromkeys([*IDS[2:4], *IDS[5:10]], "replace") | dict.fromkeys(
        IDS[48:], "keep"
    )


def test_keys_move_the_focus(tab: Tab) -> None:
    tab.press("l", "l", "h")
    assert tab.active() == "alpha-001"
    tab.press("j")
    columns = tab.page.locator(".row:not(.heading)").first.locator(".face").count()
    assert tab.active() == IDS[1 + columns]
    tab.press("i", "ArrowDown", "ArrowUp", "ArrowLeft")
    assert tab.active() == "alpha-000"
    tab.press("PageDown")
    assert tab.active() != "alpha-000"
    tab.press("End")
    assert tab.active() == "gamma-000"
    tab.press("Home")
    assert tab.active() == "alpha-000"
    tab.press("/")
    tab.page.keyboard.type("d")  # a letter, not a decision
    assert tab.page.input_value("#search") == "d"


def test_page_with_its_box(tab: Tab, server: Server) -> None:
    tab.cell("alpha-009").click()
    tab.press("o")
    tab.page.wait_for_function("() => document.getElementById('page-image').naturalHeight === 1600")
    assert tab.page.text_content("#page-heading") == "alpha, page 1"
    assert "alpha-009" in tab.page.text_content("#page-facts")
    tab.press("ArrowRight", "d")
    tab.wait_until_saved()
    assert saved(server) == [("alpha-010", "drop", "")]
    tab.page.wait_for_function("() => document.getElementById('page-facts').textContent.includes('will be dropped')")
    tab.press("Escape")
    assert not tab.page.is_visible("#page-dialog")
    assert tab.page.evaluate("() => document.activeElement.id") == "grid"
    tab.cell("alpha-003").dblclick()
    tab.page.wait_for_selector("#page-dialog[open]")
    tab.press("Escape", "End", "Enter")
    assert tab.page.get_attribute("#page-image", "src").startswith("/faces/gamma-000.png")
    assert IMPORTED_SOURCE in tab.page.text_content("#page-note")


def test_decision_in_the_page_dialog_is_about_the_face_that_is_shown(tab: Tab, server: Server) -> None:
    tab.press("Shift+ArrowRight", "Shift+ArrowRight", "o", "r")
    tab.wait_until_saved()
    assert saved(server) == [("alpha-002", "replace", "")]
    tab.press("Escape")
    assert tab.selected() == IDS[:3]


def test_views_group_and_rank_the_faces(tab: Tab) -> None:
    tab.page.select_option("#view", "cluster")
    tab.page.wait_for_selector(".heading .name:has-text('page 1')")
    clusters = tab.page.locator(".row:not(.heading)").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.dataset.id))"
    )
    assert sorted(clusters) == [
        *[[f"{title}-000", f"{title}-001", f"{title}-002"] for title in TITLES[:1]],
        ["alpha-003", "alpha-004"],
        ["beta-000", "beta-001", "beta-002"],
        ["beta-003", "beta-004"],
    ]
    assert "similarity 0.55" in tab.cell("alpha-002").text_content()
    assert "mirror 0.80" in tab.cell("alpha-004").text_content()

    tab.page.select_option("#view", "reason")
    tab.page.wait_for_selector(".heading .name:has-text('too small')")
    assert tab.sections() == {
        "duplicate": ["alpha-001", "alpha-002", "beta-001", "beta-002"],
        "too small": ["alpha-005", "beta-005"],
    }
    tab.page.select_option("#view", "split")
    tab.page.wait_for_selector(".heading .name:has-text('training set')")
    assert tab.page.text_content("#counts").startswith(f"{FACE_COUNT} of {FACE_COUNT} faces: 91 kept, 6 dropped")

    tab.page.select_option("#view", "doubt")
    order = {"p_usable": "alpha-000", "p_face": "alpha-047", "size": "alpha-047", "similarity": "alpha-002"}
    for name, first in order.items():
        tab.page.select_option("#order", name)
        tab.page.wait_for_function(f"() => document.querySelector('[aria-posinset=\"1\"]')?.dataset.id === '{first}'")
    assert tab.page.input_value("#show") == "all"


def test_only_visible_faces_are_in_the_document(tab: Tab) -> None:
    last = tab.page.locator(f"[aria-posinset='{FACE_COUNT}']")
    assert tab.page.locator(".face").count() < FACE_COUNT
    assert last.count() == 0
    tab.press("End")
    assert last.get_attribute("data-id") == "gamma-000"
    assert last.get_attribute("aria-setsize") == str(FACE_COUNT)
    box, grid = last.bounding_box(), tab.page.locator("#grid").bounding_box()
    assert grid["y"] <= box["y"] and box["y"] + box["height"] <= grid["y"] + grid["height"] + 1
    tab.page.wait_for_function("() => document.querySelector('[data-id=gamma-000] img').naturalWidth === 112")


def test_view_survives_a_reload(tab: Tab) -> None:
    tab.page.select_option("#view", "doubt")
    tab.page.select_option("#order", "size")
    tab.page.fill("#search", "beta")
    tab.page.wait_for_function("() => document.querySelector('.face')?.dataset.id.startsWith('beta')")
    tab.page.reload()
    tab.page.wait_for_selector("[data-id=beta-047]")
    values = [tab.page.input_value(f"#{name}") for name in ("view", "order", "show", "search")]
    assert values == ["doubt", "size", "kept", "beta"]


def test_errors_of_dvc_are_shown(tab: Tab) -> None:
    tab.page.click("#open-next")
    tab.page.wait_for_selector("#next-body:has-text('dvc.yaml not found. Start `mangagan review`')")
    tab.press("Escape")
    tab.page.select_option("#view", "changed")
    tab.page.wait_for_selector(".empty:has-text('there is no commit with a manifest')")
    tab.errors[:] = [text for text in tab.errors if "404" not in text and "503" not in text]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_fits_narrow_screens_and_both_colour_schemes(
    browser: Any, server: Server, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce", has_touch=width < 500)
    tab = Tab(context, server.url)
    page = tab.page
    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    channels = [int(value) for value in background.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (max(channels) < 60) if scheme == "dark" else (min(channels) > 200)
    assert page.evaluate("() => getComputedStyle(document.querySelector('.face')).transitionDuration") == "0s"
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) <= 0
    assert page.locator("#grid").bounding_box()["height"] > 300
    page.click("[data-action=none]")
    page.locator("#grid").focus()
    for key, dialog in (("o", "#page-dialog"), ("n", "#note-dialog"), ("?", "#help-dialog")):
        tab.press(key)
        box = page.locator(dialog).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800
        tab.press("Escape")
    if width < 500:  # a tap adds to the selection
        tab.cell("alpha-001").tap()
        tab.cell("alpha-003").tap()
        assert tab.selected() == ["alpha-001", "alpha-003"]
    context.close()
    assert tab.errors == []


def test_roles_names_and_visible_focus(tab: Tab) -> None:
    page = tab.page
    grid = page.get_by_role("listbox", name="Faces")
    assert grid.get_attribute("aria-multiselectable") == "true"
    assert page.get_by_role("option", name="alpha, page 1, dropped: duplicate").count() == 2
    for name in ("Keep", "Drop", "Replace", "Merge", "Part", "Reset", "Note", "Undo", "Page"):
        assert page.get_by_role("toolbar", name="Decisions").get_by_role("button", name=name).count() == 1
    for name in ("View", "Show", "Title"):
        assert page.get_by_role("combobox", name=name, exact=True).count() == 1
    assert page.get_by_role("searchbox", name="Search", exact=True).count() == 1
    assert page.get_by_role("status").count() == 1
    tab.press("ArrowRight")
    ring = "() => getComputedStyle(document.querySelector('.face.active'), '::after').borderTopWidth"
    assert page.evaluate(ring) == "3px"
    reached = set()
    for _ in range(24):  # every control can be reached with Tab
        tab.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.dataset.action"))
    assert {"view", "show", "title", "search", "grid", "open-next", "open-help", "keep", "none"} <= reached
