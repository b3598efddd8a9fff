"""Merge the faces of overlapping pieces of one image, such as a strip that was cut, so that each face is kept once."""

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from mangagan.detection.overlap import compute_iou
from mangagan.detection.types import Detections

MIN_IOU = 0.4  # minimum IoU of two boxes of one face
MIN_COVERED = 0.5  # minimum share of the smaller box that the other box covers, if a border cuts one of the boxes
MAX_OVERLAP = 0.95  # pages that overlap more are no pieces, but pictures of one file, such as frames
EDGE_SHARE = 0.02  # a box that is closer than this share of the width to a border counts as cut by it


class Piece:
    """A piece of an image, with its faces once they are known.

    Attributes:
        page_id: The page.
        box: float64 (4,): left, top, width, height in the source image [px].
        faces: The faces, in px of the piece. None before detection.
    """

    def __init__(self, page_id: str, box: np.ndarray) -> None:
        self.page_id = page_id
        self.box = box
        self.faces: Detections | None = None


def merge_pieces(pages: pd.DataFrame, found: Iterable[tuple[str, Detections]]) -> Iterator[tuple[str, Detections]]:
    """Yield (page_id, faces) for each page in the given order. A face in the overlap of two pieces is kept once.

    If two boxes show one face, the box that no border cuts is kept, otherwise the box with the higher score. The faces
    of pages that do not overlap are not changed.

    Args:
        pages: Kept rows of the page table.
        found: (page_id, faces) of each page. Overlapping pieces follow each other.
    """
    group_of = find_overlapping_pieces(pages)
    waiting: dict[int, list[Piece]] = {}
    for page_id, faces in found:
        group = group_of.get(page_id)
        if group is None:
            yield page_id, faces
            continue
        arrived = waiting.setdefault(id(group), [])
        piece = next(piece for piece in group if piece.page_id == page_id)
        piece.faces = faces
        arrived.append(piece)
        if len(arrived) == len(group):
            yield from zip((piece.page_id for piece in arrived), merge_faces(waiting.pop(id(group))), strict=True)
    for arrived in waiting.values():
        yield from zip((piece.page_id for piece in arrived), merge_faces(arrived), strict=True)


def find_overlapping_pieces(pages: pd.DataFrame) -> dict[str, list[Piece]]:
    """Return the group of each page that overlaps another page of the same source image: page_id → pieces."""
    groups: dict[str, list[Piece]] = {}
    if not {"left", "top"} <= set(pages.columns):
        return groups
    shared = pages[pages.duplicated(["title", "source"], keep=False)]
    for _, rows in shared.groupby(["title", "source"], sort=False):
        columns = rows.sort_values("page_number")[["page_id", "left", "top", "width", "height"]]
        pieces = [Piece(row[0], np.array(row[1:], np.float64)) for row in columns.itertuples(index=False)]
        for first, second in combinations(pieces, 2):
            if 0 < measure_overlap(first.box, second.box[None])[0] < MAX_OVERLAP:
                merged = groups.get(first.page_id, [first])
                merged += [piece for piece in groups.get(second.page_id, [second]) if piece not in merged]
                groups.update({piece.page_id: merged for piece in merged})
    return groups


def merge_faces(pieces: list[Piece]) -> list[Detections]:
    """Return the faces of each piece without the duplicates in other pieces.

    Args:
        pieces: Pieces with faces.
    """
    parts = [piece.faces for piece in pieces]
    owners = np.concatenate([np.full(len(faces.scores), n) for n, faces in enumerate(parts) if faces is not None])
    boxes = np.concatenate([move_boxes(piece) for piece in pieces])
    scores = np.concatenate([faces.scores for faces in parts if faces is not None])
    is_cut = np.concatenate([find_cut_boxes(piece, pieces) for piece in pieces])
    kept = np.zeros(len(boxes), bool)
    for index in np.lexsort((owners, -scores, is_cut)):
        others = boxes[kept & (owners != owners[index])]
        is_known = compute_iou(boxes[index], others) >= MIN_IOU
        if is_cut[index]:
            is_known |= measure_overlap(boxes[index], others) >= MIN_COVERED
        kept[index] = not is_known.any()
    return [
        Detections(*(values[kept[owners == number]] for values in faces))
        for number, faces in enumerate(parts)
        if faces is not None
    ]


def move_boxes(piece: Piece) -> np.ndarray:
    """Return the boxes of a piece in px of the source image, float64 (N, 4)."""
    assert piece.faces is not None
    return piece.faces.boxes + np.array([*piece.box[:2], 0, 0])


def find_cut_boxes(piece: Piece, pieces: list[Piece]) -> np.ndarray:
    """Return True for each face of a piece that touches a border inside of another piece, bool (N,)."""
    boxes = move_boxes(piece)
    margin = EDGE_SHARE * min(piece.box[2:])
    is_cut = np.zeros(len(boxes), bool)
    for axis in (0, 1):
        first, last = piece.box[axis], piece.box[axis] + piece.box[axis + 2]
        starts, stops = boxes[:, axis], boxes[:, axis] + boxes[:, axis + 2]
        others = [
            other.box for other in pieces if other is not piece and measure_overlap(piece.box, other.box[None])[0]
        ]
        if any(box[axis] < first for box in others):
            is_cut |= starts <= first + margin
        if any(box[axis] + box[axis + 2] > last for box in others):
            is_cut |= stops >= last - margin
    return is_cut


def measure_overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the area that one box (4,) shares with each of N boxes (N, 4), as a share of the smaller box [0, 1].

    Boxes are x, y, w, h.
    """
    sides = np.minimum(box[:2] + box[2:4], boxes[:, :2] + boxes[:, 2:4]) - np.maximum(box[:2], boxes[:, :2])
    smaller = np.minimum(box[2] * box[3], boxes[:, 2] * boxes[:, 3])
    return sides.clip(0).prod(axis=1) / np.maximum(smaller, 1e-9)
