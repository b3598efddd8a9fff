"""The decisions as the page sees them, and new decisions of the page."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from mangagan.core import catalog
from mangagan.dataset.overrides import (
    Anchor,
    Decisions,
    Override,
    append_overrides,
    read_overrides,
    resolve_overrides,
)
from mangagan.review.faces import FaceList, sign_file
from mangagan.review.outcomes import OutcomeForecast

MAX_ROWS = 50_000  # of one request
MAX_TEXT = 2_000  # characters of a field


class DecisionRow(BaseModel):
    """A decision as the page sends it. The anchors are used if the manifest has lost the faces meanwhile."""

    face_id: str = Field(min_length=1, max_length=MAX_TEXT)
    action: str
    note: str = Field(default="", max_length=MAX_TEXT)
    other: str = Field(default="", max_length=MAX_TEXT)
    anchor: str = Field(default="", max_length=MAX_TEXT)
    other_anchor: str = Field(default="", max_length=MAX_TEXT)


class DecisionBatch(BaseModel):
    """The decisions of one action on the page; all of them are saved or none. `workspace` is `Workspace.id`."""

    workspace: str
    rows: list[DecisionRow] = Field(min_length=1, max_length=MAX_ROWS)


@dataclass(frozen=True)
class DecisionState:
    """The decisions on the faces of a manifest.

    Attributes:
        version: Text that changes with the file of decisions and with the manifest.
        decisions: The decisions, by the ids of the manifest.
        outcomes: Faces whose outcome `dedup` will change, see `OutcomeForecast`.
    """

    version: str
    decisions: Decisions
    outcomes: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the state for the page."""
        return {
            "version": self.version,
            "actions": self.decisions.by_face,
            "merged": sorted(self.decisions.merged),
            "parted": sorted(self.decisions.parted),
            "notes": self.decisions.notes,
            "outcomes": self.outcomes,
            "unmatched": len(self.decisions.unmatched),
        }


class DecisionLog:
    """The file of decisions, for several threads. The file alone holds the state."""

    def __init__(self, root: Path) -> None:
        """Read nothing yet.

        Args:
            root: The workspace.
        """
        self.path = root / catalog.OVERRIDES
        self.lock = threading.Lock()
        self.state: DecisionState | None = None
        self.forecast: tuple[str, OutcomeForecast] | None = None

    def read(self, faces: FaceList) -> DecisionState:
        """Return the decisions. The file is read again only if it or the manifest has changed.

        Raises:
            UserError: The file is damaged.
        """
        with self.lock:
            return self._read(faces)

    def append(self, rows: Sequence[DecisionRow], faces: FaceList) -> DecisionState:
        """Append decisions to the file and return the state after them. They are on the disk then.

        Raises:
            ValueError: A row is not valid. Nothing is saved then.
            UserError: The file is damaged, or the disk is full or not writable.
        """
        overrides = [make_override(row, faces) for row in rows]
        with self.lock:
            append_overrides(self.path, overrides)
            return self._read(faces)

    def _read(self, faces: FaceList) -> DecisionState:
        signature = sign_file(self.path)
        version = "-".join(map(str, (*signature, faces.version)))
        if self.state is None or self.state.version != version:
            overrides = read_overrides(self.path) if signature else []
            decisions = resolve_overrides(overrides, faces.rows)
            self.state = DecisionState(version, decisions, self._index(faces).predict(decisions))
        return self.state

    def _index(self, faces: FaceList) -> OutcomeForecast:
        """Return the forecast for a manifest; it is built once."""
        if self.forecast is None or self.forecast[0] != faces.version:
            self.forecast = (faces.version, OutcomeForecast(faces.rows))
        return self.forecast[1]


def make_override(row: DecisionRow, faces: FaceList) -> Override:
    """Return a decision with the anchors of the manifest.

    Raises:
        ValueError: The action is unknown, or does not fit the ids.
    """
    other_anchor = find_anchor(row.other, row.other_anchor, faces) if row.other else None
    anchor = find_anchor(row.face_id, row.anchor, faces)
    return Override(row.face_id, row.action, row.note, anchor, row.other, other_anchor)


def find_anchor(face_id: str, text: str, faces: FaceList) -> Anchor | None:
    """Return page and box of a face from the manifest, else from the text of the page; None if neither has them."""
    if face_id not in faces.boxes:
        return Anchor.parse(text) if text else None
    page_id, box = faces.boxes[face_id]
    return Anchor(page_id, *box) if page_id and all(map(math.isfinite, box)) else None
