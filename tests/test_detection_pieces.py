"""Faces in the overlap of two pieces of one image come once."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from mangagan.detection.pieces import merge_pieces
from mangagan.detection.types import Detections

Rows = list[tuple[float, float, float, float, float]]  # x, y, w, h, score of each face
COLUMNS = ["title", "source", "page_id", "page_number", "left", "top", "width", "height"]
STRIP = [  # pieces of 200x1000 px that overlap by 300 px
    ("a", "strip.png", "p1", 1, 0, 0, 200, 1000),
    ("a", "strip.png", "p2", 2, 0, 700, 200, 1000),
    ("a", "strip.png", "p3", 3, 0, 1400, 200, 1000),
]


def make_detections(rows: Rows) -> Detections:
    values = np.array(rows, np.float64).reshape(-1, 5)
    return Detections(values[:, :4], values[:, 4], values[:, 4] / 2)


def merge(rows: list[tuple[object, ...]], faces: dict[str, Rows]) -> dict[str, Rows]:
    """Return x, y, w, h and score of the faces that remain on each page."""
    pages = pd.DataFrame(rows, columns=COLUMNS)
    merged = dict(merge_pieces(pages, ((page_id, make_detections(found)) for page_id, found in faces.items())))
    assert list(merged) == list(faces)
    for found in merged.values():
        np.testing.assert_array_equal(found.usable, found.scores / 2)
    return {page: [(*box, score) for box, score, _ in zip(*found, strict=True)] for page, found in merged.items()}


def test_of_two_whole_boxes_the_one_with_the_higher_score_is_kept() -> None:
    faces: dict[str, Rows] = {"p1": [(50, 800, 60, 80, 0.7)], "p2": [(52, 98, 62, 84, 0.9)], "p3": []}
    assert merge(STRIP, faces) == {"p1": [], "p2": faces["p2"], "p3": []}


def test_a_whole_box_replaces_a_cut_box_of_higher_score() -> None:
    faces: dict[str, Rows] = {"p1": [(50, 940, 60, 59, 0.95)], "p2": [(50, 240, 60, 160, 0.6)], "p3": []}
    assert merge(STRIP, faces) == {"p1": [], "p2": faces["p2"], "p3": []}
    faces = {"p1": [(50, 640, 60, 160, 0.6)], "p2": [(50, 1, 60, 99, 0.95)], "p3": []}
    assert merge(STRIP, faces) == {"p1": faces["p1"], "p2": [], "p3": []}


def test_a_cut_box_stays_if_no_other_piece_has_the_face() -> None:
    faces: dict[str, Rows] = {"p1": [(50, 940, 60, 59, 0.95)], "p2": [(50, 500, 60, 80, 0.6)], "p3": []}
    assert merge(STRIP, faces) == faces


def test_different_faces_in_the_overlap_stay() -> None:
    faces: dict[str, Rows] = {"p1": [(10, 800, 60, 80, 0.7)], "p2": [(90, 100, 60, 80, 0.9)], "p3": []}
    assert merge(STRIP, faces) == faces


def test_a_small_face_inside_a_large_one_stays() -> None:
    both: Rows = [(20, 60, 150, 200, 0.8), (60, 150, 40, 50, 0.5)]
    above: Rows = [(x, y + 700, w, h, score - 0.01) for x, y, w, h, score in both]
    assert merge(STRIP, {"p1": above, "p2": both, "p3": []}) == {"p1": [], "p2": both, "p3": []}


def test_pieces_beside_each_other_are_merged_too() -> None:
    rows = [("a", "wide.png", "p1", 1, 0, 0, 1000, 200), ("a", "wide.png", "p2", 2, 700, 0, 1000, 200)]
    faces: dict[str, Rows] = {"p1": [(941, 50, 59, 60, 0.9)], "p2": [(241, 50, 80, 60, 0.5)]}
    assert merge(rows, faces) == {"p1": [], "p2": faces["p2"]}


@pytest.mark.parametrize(
    "second",
    [
        ("a", "other.png", "p2", 2, 0, 700, 200, 1000),  # another image
        ("b", "strip.png", "p2", 1, 0, 700, 200, 1000),  # another title
        ("a", "strip.png", "p2", 2, 200, 0, 200, 1000),  # the other half of a spread
        ("a", "strip.png", "p2", 2, 0, 1000, 200, 1000),  # a piece that begins where the first one ends
        ("a", "strip.png", "p2", 2, 0, 0, 200, 1000),  # another picture of the file
    ],
)
def test_pages_that_do_not_overlap_are_passed_on(second: tuple[object, ...]) -> None:
    found = [("p1", make_detections([(50, 800, 60, 80, 0.7)])), ("p2", make_detections([(50, 100, 60, 80, 0.9)]))]
    pages = pd.DataFrame([STRIP[0], second], columns=COLUMNS)
    merged = list(merge_pieces(pages, found))
    assert [page_id for page_id, _ in merged] == ["p1", "p2"]
    assert all(faces is given for (_, faces), (_, given) in zip(merged, found, strict=True))


def test_a_page_is_yielded_before_the_next_one_is_read() -> None:
    read: list[str] = []

    def detect() -> Iterator[tuple[str, Detections]]:
        for _, _, page_id, *_ in rows:
            read.append(str(page_id))
            yield str(page_id), make_detections([])

    rows = [("a", "0.png", "p0", 1, 0, 0, 9, 9), *STRIP, ("a", "4.png", "p4", 5, 0, 0, 9, 9)]
    counts = [len(read) for _ in merge_pieces(pd.DataFrame(rows, columns=COLUMNS), detect())]
    assert counts == [1, 4, 4, 4, 5]


def test_a_table_without_positions_has_no_pieces() -> None:
    pages = pd.DataFrame(STRIP, columns=COLUMNS).drop(columns=["left", "top"])
    found = [("p1", make_detections([(50, 800, 60, 80, 0.7)])), ("p2", make_detections([(50, 100, 60, 80, 0.9)]))]
    assert list(merge_pieces(pages, found)) == found
