"""Decisions of the user on single faces: which face of the current tables each decision is about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mangagan.dataset.override_rows import ACTIONS as ACTIONS
from mangagan.dataset.override_rows import FACE_ACTIONS as FACE_ACTIONS
from mangagan.dataset.override_rows import PAIR_ACTIONS as PAIR_ACTIONS
from mangagan.dataset.override_rows import Anchor as Anchor
from mangagan.dataset.override_rows import Override as Override
from mangagan.dataset.overrides_file import append_overrides as append_overrides
from mangagan.dataset.overrides_file import read_overrides as read_overrides
from mangagan.detection.overlap import compute_iou

MIN_IOU = 0.3  # minimum IoU of the box of a decision and the box of its face; measured in docs/overrides.md

IMPORTED = "import"  # in the column `detector` of imported faces


@dataclass(frozen=True)
class Match:
    """A decision that is in force, and the faces that it is about.

    Attributes:
        override: The decision.
        face: Current id of its face; empty if there is no such face.
        other: Current id of the other face; empty if there is none, or the decision is about one face.
    """

    override: Override
    face: str
    other: str = ""

    @property
    def is_found(self) -> bool:
        """True if the decision can be applied."""
        return bool(self.face) and (not self.override.other or self.other not in ("", self.face))

    @property
    def pair(self) -> tuple[str, str]:
        """The two current ids, sorted."""
        low, high = sorted((self.face, self.other))
        return low, high

    def explain(self) -> str:
        """Return why the decision cannot be applied; empty if it can."""
        missing = [
            face_id
            for face_id, found in ((self.override.face_id, self.face), (self.override.other, self.other))
            if face_id and not found
        ]
        if missing:
            return f"there is no face {' and no face '.join(missing)}"
        return "" if self.is_found else f"{self.override.face_id} and {self.override.other} are now one face"


@dataclass(frozen=True)
class Decisions:
    """The decisions that are in force.

    Attributes:
        by_face: Face id → keep, drop or replace.
        merged: Pairs of duplicates; the ids of a pair are sorted.
        parted: Pairs that are not duplicates; the ids of a pair are sorted.
        notes: Face id → note of its decision in `by_face`, if it is not empty.
        unmatched: Decisions whose face, or other face, does not exist.
    """

    by_face: dict[str, str]
    merged: frozenset[tuple[str, str]]
    parted: frozenset[tuple[str, str]]
    notes: dict[str, str]
    unmatched: tuple[Override, ...]


NO_DECISIONS = Decisions({}, frozenset(), frozenset(), {}, ())


class FaceFinder:
    """Finds the face of a decision: by its id, else by its anchor.

    Imported faces of one group have the same page_id, and boxes that overlap. They are found by their id only.
    """

    def __init__(self, faces: pd.DataFrame, anchors: dict[str, Anchor]) -> None:
        """Index the faces.

        Args:
            faces: Columns face_id, page_id, x, y, w and h; detector if there are imported faces.
            anchors: Anchors of ids, for decisions that have only the id.
        """
        self.ids = set(faces["face_id"])
        self.anchors = anchors
        if "detector" in faces:
            faces = faces[(faces["detector"] != IMPORTED) | ~faces["page_id"].duplicated(keep=False)]
        self.face_ids, self.boxes = faces["face_id"].to_numpy(), faces[[*"xywh"]].to_numpy(float)
        self.rows = faces.groupby("page_id").indices  # page_id → positions of its faces

    def find(self, face_id: str, anchor: Anchor | None, min_iou: float = MIN_IOU) -> str:
        """Return the current id of a face: the same id, else that of the box with the largest IoU; empty if none."""
        anchor = anchor or self.anchors.get(face_id)
        if face_id in self.ids or anchor is None or anchor.page_id not in self.rows:
            return face_id if face_id in self.ids else ""
        rows = self.rows[anchor.page_id]
        overlaps = compute_iou(np.array([anchor.x, anchor.y, anchor.w, anchor.h]), self.boxes[rows])
        best = int(overlaps.argmax())
        return str(self.face_ids[rows[best]]) if overlaps[best] >= min_iou else ""


def match_overrides(overrides: Sequence[Override], faces: pd.DataFrame) -> list[Match]:
    """Find the faces of the decisions that are in force, in the order of the file.

    A later decision on a face, or on a pair of faces, replaces the earlier one, also if the face had another id then.

    Args:
        overrides: Lines of the file, in its order.
        faces: All faces, with the columns face_id, page_id, x, y, w and h; detector if there are imported faces.
    """
    anchors = {row.face_id: row.anchor for row in overrides if row.anchor}
    anchors |= {row.other: row.other_anchor for row in overrides if row.other_anchor}
    finder = FaceFinder(faces, anchors)
    latest: dict[frozenset[str], Match] = {}
    for row in overrides:
        match = Match(row, finder.find(row.face_id, row.anchor), finder.find(row.other, row.other_anchor))
        # Faces that do not exist are told apart by the ids in the file. A pair that is now one face is still a pair.
        subject = [match.face or row.face_id, *([match.other or row.other] if row.other else [])]
        key = frozenset(subject if len(set(subject)) == len(subject) else ["", row.face_id, row.other])
        latest.pop(key, None)
        if row.action != "reset":
            latest[key] = match
    return list(latest.values())


def resolve_overrides(overrides: Sequence[Override], faces: pd.DataFrame) -> Decisions:
    """Return the decisions that are in force, with the current ids of their faces.

    Args:
        overrides: Lines of the file, in its order.
        faces: All faces, with the columns face_id, page_id, x, y, w and h; detector if there are imported faces.
    """
    return resolve_matches(match_overrides(overrides, faces))


def resolve_matches(matches: Sequence[Match]) -> Decisions:
    """Return the same as `resolve_overrides`, from the result of `match_overrides`."""
    found = [match for match in matches if match.is_found]
    single = [match for match in found if not match.override.other]
    return Decisions(
        by_face={match.face: match.override.action for match in single},
        merged=frozenset(match.pair for match in found if match.override.action == "merge"),
        parted=frozenset(match.pair for match in found if match.override.action == "part"),
        notes={match.face: match.override.note for match in single if match.override.note},
        unmatched=tuple(match.override for match in matches if not match.is_found),
    )
