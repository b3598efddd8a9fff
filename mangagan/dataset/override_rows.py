"""One decision of the user on a face, and the anchor by which it finds the face after the ids have changed."""

import math
from dataclasses import dataclass
from typing import Self

FACE_ACTIONS = ("keep", "drop", "replace")
PAIR_ACTIONS = ("merge", "part")
ACTIONS = (*FACE_ACTIONS, *PAIR_ACTIONS, "reset")
MAX_NOTE = 10_000  # maximum length of a note [characters]
MIN_SIDE = 0.1  # minimum side of a box [px]; anchors are written with one decimal


@dataclass(frozen=True)
class Anchor:
    """The page and the detector's box of a face.

    Attributes:
        page_id: Page of the face.
        x: Left edge of the box [px].
        y: Top edge of the box [px].
        w: Width of the box [px].
        h: Height of the box [px].

    Raises:
        ValueError: The page id is empty or contains a space, or the box is not a box.
    """

    page_id: str
    x: float
    y: float
    w: float
    h: float

    def __post_init__(self) -> None:
        box = (self.x, self.y, self.w, self.h)
        if self.page_id.split() != [self.page_id] or not all(map(math.isfinite, box)) or min(box[2:]) < MIN_SIDE:
            raise ValueError(f"an anchor is PAGE_ID X Y W H, not {self.page_id!r} {' '.join(map(str, box))}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `PAGE_ID X Y W H`.

        Raises:
            ValueError: The text is not an anchor.
        """
        try:
            page_id, *box = text.split()
            x, y, w, h = map(float, box)
            return cls(page_id, x, y, w, h)
        except ValueError:
            raise ValueError(f"an anchor is PAGE_ID X Y W H, not {text!r}") from None

    def format(self) -> str:
        """Return `PAGE_ID X Y W H`; numbers are rounded to 0.1 px."""
        return " ".join([self.page_id, *(f"{value:.1f}" for value in (self.x, self.y, self.w, self.h))])


@dataclass(frozen=True)
class Override:
    """One decision: a line of the file.

    Attributes:
        face_id: Id of the face when the decision was made.
        action: One of `ACTIONS`.
        note: Any text of at most `MAX_NOTE` characters.
        anchor: Page and box of the face. None if not known.
        other: The other face of `merge`, `part`, or `reset` of one of them; empty for the other actions.
        other_anchor: Page and box of the other face. None if not known.
        line: Line of the file, from 1; 0 if it is not from a file.

    Raises:
        ValueError: The action is unknown, or the ids do not fit the action.
    """

    face_id: str
    action: str
    note: str = ""
    anchor: Anchor | None = None
    other: str = ""
    other_anchor: Anchor | None = None
    line: int = 0

    def __post_init__(self) -> None:
        if not self.face_id:
            raise ValueError("face_id is empty")
        if self.action not in ACTIONS:
            raise ValueError(f"action must be {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, not {self.action!r}")
        if self.action in PAIR_ACTIONS and not self.other:
            raise ValueError(f"{self.action} needs the id of the other face in the column other")
        if self.action in FACE_ACTIONS and (self.other or self.other_anchor):
            raise ValueError(f"{self.action} is about one face: the columns other and other_anchor must be empty")
        if self.other_anchor and not self.other:
            raise ValueError("other_anchor needs the id of the other face in the column other")
        if len(self.note) > MAX_NOTE:
            raise ValueError(f"the note has {len(self.note)} characters; at most {MAX_NOTE} are allowed")
        if self.other == self.face_id:
            raise ValueError("other is the same face as face_id")
