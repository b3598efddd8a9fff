"""`mangagan review` over HTTP: decisions, and what survives a crash."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mangagan.core import catalog
from mangagan.dataset.manifest import read_manifest, write_manifest
from mangagan.dataset.overrides import Override, append_overrides, read_overrides
from tests.dvc_workspace import environment
from tests.review_workspace import (
    FACES_PER_TITLE,
    Server,
)

FACE_COUNT = 2 * FACES_PER_TITLE + 1


def saved(root: Path) -> list[tuple[str, str, str, str]]:
    """Return face, action, other and note of the lines in the file of decisions."""
    return [(row.face_id, row.action, row.other, row.note) for row in read_overrides(root / catalog.OVERRIDES)]


def test_decisions_become_lines_with_anchors(server: Server) -> None:
    status, answer = server.decide(
        {"face_id": "alpha-006", "action": "drop", "note": 'a "quoted", note'},
        {"face_id": "alpha-007", "action": "merge", "other": "alpha-008"},
    )
    assert status == 200
    first, second = read_overrides(server.root / catalog.OVERRIDES)
    assert (first.face_id, first.action, first.note) == ("alpha-006", "drop", 'a "quoted", note')
    face = read_manifest(server.root / catalog.MANIFEST).set_index("face_id").loc["alpha-006"]
    assert first.anchor is not None
    assert first.anchor.page_id == "page-alpha"
    assert [first.anchor.x, first.anchor.y, first.anchor.w, first.anchor.h] == [face[name] for name in "xywh"]
    assert (second.other, second.other_anchor is not None) == ("alpha-008", True)
    state = answer["state"]
    assert state["actions"] == {"alpha-006": "drop"}
    assert state["merged"] == [["alpha-007", "alpha-008"]]
    assert state["notes"] == {"alpha-006": 'a "quoted", note'}
    assert server.state() == state


def test_reset_undoes_decisions_on_faces_and_pairs(server: Server) -> None:
    server.decide(
        {"face_id": "alpha-006", "action": "keep"}, {"face_id": "alpha-001", "action": "part", "other": "alpha-000"}
    )
    assert server.state()["parted"] == [["alpha-000", "alpha-001"]]
    server.decide(
        {"face_id": "alpha-006", "action": "reset"}, {"face_id": "alpha-001", "action": "reset", "other": "alpha-000"}
    )
    state = server.state()
    assert (state["actions"], state["parted"], state["outcomes"]) == ({}, [], {})
    assert [row[:2] for row in saved(server.root)] == [
        ("alpha-006", "keep"), ("alpha-001", "part"), ("alpha-006", "reset"), ("alpha-001", "reset"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        {"face_id": "alpha-000", "action": "delete"},
        {"face_id": "alpha-000", "action": "merge"},
        {"face_id": "alpha-000", "action": "part", "other": "alpha-000"},
        {"face_id": "", "action": "drop"},
        {"face_id": "gone", "action": "drop", "anchor": "no anchor"},
    ],
)
def test_invalid_decision_saves_nothing_of_its_action(server: Server, row: dict[str, str]) -> None:
    status, answer = server.decide({"face_id": "alpha-006", "action": "drop"}, row)
    assert status == 422
    assert answer["detail"]
    assert not (server.root / catalog.OVERRIDES).exists()


def test_decision_on_a_face_that_has_left_the_manifest_keeps_the_anchor_of_the_page(server: Server) -> None:
    status, answer = server.decide({"face_id": "gone", "action": "drop", "anchor": "page-alpha 20.0 30.0 150.0 150.0"})
    assert status == 200
    assert answer["state"]["actions"] == {"alpha-000": "drop"}  # the face with this box


def test_page_of_another_workspace_saves_nothing(server: Server) -> None:
    status, _ = server.post("/api/decisions", {"workspace": "x", "rows": [{"face_id": "alpha-000", "action": "drop"}]})
    assert status == 409
    assert not (server.root / catalog.OVERRIDES).exists()


@pytest.mark.parametrize(
    ("rows", "outcomes"),
    [
        ([("alpha-006", "drop", "")], {"alpha-006": "drop"}),
        ([("alpha-001", "drop", "")], {"alpha-000": "drop"}),  # the drawing: its best face
        ([("alpha-001", "drop", ""), ("alpha-000", "keep", "")], {}),
        ([("alpha-000", "replace", "")], {"alpha-000": "drop", "alpha-001": "keep"}),
        ([("alpha-000", "replace", ""), ("alpha-001", "drop", "")], {"alpha-000": "drop"}),
        ([("alpha-005", "keep", "")], {"alpha-005": "keep"}),
        ([("alpha-006", "keep", "")], {}),  # is kept already
        ([("alpha-006", "merge", "alpha-007")], {"alpha-007": "drop"}),  # the smaller one
        ([("alpha-001", "part", "alpha-000")], {"alpha-001": "again"}),
    ],
)
def test_what_the_next_run_will_change(
    server: Server, rows: list[tuple[str, str, str]], outcomes: dict[str, str]
) -> None:
    server.decide(*({"face_id": face, "action": action, "other": other} for face, action, other in rows))
    assert server.state()["outcomes"] == outcomes


def test_removed_decision_of_the_last_run_is_decided_again(server: Server) -> None:
    manifest = read_manifest(server.root / catalog.MANIFEST)
    manifest.loc[10, ["kept", "drop_reason", "split"]] = [False, "dropped by hand", ""]
    write_manifest(server.root / catalog.MANIFEST, manifest)
    assert server.state()["outcomes"] == {"alpha-010": "again"}
    server.decide({"face_id": "alpha-010", "action": "drop"})
    assert server.state()["outcomes"] == {}


def test_dedup_does_what_the_page_predicts(server: Server) -> None:
    def dedup() -> dict[str, str]:
        """Run the stage. Return the drop reason of each face."""
        command = [sys.executable, "-m", "mangagan", "dedup"]
        subprocess.run(command, cwd=server.root, env=environment(), check=True, capture_output=True)
        rows = read_manifest(server.root / catalog.MANIFEST)
        return dict(zip(rows["face_id"], rows["drop_reason"], strict=True))

    pairs = [("alpha-007", "alpha-006"), ("alpha-009", "alpha-008"), ("alpha-011", "alpha-010")]
    server.decide(*({"face_id": first, "action": "merge", "other": second} for first, second in pairs))
    assert server.state()["outcomes"] == dict.fromkeys(("alpha-007", "alpha-009", "alpha-011"), "drop")
    reasons = dedup()
    assert [reasons[face_id] for pair in pairs for face_id in pair] == ["duplicate", ""] * 3
    assert server.state()["outcomes"] == {}

    server.decide(
        {"face_id": "alpha-005", "action": "keep"},
        {"face_id": "alpha-007", "action": "drop"},
        {"face_id": "alpha-008", "action": "replace"},
        {"face_id": "alpha-011", "action": "part", "other": "alpha-010"},
        {"face_id": "beta-010", "action": "drop"},
    )
    predicted = server.state()["outcomes"]
    assert predicted == {
        "alpha-005": "keep", "alpha-006": "drop", "alpha-008": "drop", "alpha-009": "keep", "alpha-011": "again",
        "beta-010": "drop",
    }  # fmt: skip
    after = dedup()
    changed = [face_id for face_id in after if bool(after[face_id]) != bool(reasons[face_id])]
    assert {face_id: "drop" if after[face_id] else "keep" for face_id in changed} == predicted | {"alpha-011": "keep"}
    assert server.state()["outcomes"] == {}


def test_two_clients_at_once_lose_nothing_and_see_each_other(server: Server) -> None:
    def decide(title: str, action: str) -> None:
        for number in range(6, 36):
            assert server.decide({"face_id": f"{title}-{number:03d}", "action": action})[0] == 200

    threads = [threading.Thread(target=decide, args=pair) for pair in (("alpha", "drop"), ("beta", "keep"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {
        f"{title}-{n:03d}": action for title, action in (("alpha", "drop"), ("beta", "keep")) for n in range(6, 36)
    }
    assert {face: action for face, action, _, _ in saved(server.root)} == expected
    assert server.state()["actions"] == expected


def test_poll_is_short_until_another_program_adds_a_decision(server: Server) -> None:
    version = server.state()["version"]
    assert server.get(f"/api/decisions?version={version}")["state"] is None
    append_overrides(server.root / catalog.OVERRIDES, [Override("beta-006", "drop")])
    state = server.get(f"/api/decisions?version={version}")["state"]
    assert state["actions"] == {"beta-006": "drop"}


def test_damaged_decisions_stop_saving_until_they_are_mended(server: Server) -> None:
    server.decide({"face_id": "alpha-006", "action": "drop"})
    path = server.root / catalog.OVERRIDES
    good = path.read_text()
    path.write_text(good + "alpha-007,delete\n")
    status, answer = server.decide({"face_id": "alpha-008", "action": "drop"})
    assert status == 503
    assert "data/overrides.csv line 3" in answer["detail"]
    assert path.read_text() == good + "alpha-007,delete\n"
    path.write_text(good)
    assert server.decide({"face_id": "alpha-008", "action": "drop"})[0] == 200
    assert server.state()["actions"] == {"alpha-006": "drop", "alpha-008": "drop"}


def test_sigkill_in_a_stream_of_decisions_loses_no_confirmed_one(server: Server) -> None:
    confirmed: list[str] = []
    enough = threading.Event()

    def stream() -> None:
        try:
            for face_id in [
                f"{title}-{number:03d}" for title in ("alpha", "beta") for number in range(6, FACES_PER_TITLE)
            ]:
                if server.decide({"face_id": face_id, "action": "drop", "note": f"note on {face_id}"})[0] == 200:
                    confirmed.append(face_id)
                if len(confirmed) == 15:
                    enough.set()
        except OSError:
            return  # the server is gone

    thread = threading.Thread(target=stream)
    thread.start()
    assert enough.wait(60)
    server.kill()
    thread.join()
    assert 15 <= len(confirmed) < 2 * (FACES_PER_TITLE - 6)
    server.restart()
    state = server.state()
    assert set(confirmed) <= set(state["actions"])
    assert len(state["actions"]) <= len(confirmed) + 1, "at most the one that was not answered"
    assert all(state["notes"][face_id] == f"note on {face_id}" for face_id in confirmed)
