"""`mangagan review` in a browser: decisions, and what survives a crash of the server."""

from typing import Any

from mangagan.core import catalog
from mangagan.dataset.manifest import read_manifest, write_manifest
from mangagan.dataset.overrides import Override, append_overrides
from tests.review_tab import IDS, Tab, saved
from tests.review_workspace import Server


def test_thirty_faces_are_dropped_by_keyboard_while_the_server_is_killed(tab: Tab, server: Server) -> None:
    tab.press(*"ddddd")
    tab.wait_until_saved()
    tab.press(*"dddddddd")
    server.kill()
    confirmed = tab.page.evaluate("() => Number(document.body.dataset.unsent)")
    tab.press(*"ddddddddddddddddd")
    alert = tab.page.locator("#alert")
    alert.wait_for(state="visible")
    assert "The server does not answer. Start it again: mangagan review" in alert.text_content()
    assert "decisions are kept on this page" in alert.text_content()
    assert int(tab.page.evaluate("() => document.body.dataset.unsent")) >= 17
    assert confirmed <= 8
    assert "not saved yet" in tab.cell("alpha-029").text_content()

    server.restart()
    tab.wait_until_saved()
    alert.wait_for(state="hidden")
    assert tab.page.text_content("#saved") == "all decisions saved"
    dropped = [face for face, _, _ in saved(server)]
    assert {action for _, action, _ in saved(server)} == {"drop"}
    assert list(dict.fromkeys(dropped)) == IDS[:30], "in the order of the keys"
    repeated = {face for face in dropped if dropped.count(face) > 1}
    assert repeated <= set(IDS[5:13]), "only those whose answer was lost are sent again"
    assert tab.active() == "alpha-030"
    loaded = "() => [...document.querySelectorAll('.face img')].every(image => image.naturalWidth === 112)"
    tab.page.wait_for_function(loaded)
    assert server.state()["actions"] == dict.fromkeys(IDS[:30], "drop")


def test_a_stopped_server_is_noticed_without_an_action(tab: Tab, server: Server) -> None:
    server.kill()
    tab.page.locator("#alert").wait_for(state="visible", timeout=5000)
    server.restart()
    tab.page.locator("#alert").wait_for(state="hidden", timeout=5000)


def test_decisions_of_a_closed_tab_are_sent_by_the_next_one(context: Any, tab: Tab, server: Server) -> None:
    server.kill()
    tab.press("d", "ArrowRight", "k")
    tab.page.wait_for_function("() => document.body.dataset.unsent === '2'")
    tab.page.close(run_before_unload=False)
    server.restart()
    other = Tab(context, server.url)
    other.wait_until_saved()
    assert saved(server) == [("alpha-000", "drop", ""), ("alpha-002", "keep", "")]


def test_unsent_decisions_of_an_open_tab_are_sent_once(context: Any, tab: Tab, server: Server) -> None:
    tab.press("d")
    tab.wait_until_saved()
    server.kill()
    tab.press("d", "d")
    server.restart()
    other = Tab(context, server.url)
    tab.wait_until_saved()
    other.wait_until_saved()
    assert [face for face, _, _ in saved(server)] == IDS[:3]


def test_merge_and_part(tab: Tab, server: Server) -> None:
    tab.cell("alpha-007").click()
    tab.press("m")
    assert tab.page.text_content("#live") == "Select two or more faces to merge them"
    tab.cell("alpha-006").click(modifiers=["ControlOrMeta"])
    tab.press("m")
    tab.wait_until_saved()
    assert saved(server) == [("alpha-007", "merge", "alpha-006")], "the larger face is the best one"
    tab.page.wait_for_selector("[data-id=alpha-007][data-outcome=drop]")
    assert "will be dropped" in tab.cell("alpha-007").text_content()
    assert tab.cell("alpha-006").get_attribute("data-outcome") == ""

    tab.page.select_option("#view", "cluster")
    tab.page.wait_for_selector("[data-id=alpha-004]")
    tab.page.locator("#grid").focus()
    for face_id in ("alpha-001", "alpha-004"):  # a duplicate and a mirror image
        tab.cell(face_id).click()
        tab.press("p")
    tab.wait_until_saved()
    assert saved(server)[1:] == [("alpha-001", "part", "alpha-000"), ("alpha-004", "part", "alpha-003")]
    tab.cell("alpha-002").click()
    tab.cell("alpha-000").click(modifiers=["ControlOrMeta"])
    tab.press("p")
    tab.wait_until_saved()
    assert saved(server)[3:] == [("alpha-002", "part", "alpha-000")]
    tab.press("u")
    tab.wait_until_saved()
    assert server.state()["parted"] == [["alpha-000", "alpha-001"], ["alpha-003", "alpha-004"]]


