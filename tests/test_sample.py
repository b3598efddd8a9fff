"""The sample manga: the ground truth must agree with the pictures."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from mangagan.core.errors import UserError
from mangagan.sample.character import STYLES, sample_character
from mangagan.sample.head import draw_face
from mangagan.sample.manga import draw_manga, draw_screenshot
from mangagan.sample.page import draw_page

PAGES = 8  # smallest number that includes every kind of special file


@pytest.fixture(scope="module")
def manga(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the folder and the ground truth of a small sample manga."""
    folder = tmp_path_factory.mktemp("manga")
    return folder, draw_manga(folder, seed=3, pages_per_title=PAGES)


def get_path(folder: Path, row: dict[str, Any]) -> Path:
    """Return the path of a row's file."""
    return folder / "screenshots" / row["title"] / row["file"]


def read_upright(path: Path) -> np.ndarray:
    """Return the gray picture (H, W) that an image viewer displays."""
    with Image.open(path) as stored:
        picture = ImageOps.exif_transpose(stored)
        if picture.mode.startswith("I"):
            return (np.asarray(picture).astype(np.int64) // 257).astype(np.uint8)
        if picture.mode == "RGBA":
            paper = Image.new("RGBA", picture.size, "white")
            paper.alpha_composite(picture)
            picture = paper
        return np.asarray(picture.convert("L"))


def test_same_seed_gives_same_bytes_for_any_number_of_pages(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    for style in STYLES:
        for number in (3, 6):
            data, row = draw_screenshot(3, style, number)
            assert get_path(folder, row).read_bytes() == data
            assert row in truth["pages"]


def test_workers_do_not_change_the_files(tmp_path: Path) -> None:
    serial, parallel = tmp_path / "serial", tmp_path / "parallel"
    draw_manga(serial, seed=5, pages_per_title=2)
    draw_manga(parallel, seed=5, pages_per_title=2, workers=2)
    names = sorted(p.relative_to(serial) for p in serial.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(parallel) for p in parallel.rglob("*") if p.is_file())
    assert all((serial / name).read_bytes() == (parallel / name).read_bytes() for name in names)


def test_other_seed_gives_other_pages() -> None:
    assert draw_screenshot(1, STYLES[0], 2)[0] != draw_screenshot(2, STYLES[0], 2)[0]


def test_every_kind_of_special_file_is_drawn(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    rows = truth["pages"]
    assert {row["kind"] for row in rows} == {"page", "repeat", "rescreenshot", "broken", "tiny"}
    assert {Path(row["file"]).suffix for row in rows} == {".png", ".jpg", ".webp"}
    assert json.loads((folder / "truth.json").read_text()) == truth
    assert {row["title"] for row in rows} == {style.title for style in STYLES}
    files = sorted(p for p in (folder / "screenshots").rglob("*") if p.is_file())
    assert files == sorted(get_path(folder, row) for row in rows)


def test_repeats_are_byte_identical_and_broken_files_do_not_open(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    repeats = broken = 0
    for row in truth["pages"]:
        path = get_path(folder, row)
        if row["kind"] == "repeat":
            repeats += 1
            assert path.read_bytes() == (path.parent / row["repeat_of"]).read_bytes()
        if row["kind"] == "broken":
            broken += 1
            with pytest.raises((UnidentifiedImageError, OSError)):
                Image.open(io.BytesIO(path.read_bytes())).load()
    assert repeats and broken


def test_boxes_enclose_faces_in_the_displayed_picture(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    usable_faces = 0
    for row in truth["pages"]:
        if row["kind"] in ("broken", "tiny"):
            continue
        picture = read_upright(get_path(folder, row))
        assert picture.shape == (row["height"], row["width"])
        for face in row["faces"]:
            assert face["x"] >= 0 and face["x"] + face["w"] <= row["width"], row
            assert face["y"] >= 0 and face["y"] + face["h"] <= row["height"], row
            inside = picture[face["y"] : face["y"] + face["h"], face["x"] : face["x"] + face["w"]]
            assert inside.std() > 20, (row["file"], face)
            if face["usable"]:
                usable_faces += 1
                assert face["w"] >= 40
                eyes = inside[int(0.3 * face["h"]) : int(0.65 * face["h"])]
                assert eyes.min() < 90, (row["file"], face)  # irises or closed lids
    assert usable_faces > 60


def test_rescreenshots_show_the_faces_of_the_original_page(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    by_file = {(row["title"], row["file"]): row for row in truth["pages"]}
    compared = 0
    for row in truth["pages"]:
        if row["kind"] != "rescreenshot":
            continue
        original = by_file[row["title"], row["repeat_of"]]
        new_page, old_page = read_upright(get_path(folder, row)), read_upright(get_path(folder, original))
        for new, old in zip(row["faces"], original["faces"], strict=True):
            crops = [
                np.asarray(
                    Image.fromarray(page[f["y"] : f["y"] + f["h"], f["x"] : f["x"] + f["w"]]).resize(
                        (24, 24), Image.Resampling.BOX
                    )
                ).ravel()
                for page, f in ((new_page, new), (old_page, old))
            ]
            compared += 1
            assert np.corrcoef(crops[0], crops[1])[0, 1] > 0.8
    assert compared > 5


def test_other_files_in_the_folder_raise_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "screenshots" / "paper_moon").mkdir(parents=True)
    (tmp_path / "screenshots" / "paper_moon" / "mine.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"mine\.png"):
        draw_manga(tmp_path, pages_per_title=1)
    with pytest.raises(UserError, match="at least 1 page"):
        draw_manga(tmp_path, pages_per_title=0)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.title)
@pytest.mark.parametrize("size", [24, 112, 300])
def test_draw_face_shows_the_complete_face_at_any_size(style: Any, size: int) -> None:
    picture, face = draw_face(np.random.default_rng(size), style, size)
    assert picture.dtype == np.uint8
    assert picture.shape == ((size, size, 3) if style.colour else (size, size))
    assert face.x >= 0 and face.x + face.w <= size and face.y >= 0 and face.y + face.h <= size
    assert 0.4 * size < face.w < 0.8 * size
    for x, y in face.eyes:
        assert face.x < x < face.x + face.w and face.y < y < face.y + 0.75 * face.h
    again, _ = draw_face(np.random.default_rng(size), style, size)
    assert np.array_equal(picture, again)


def test_pictures_differ_between_characters_and_repeat_for_one() -> None:
    style = replace(STYLES[2], softness=0.0)
    people = [sample_character(np.random.default_rng(seed), style) for seed in range(6)]
    drawn = [draw_face(np.random.default_rng(1), style, 96, person)[0].astype(int) for person in people]
    for index, one in enumerate(drawn):
        for other in drawn[:index]:
            assert np.abs(one - other).mean() > 4
    assert np.array_equal(draw_face(np.random.default_rng(1), style, 96, people[0])[0], drawn[0])


def test_draw_face_rejects_sizes_that_are_too_small() -> None:
    with pytest.raises(ValueError, match="size"):
        draw_face(np.random.default_rng(0), STYLES[0], 4)


def test_draw_page_keeps_boxes_inside_a_page_of_any_size() -> None:
    picture, faces = draw_page(np.random.default_rng(8), STYLES[1], 400, 560)
    assert picture.shape == (560, 400) and picture.dtype == np.uint8
    assert faces
    with pytest.raises(ValueError, match="240"):
        draw_page(np.random.default_rng(8), STYLES[1], 400, 100)
    assert all(f["x"] + f["w"] <= 400 and f["y"] + f["h"] <= 560 for f in faces)


def test_things_use_a_random_stream_of_their_own() -> None:
    after = []
    for things in (0.0, 2.0):
        rng = np.random.default_rng(4)
        picture, faces = draw_page(rng, STYLES[0], 400, 560, things=things)
        after.append((picture, faces, rng.random()))
    assert after[0][1] == after[1][1] and after[0][2] == after[1][2]
    assert not np.array_equal(after[0][0], after[1][0])
    assert np.array_equal(after[0][0], draw_page(np.random.default_rng(4), STYLES[0], 400, 560)[0])
