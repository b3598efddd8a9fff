"""Pictures: positions of images, labels and captions."""

import numpy as np
from PIL import Image

from mangagan.pictures.grid import choose_evenly, draw_grid
from mangagan.pictures.neighbors import draw_neighbors, find_smallest
from mangagan.pictures.rows import draw_rows
from mangagan.pictures.timeline import draw_timeline


def test_rows_place_images_labels_and_captions() -> None:
    rows = [np.full((2, 1, 10, 10), value, np.uint8) for value in (50, 100)]
    plain = draw_rows(rows, ["", ""])
    assert plain.shape == (22, 22, 1)
    assert (plain[:10, :10] == 50).all()
    assert (plain[12:, 12:] == 100).all()
    labelled = draw_rows(rows, ["20 kimg", "40 kimg"], [["a", "b"], ["c", "d"]])
    assert labelled.shape[0] > 40
    assert labelled[:, : labelled.shape[1] - 22].min() < 128  # ink in the column of labels
    assert (labelled[:10, -22:-12] == 50).all()
    assert draw_rows([np.zeros((1, 3, 10, 10), np.uint8)], [""]).shape == (10, 10, 3)
    assert draw_rows([], []).min() < 128


def test_timeline_shows_the_first_images_of_each_snapshot_in_order(tmp_path) -> None:
    for kimg in (1000, 0, 20, 999_999):
        images = np.full((16, 1, 10, 10), min(kimg // 10, 250), np.uint8)
        images[0] = 7
        Image.fromarray(draw_grid(images, 4)[:, :, 0]).save(tmp_path / f"{kimg:06}kimg.png")
    (tmp_path / "other.png").write_bytes(b"")
    sheet = draw_timeline(tmp_path, side=10, max_columns=3)
    right = sheet[:, -34:]
    assert right.shape == (46, 34, 1)
    assert right[5::12, 5, 0].tolist() == [7] * 4
    assert right[5::12, 29, 0].tolist() == [0, 2, 100, 250]
    assert draw_timeline(tmp_path / "none", side=10).shape[2] == 1
    assert list(choose_evenly(100, 12))[::11] == [0, 99]
    assert list(choose_evenly(3, 12)) == [0, 1, 2]


def test_neighbors_that_match_mirrored_are_drawn_mirrored() -> None:
    train = np.zeros((2, 1, 10, 10), np.uint8)
    train[1, :, :, :5] = 200
    shown = draw_neighbors(train[:1] + 9, train, np.array([[1, 0]]), np.array([[True, False]]), np.array([[0.5, 1.0]]))
    assert shown[5, [0, 12, 17, 24], 0].tolist() == [9, 0, 200, 0]
    assert find_smallest([3.0, 1.0, 1.0, 2.0], 3).tolist() == [1, 2, 3]