def test_faces_without_a_cluster_are_parted_from_each_other(tab: Tab, server: Server) -> None:
    for number, face_id in enumerate(("alpha-010", "alpha-011", "alpha-012")):
        tab.cell(face_id).click(modifiers=["ControlOrMeta"] if number else [])
    tab.press("p")
    tab.wait_until_saved()
    pairs = [("alpha-010", "alpha-011"), ("alpha-010", "alpha-012"), ("alpha-011", "alpha-012")]
    assert saved(server) == [(first, "part", second) for first, second in pairs]


def test_undo_restores_the_decisions_before(tab: Tab, server: Server) -> None:
    append_overrides(server.root / catalog.OVERRIDES, [Override("alpha-000", "keep", "the best")])
    tab.page.wait_for_selector("[data-id=alpha-000][data-decision=keep]")
    tab.press("Shift+ArrowRight", "d")
    tab.wait_until_saved()
    assert server.state()["actions"] == {"alpha-000": "drop", "alpha-001": "drop"}
    tab.page.reload()
    tab.page.wait_for_selector(".face")
    tab.press("u")
    tab.wait_until_saved()
    assert server.state()["actions"] == {"alpha-000": "keep"}
    assert server.state()["notes"] == {"alpha-000": "the best"}
    assert tab.page.text_content("#live") == "undone: drop: 2 faces"
    tab.press("u")
    assert tab.page.text_content("#live") == "There is nothing to undo"


def test_reset_removes_every_decision_on_a_face(tab: Tab, server: Server) -> None:
    tab.press("Backspace")
    assert tab.page.text_content("#live") == "There is no decision to reset"
    tab.cell("alpha-006").click()
    tab.cell("alpha-007").click(modifiers=["ControlOrMeta"])
    tab.press("m")
    tab.cell("alpha-007").click()
    tab.press("d")
    tab.wait_until_saved()
    tab.cell("alpha-007").click()
    tab.press("Backspace")
    tab.wait_until_saved()
    state = server.state()
    assert (state["actions"], state["merged"], len(saved(server))) == ({}, [], 4)


def test_note_belongs_to_a_decision_and_is_found_by_search(tab: Tab, server: Server) -> None:
    tab.cell("alpha-005").click()
    tab.press("n")
    assert tab.page.is_visible("#note-decision")
    tab.page.keyboard.type('his "good", side')
    tab.press("Enter")
    tab.wait_until_saved()
    assert server.state()["actions"] == {"alpha-005": "drop"}, "the decision that fits a dropped face"
    assert server.state()["notes"] == {"alpha-005": 'his "good", side'}
    tab.cell("alpha-005").click()
    tab.press("n")
    assert not tab.page.is_visible("#note-decision")
    tab.press("Escape")
    tab.page.fill("#search", "GOOD")
    tab.page.wait_for_function("() => document.querySelectorAll('.face').length === 1")
    assert tab.active() == "alpha-005"


def test_two_tabs_show_the_decisions_of_each_other(context: Any, tab: Tab, server: Server) -> None:
    other = Tab(context, server.url)
    tab.press("d")
    other.page.wait_for_selector("[data-id=alpha-000][data-decision=drop][data-outcome=drop]")
    other.press("k")
    tab.page.wait_for_selector("[data-id=alpha-000][data-decision=keep]")
    assert saved(server) == [("alpha-000", "drop", ""), ("alpha-000", "keep", "")]
    assert other.errors == []


def test_decisions_wait_until_the_manifest_is_made_again(tab: Tab, server: Server) -> None:
    tab.press("ArrowRight", "ArrowRight", "ArrowRight", "d")
    tab.page.wait_for_selector("[data-id=alpha-003].pending")
    assert "the next dvc repro changes 1 face" in tab.page.text_content("#counts")
    tab.page.select_option("#view", "decisions")
    tab.page.wait_for_selector(".heading .name:has-text('the next dvc repro changes these')")
    path = server.root / catalog.MANIFEST
    manifest = read_manifest(path)
    manifest.loc[3, ["kept", "drop_reason", "split"]] = [False, "dropped by hand", ""]
    write_manifest(path, manifest)
    tab.page.wait_for_selector(".heading .name:has-text('decisions that are in the manifest')")
    assert "dropped by hand" in tab.cell("alpha-003").text_content()
    assert "the next dvc repro changes 0 faces" in tab.page.text_content("#counts")


def test_a_decision_that_can_never_be_saved_does_not_block_the_others(context: Any, tab: Tab, server: Server) -> None:
    rows = [{"face_id": "alpha-006", "action": "delete"}, {"face_id": "alpha-007", "action": "drop"}]
    key = f"mangagan-review-unsent {server.get('/api/session')['workspace']} closed-tab"
    tab.page.evaluate(
        "([key, rows]) => localStorage.setItem(key, JSON.stringify(rows.map(row => ({ rows: [row] }))))", [key, rows]
    )
    other = Tab(context, server.url)
    other.wait_until_saved()
    other.page.wait_for_selector("#live:has-text('not saved: action must be')")
    assert saved(server) == [("alpha-007", "drop", "")]
    other.cell("alpha-006").locator("text=train").wait_for()
