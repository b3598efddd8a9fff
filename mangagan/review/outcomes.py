"""What the next run of `dedup` will change because of the decisions, predicted from the manifest.

The prediction covers the faces that a decision names and the known duplicates of these. `dedup` itself compares the
images again, so that it can find further duplicates of a face that a decision keeps.
"""

from collections import defaultdict
from collections.abc import Iterator

import pandas as pd

from mangagan.dataset.dedup import BY_HAND, DUPLICATE
from mangagan.dataset.overrides import Decisions

DROP, KEEP, AGAIN = "drop", "keep", "again"  # will be dropped, will be kept, will be decided again


class OutcomeForecast:
    """Duplicates, size and outcome of each face of a manifest."""

    def __init__(self, rows: pd.DataFrame) -> None:
        """Index the manifest.

        Args:
            rows: The manifest.
        """
        ids = rows["face_id"].tolist()
        best = rows["duplicate_of"].where(rows["duplicate_of"] != "", rows["face_id"]).tolist()
        self.best = dict(zip(ids, best, strict=True))
        self.kept = dict(zip(ids, rows["kept"].tolist(), strict=True))
        self.reason = dict(zip(ids, rows["drop_reason"].tolist(), strict=True))
        self.size = dict(zip(ids, rows[["w", "h"]].max(axis=1).tolist(), strict=True))
        self.dropped_by_hand = [face_id for face_id in ids if self.reason[face_id] == BY_HAND]
        self.drawing: dict[str, list[str]] = defaultdict(list)  # best face → it and its duplicates
        for face_id, best_id in self.best.items():
            self.drawing[best_id].append(face_id)

    def predict(self, decisions: Decisions) -> dict[str, str]:
        """Return the faces whose outcome will change: face_id → `DROP`, `KEEP` or `AGAIN`.

        Args:
            decisions: All decisions of the user, for faces of this manifest.
        """
        actions = decisions.by_face
        outcomes: dict[str, str] = dict(self._list_reset(actions))
        for first, second in decisions.merged:
            outcomes |= self._merge(first, second)
        for first, second in decisions.parted:
            outcomes |= self._part(first, second)
        by_action: dict[str, list[str]] = defaultdict(list)
        for face_id, action in actions.items():
            by_action[action].append(face_id)
        for face_id in by_action["replace"]:
            outcomes |= self._replace(face_id, actions)
        for face_id in by_action["drop"]:
            outcomes |= {face: DROP if self.kept[face] else "" for face in self._list_drawing(face_id)}
        outcomes |= {face_id: "" if self.kept[face_id] else KEEP for face_id in by_action["keep"]}
        return {face_id: outcome for face_id, outcome in outcomes.items() if outcome}

    def _list_drawing(self, face_id: str) -> list[str]:
        """Return a face and all its duplicates."""
        return self.drawing[self.best[face_id]]

    def _list_reset(self, actions: dict[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the faces that were dropped by a decision that has been removed."""
        for face_id in self.dropped_by_hand:
            if actions.get(face_id) not in ("drop", "replace"):
                yield face_id, AGAIN

    def _merge(self, first: str, second: str) -> dict[str, str]:
        """Return the outcome of a merge: of two kept faces, the smaller one is dropped."""
        if not (self.kept[first] and self.kept[second]):
            return {}
        return {min(first, second, key=lambda face: (self.size[face], face)): DROP}

    def _part(self, first: str, second: str) -> dict[str, str]:
        """Return the outcome of a part: the duplicates of the two are decided again."""
        if self.best[first] != self.best[second]:
            return {}
        return {face: AGAIN for face in (first, second) if self.reason[face] == DUPLICATE}

    def _replace(self, face_id: str, actions: dict[str, str]) -> dict[str, str]:
        """Return the outcome of a replacement: the largest duplicate takes the place of the face."""
        if not self.kept[face_id]:
            return {}
        candidates = [
            face
            for face in self._list_drawing(face_id)
            if self.reason[face] == DUPLICATE and actions.get(face) not in ("drop", "replace")
        ]
        outcome = {face_id: DROP}
        if candidates:
            outcome[max(candidates, key=lambda face: (self.size[face], face))] = KEEP
        return outcome
