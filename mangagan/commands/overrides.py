"""`mangagan overrides`: list the decisions on single faces, and add decisions."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mangagan.commands.arguments import add_command
from mangagan.core import catalog
from mangagan.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mangagan.commands.arguments import Subparsers
    from mangagan.dataset.overrides import Anchor, Match, Override

COLUMNS = ("line", "action", "face", "other", "state", "note")


def add_commands(subparsers: "Subparsers") -> None:
    """Add `overrides`."""
    parser = add_command(
        subparsers,
        "overrides",
        overrides,
        f"list the decisions in {catalog.OVERRIDES}, and whether each has found its face in {catalog.MANIFEST}",
        "mangagan overrides --from-export out/faces",
        "A decision finds its face by its id. If the face was detected again and has another id now, it is found by\n"
        "its anchor: its page and its box. To apply the decisions, run: dvc repro dedup",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--anchor", action="store_true", help="add the missing anchors to the lines of the file")
    what.add_argument(
        "--from-export",
        type=Path,
        metavar="DIR",
        help="add a decision for each kept face whose file was deleted from this folder of `mangagan export`",
    )
    parser.add_argument(
        "--action",
        choices=("drop", "replace"),
        help="action for --from-export. drop (default): drop the duplicates too; replace: keep the best duplicate",
    )


def overrides(arguments: argparse.Namespace) -> int:
    """List decisions, add their anchors, or add decisions."""
    from mangagan.dataset.manifest import read_manifest

    if arguments.action and not arguments.from_export:
        raise UserError("--action needs --from-export DIR")
    manifest = read_manifest(catalog.MANIFEST)
    if arguments.anchor:
        add_anchors(manifest)
    elif arguments.from_export:
        drop_deleted(arguments.from_export, arguments.action or "drop", manifest)
    else:
        list_decisions(manifest)
    return 0


def list_decisions(manifest: "pd.DataFrame") -> None:
    """Print the decisions that are in force."""
    from mangagan.dataset.overrides import match_overrides, read_overrides

    matches = match_overrides(read_overrides(catalog.OVERRIDES), manifest)
    rows = [COLUMNS, *(describe(match) for match in matches)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows if matches else []:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    states = [find_state(match) for match in matches]
    counts = ", ".join(f"{state}: {states.count(state)}" for state in ("found by id", "found by anchor", "not found"))
    print(f"decisions: {len(matches)}; {counts}")
    if lacking := sum(lacks_anchor(match.override) for match in matches):
        print(f"without an anchor: {lacking}. To add the anchors of {catalog.MANIFEST}: mangagan overrides --anchor")


def describe(match: "Match") -> tuple[str, ...]:
    """Return the texts of `COLUMNS`."""
    row, state = match.override, find_state(match)
    if state == "found by anchor":
        state = f"now {' and '.join(filter(None, (match.face, match.other)))}"
    elif state == "not found":
        state = match.explain()
    return (str(row.line), row.action, row.face_id, row.other, state, row.note)


def find_state(match: "Match") -> str:
    """Return whether a decision has found its face."""
    if not match.is_found:
        return "not found"
    same = (match.face, match.other) == (match.override.face_id, match.override.other)
    return "found by id" if same else "found by anchor"


def lacks_anchor(row: "Override") -> bool:
    """Return True if a face of the decision has no anchor."""
    return not row.anchor or (bool(row.other) and not row.other_anchor)


def add_anchors(manifest: "pd.DataFrame") -> None:
    """Add the anchors of faces in the manifest to the lines that lack them."""
    from mangagan.dataset.overrides import read_overrides
    from mangagan.dataset.overrides_file import update_overrides

    rows = read_overrides(catalog.OVERRIDES)
    anchors = collect_anchors(manifest, {face_id for row in rows for face_id in (row.face_id, row.other)})

    def add(row: "Override") -> "Override":
        anchor = row.anchor or anchors.get(row.face_id)
        return replace(row, anchor=anchor, other_anchor=row.other_anchor or anchors.get(row.other))

    count = update_overrides(catalog.OVERRIDES, add)
    print(f"lines with a new anchor: {count}")
    if lacking := sum(lacks_anchor(add(row)) for row in rows):
        print(f"lines without an anchor: {lacking}; their faces are not in {catalog.MANIFEST}")


def collect_anchors(manifest: "pd.DataFrame", ids: "set[str] | Sequence[str]") -> "dict[str, Anchor]":
    """Return the anchors of these faces."""
    from mangagan.dataset.deleted_files import make_anchor

    rows = manifest[manifest["face_id"].isin(ids)].to_dict("records")
    anchors = {row["face_id"]: make_anchor(row) for row in rows}
    return {face_id: anchor for face_id, anchor in anchors.items() if anchor}


def drop_deleted(directory: Path, action: str, manifest: "pd.DataFrame") -> None:
    """Append a decision for each kept face whose file was deleted from an export."""
    from mangagan.dataset.deleted_files import find_deleted
    from mangagan.dataset.overrides import Override, append_overrides, read_overrides, resolve_overrides

    found = find_deleted(directory, manifest)
    decided = resolve_overrides(read_overrides(catalog.OVERRIDES), manifest).by_face
    ids = [face_id for face_id in found.deleted["face_id"] if decided.get(face_id) not in ("drop", "replace")]
    anchors = collect_anchors(manifest, ids)
    note = f"deleted from {directory}"
    append_overrides(catalog.OVERRIDES, [Override(face_id, action, note, anchors.get(face_id)) for face_id in ids])
    print(f"exported faces: {found.exported}; in {catalog.MANIFEST}: {found.known}")
    print(f"kept faces that were deleted from {directory}: {len(found.deleted)}")
    if earlier := len(found.deleted) - len(ids):
        print(f"with an earlier decision to drop or replace them: {earlier}")
    print(f"decisions added to {catalog.OVERRIDES}: {len(ids)}{'. Run: dvc repro dedup' if ids else ''}")
