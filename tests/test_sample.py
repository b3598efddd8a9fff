"""The sample manga: known answers must really be in the pictures."""

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
from mangagan.sample import STYLES, draw_face, draw_manga, draw_page, labels, random_character
from mangagan.sample.manga import draw_screenshot

PAGES = 8  # the fewest in which every kind of planted file comes


@pytest.fixture(scope="module")
def manga(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A small sample manga and its truth."""
    folder = tmp_path_factory.mktemp("manga")
    return folder, draw_manga(folder, seed=3, pages_per_title=PAGES)


def path_of(folder: Path, row: dict[str, Any]) -> Path:
    """Where a row's file is."""
    return folder / "screenshots" / row["title"] / row["file"]


def upright(path: Path) -> np.ndarray:
    """A file as the gray picture (H, W) that a person would see."""
    with Image.open(path) as stored:
        picture = ImageOps.exif_transpose(stored)
        if picture.mode.startswith("I"):
            return (np.asarray(picture).astype(np.int64) // 257).astype(np.uint8)
        if picture.mode == "RGBA":
            paper = Image.new("RGBA", picture.size, "white")
            paper.alpha_composite(picture)
            picture = paper
        return np.asarray(picture.convert("L"))


def test_same_seed_gives_same_bytes_and_more_pages_change_none(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    for style in STYLES:
        for number in (3, 6):
            data, row = draw_screenshot(3, style, number)
            assert path_of(folder, row).read_bytes() == data
            assert row in truth["pages"]


def test_workers_do_not_change_the_files(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    draw_manga(alone, seed=5, pages_per_title=2)
    draw_manga(together, seed=5, pages_per_title=2, workers=2)
    names = sorted(p.relative_to(alone) for p in alone.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(together) for p in together.rglob("*") if p.is_file())
    assert all((alone / name).read_bytes() == (together / name).read_bytes() for name in names)


def test_other_seed_gives_other_pages() -> None:
    assert draw_screenshot(1, STYLES[0], 2)[0] != draw_screenshot(2, STYLES[0], 2)[0]


def test_every_kind_is_planted(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    rows = truth["pages"]
    assert {row["kind"] for row in rows} == {"page", "repeat", "rescreenshot", "broken", "tiny"}
    assert {Path(row["file"]).suffix for row in rows} == {".png", ".jpg", ".webp"}
    assert json.loads((folder / "truth.json").read_text()) == truth
    assert {row["title"] for row in rows} == {style.title for style in STYLES}
    files = sorted(p for p in (folder / "screenshots").rglob("*") if p.is_file())
    assert files == sorted(path_of(folder, row) for row in rows)


def test_repeats_are_byte_identical_and_broken_files_do_not_open(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    repeats = broken = 0
    for row in truth["pages"]:
        path = path_of(folder, row)
        if row["kind"] == "repeat":
            repeats += 1
            assert path.read_bytes() == (path.parent / row["repeat_of"]).read_bytes()
        if row["kind"] == "broken":
            broken += 1
            with pytest.raises((UnidentifiedImageError, OSError)):
                Image.open(io.BytesIO(path.read_bytes())).load()
    assert repeats and broken


def test_boxes_lie_on_drawn_faces_in_the_upright_picture(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    seen = 0
    for row in truth["pages"]:
        if row["kind"] in ("broken", "tiny"):
            continue
        picture = upright(path_of(folder, row))
        assert picture.shape == (row["height"], row["width"])
        for face in row["faces"]:
            assert face["x"] >= 0 and face["x"] + face["w"] <= row["width"], row
            assert face["y"] >= 0 and face["y"] + face["h"] <= row["height"], row
            inside = picture[face["y"] : face["y"] + face["h"], face["x"] : face["x"] + face["w"]]
            assert inside.std() > 20, (row["file"], face)
            if face["usable"]:
                seen += 1
                assert face["w"] >= 40
                eyes = inside[int(0.3 * face["h"]) : int(0.65 * face["h"])]
                assert eyes.min() < 90, (row["file"], face)  # irises or closed lids
    assert seen > 60


def test_rescreenshot_shows_the_same_faces_where_the_truth_says(manga: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = manga
    by_file = {(row["title"], row["file"]): row for row in truth["pages"]}
    compared = 0
    for row in truth["pages"]:
        if row["kind"] != "rescreenshot":
            continue
        original = by_file[row["title"], row["repeat_of"]]
        new_page, old_page = upright(path_of(folder, row)), upright(path_of(folder, original))
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


def test_files_of_another_draw_are_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "screenshots" / "paper_moon").mkdir(parents=True)
    (tmp_path / "screenshots" / "paper_moon" / "mine.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"mine\.png"):
        draw_manga(tmp_path, pages_per_title=1)
    with pytest.raises(UserError, match="at least 1 page"):
        draw_manga(tmp_path, pages_per_title=0)


def test_labels_are_the_readable_files_by_title_and_name(manga: tuple[Path, dict[str, Any]]) -> None:
    _, truth = manga
    named = labels(truth)
    assert len(named) == sum(row["kind"] not in ("broken", "tiny") for row in truth["pages"])
    assert set(named["harbor_lights/001.png"]) == {"width", "height", "faces"}


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.title)
@pytest.mark.parametrize("size", [24, 112, 300])
def test_draw_face_has_any_size_and_holds_its_face(style: Any, size: int) -> None:
    picture, face = draw_face(np.random.default_rng(size), style, size)
    assert picture.dtype == np.uint8
    assert picture.shape == ((size, size, 3) if style.colour else (size, size))
    assert face.x >= 0 and face.x + face.w <= size and face.y >= 0 and face.y + face.h <= size
    assert 0.4 * size < face.w < 0.8 * size
    for x, y in face.eyes:
        assert face.x < x < face.x + face.w and face.y < y < face.y + 0.75 * face.h
    again, _ = draw_face(np.random.default_rng(size), style, size)
    assert np.array_equal(picture, again)


def test_different_people_look_different_and_one_person_alike() -> None:
    style = replace(STYLES[2], softness=0.0)
    people = [random_character(np.random.default_rng(seed), style) for seed in range(6)]
    drawn = [draw_face(np.random.default_rng(1), style, 96, person)[0].astype(int) for person in people]
    for index, one in enumerate(drawn):
        for other in drawn[:index]:
            assert np.abs(one - other).mean() > 4
    assert np.array_equal(draw_face(np.random.default_rng(1), style, 96, people[0])[0], drawn[0])


def test_draw_face_refuses_sizes_too_small_to_show_a_face() -> None:
    with pytest.raises(ValueError, match="size"):
        draw_face(np.random.default_rng(0), STYLES[0], 4)


def test_draw_page_of_any_size_keeps_boxes_inside() -> None:
    picture, faces = draw_page(np.random.default_rng(8), STYLES[1], 400, 560)
    assert picture.shape == (560, 400) and picture.dtype == np.uint8
    assert faces
    with pytest.raises(ValueError, match="240"):
        draw_page(np.random.default_rng(8), STYLES[1], 400, 100)
    assert all(f["x"] + f["w"] <= 400 and f["y"] + f["h"] <= 560 for f in faces)
