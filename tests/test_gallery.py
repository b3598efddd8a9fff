"""The gallery of all faces: its data, its thumbnails, and the page in a browser."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.cache import NO_CACHE
from mangagan.core.images import encode_png
from mangagan.dataset.manifest import read_manifest
from mangagan.faces.sheets import take_pngs
from mangagan.gallery.data import make_data
from mangagan.gallery.thumbnails import COLUMNS, SHEET_FACES, SIDE, Sheet, draw_sheet, plan_sheets
from mangagan.gallery.write import write_gallery
from tests.browser import launch_chromium
from tests.test_mirrored_edition import COUNT, write_title

NASTY = 'zeta </script><img src=x onerror="document.title=1">{{ 7 * 7 }} 日本 \u2028'
FACES_PER_PAGE = 240  # of the page


def make_faces(count: int, title: str = "alpha", seed: int = 0) -> pd.DataFrame:
    """Return kept faces with the columns of the manifest and `png`; face i has the gray level 20 + 7 i modulo 200."""
    ids = [f"{seed:02x}{number:014x}" for number in range(count)]
    levels = [(20 + 7 * number) % 200 for number in range(count)]
    pngs = [encode_png(np.full((112, 112), level, np.uint8)) for level in levels]
    numbers = {"page_width": 800, "page_height": 1200, "w": 80.25, "h": 90.0, "score": 0.91234, "p_face": 0.99}
    rows = pd.DataFrame({"face_id": ids, "cluster_id": ids, "png": pngs, "x": np.arange(count, dtype=float)})
    return rows.assign(
        **numbers,
        title=title,
        page_id=f"page-{title}",
        page_number=1,
        source=f"{title}/1.png",
        y=10.0,
        p_usable=np.linspace(1, 0, count),
        detector="mangaface",
        is_gray=True,
        duplicate_of="",
        mirror_of="",
        similarity=np.nan,
        kept=True,
        drop_reason="",
        split="train",
    )


def make_mixed(count: int = 12) -> pd.DataFrame:
    """Return faces: 1 and 2 duplicate 0, 3 is the mirror image of 0, 4 was dropped by a gate, 5 is in the hold-out set.

    The face of the second title was imported: it has no probabilities.
    """
    faces = make_faces(count)
    for number, similarity in ((1, 0.7), (2, 0.95)):
        faces.loc[number, ["kept", "drop_reason", "split", "similarity"]] = [False, "duplicate", "", similarity]
        faces.loc[number, ["duplicate_of", "cluster_id"]] = faces.loc[0, "face_id"]
    faces.loc[3, ["mirror_of", "similarity"]] = [faces.loc[0, "face_id"], 0.81]
    faces.loc[4, ["kept", "drop_reason", "split"]] = [False, "too small", ""]
    faces.loc[5, "split"] = "holdout"
    imported = make_faces(1, NASTY, seed=1).assign(p_face=np.nan, p_usable=np.nan, score=np.nan, detector="import")
    return pd.concat([faces, imported], ignore_index=True)


def read_script(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "faces.js").read_text().removeprefix("const GALLERY = ").removesuffix(";\n"))


def test_data_of_the_page() -> None:
    faces = make_mixed()
    data = make_data(faces, [Sheet(0, 12), Sheet(12, 1)])
    columns = data["faces"]
    assert data["sheets"] == [["000000.jpg", 0, 1], ["000012.jpg", 12, 1]]
    assert data["pages"]["source"] == ["alpha/1.png", f"{NASTY}/1.png"]
    assert columns["page"] == [0] * 12 + [1]
    assert (columns["w"][0], columns["score"][0]) == (80.2, 0.912)
    assert (columns["p_face"][12], columns["score"][12], columns["similarity"][0]) == (None, None, None)
    assert columns["duplicate_of"][:4] == [-1, 0, 0, -1]
    assert columns["mirror_of"][:4] == [-1, -1, -1, 0]
    assert columns["cluster_id"][:5] == [0, 0, 0, 3, 4]
    assert columns["group"][:5] == [0, 0, 0, 0, 4]  # the cluster and its mirror image
    reasons = columns["drop_reason"]
    assert [reasons["values"][code] for code in reasons["codes"][:6]] == [
        "",
        "duplicate",
        "duplicate",
        "",
        "too small",
        "",
    ]
    lengths = {len(values["codes"] if isinstance(values, dict) else values) for values in columns.values()}
    assert lengths == {len(faces)}


def test_sheets_hold_each_title_apart_and_are_bounded() -> None:
    titles = ["a"] * (SHEET_FACES + 1) + ["b"] * 3
    sheets = plan_sheets(titles)
    assert sheets == [Sheet(0, SHEET_FACES), Sheet(SHEET_FACES, 1), Sheet(SHEET_FACES + 1, 3)]
    assert [sheet.rows for sheet in sheets] == [SHEET_FACES // COLUMNS, 1, 1]
    assert plan_sheets([]) == []


@pytest.mark.parametrize("channels", [1, 3])
def test_thumbnail_of_each_face_is_at_its_place(channels: int) -> None:
    levels = [10 * number for number in range(COLUMNS + 2)]
    colours = [(level, level, 255 - level) if channels == 3 else (level,) for level in levels]
    pngs = [encode_png(np.full((112, 112, channels), colour, np.uint8)) for colour in colours]
    sheet = np.asarray(Image.open(io.BytesIO(draw_sheet((pngs, channels))))).reshape(2 * SIDE, COLUMNS * SIDE, channels)
    for index, colour in enumerate(colours):
        top, left = index // COLUMNS * SIDE, index % COLUMNS * SIDE
        tile = sheet[top : top + SIDE, left : left + SIDE].astype(int)
        assert np.abs(tile - colour).max() <= 4, "no face leaks into the next one"
    assert (sheet[SIDE:, 2 * SIDE :] > 250).all()


def test_gallery_is_the_same_for_the_same_faces_and_a_new_face_changes_one_sheet(tmp_path: Path) -> None:
    faces = pd.concat([make_faces(300, "alpha"), make_faces(5, "beta", seed=1)], ignore_index=True)
    contents = []
    more = pd.concat([faces, make_faces(6, "beta", seed=1)[5:]])
    for number, rows in enumerate((faces, faces.sample(frac=1, random_state=1), more)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_gallery(folder, rows, take_pngs, NO_CACHE)
        contents.append({path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")})
    first, shuffled, extended = contents
    assert shuffled == first
    assert set(first) == {"index.html", "faces.js", *(f"thumbnails/{start:06d}.jpg" for start in (0, 256, 300))}
    assert [name for name in first if name.startswith("thumb") and first[name] != extended[name]] == [
        "thumbnails/000300.jpg"
    ]


def test_page_is_self_contained_and_titles_are_data_only(tmp_path: Path) -> None:
    write_gallery(tmp_path, make_mixed(), take_pngs, NO_CACHE)
    page, script = (tmp_path / "index.html").read_text(), (tmp_path / "faces.js").read_text()
    assert "13 faces of 2 titles, 10 kept" in page
    assert "://" not in page and 'src="faces.js"' in page and page.count("src=") == 1
    assert "onerror" not in page
    assert script.isascii() and read_script(tmp_path)["pages"]["title"] == ["alpha", NASTY]


def test_dedup_writes_the_gallery_of_every_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 1, 112, 112), np.uint8)
    write_title(tmp_path, "noise", images)
    write_title(tmp_path, "flopped", np.ascontiguousarray(images[..., ::-1]))
    (tmp_path / catalog.OVERRIDES).write_text("face_id,action\n")
    (tmp_path / catalog.PARAMS).write_text("dedup: {}\n")
    monkeypatch.chdir(tmp_path)
    assert main(["dedup"]) == 0
    folder = catalog.pictures_dir("dedup")
    assert {path.name for path in folder.iterdir()} == {
        "kept.png", "rejected.png", "duplicates.png", "drop_reasons.csv", "index.html", "faces.js", "thumbnails",
    }  # fmt: skip
    columns, manifest = read_script(folder)["faces"], read_manifest(catalog.MANIFEST)
    assert sorted(columns["face_id"]) == sorted(manifest["face_id"])
    mirror_of = dict(zip(manifest["face_id"], manifest["mirror_of"], strict=True))
    shown = [columns["face_id"][index] if index >= 0 else "" for index in columns["mirror_of"]]
    assert shown == [mirror_of[face] for face in columns["face_id"]]
    assert sum(face != "" for face in shown) == COUNT


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launch_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the gallery of 313 faces in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("a gallery")
    write_gallery(folder, make_mixed(312), take_pngs, NO_CACHE)
    return folder


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    """Return the page, opened as a file. Errors of scripts and files that are missing fail the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.goto((folder / "index.html").as_uri())
    yield page
    assert problems == []
    context.close()


def count(page: Any) -> str:
    return page.inner_text("#count")


def choose(page: Any, name: str, label: str) -> str:
    """Choose an option by the start of its text; return the count."""
    options = page.locator(f"[name={name}] option").all_inner_texts()
    page.select_option(f"[name={name}]", label=next(text for text in options if text.startswith(label)))
    return count(page)


def test_pages_of_faces_fit_a_phone(page: Any) -> None:
    assert count(page) == "313 of 313 faces"
    assert page.locator("#faces .id").count() == FACES_PER_PAGE
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator(".pager >> text=Next").first.click()
    assert page.locator("#faces .id").count() == 313 - FACES_PER_PAGE
    assert page.url.endswith("#page=2")
    page.reload()
    assert page.locator("#faces .id").first.inner_text() == f"{FACES_PER_PAGE:016x}"


def test_filters_and_search(page: Any) -> None:
    assert choose(page, "state", "kept") == "310 of 313 faces"
    assert choose(page, "state", "dropped (3)") == "3 of 313 faces"
    assert choose(page, "state", "dropped: too small (1)") == "1 of 313 faces"
    page.click("#clear")
    assert choose(page, "split", "holdout") == "1 of 313 faces"
    page.click("#clear")
    assert choose(page, "cluster", "with duplicates (3)") == "3 of 313 faces"
    assert choose(page, "cluster", "mirrored twins (2)") == "2 of 313 faces"
    assert choose(page, "cluster", "without either") == "309 of 313 faces"
    page.click("#clear")
    assert choose(page, "title", "zeta") == "1 of 313 faces"
    assert "usable –" in page.inner_text("#faces")
    page.click("#clear")
    page.fill("[name=search]", f"ALPHA {5:016x}")
    page.wait_for_function("document.getElementById('count').textContent.startsWith('1 of')")
    assert page.locator("#faces .id").all_inner_texts() == [f"{5:016x}"]
    page.fill("[name=search]", "nothing like it")
    page.wait_for_function("document.getElementById('count').textContent.startsWith('No')")
    assert count(page) == "No face matches"


def test_order_puts_unknown_probabilities_last(page: Any) -> None:
    choose(page, "order", "lowest p_usable")
    assert page.locator("#faces .id").first.inner_text() == f"{311:016x}"
    page.locator(".pager >> text=Next").first.click()
    assert page.locator("#faces .id").last.inner_text() == f"01{0:014x}"


def test_clusters_show_the_kept_face_beside_duplicates_and_mirrored_twins(page: Any) -> None:
    choose(page, "view", "clusters")
    assert count(page) == "1 cluster of several faces"
    assert page.locator(".cluster .id").all_inner_texts() == [f"{number:016x}" for number in (0, 3, 2, 1)]
    captions = page.locator(".cluster figcaption").all_inner_texts()
    assert "kept, train" in captions[0] and "mirrored 0.81" in captions[1]
    assert "duplicate 0.95" in captions[2] and "duplicate 0.70" in captions[3]


def test_details_of_a_face(page: Any) -> None:
    page.locator("button.face").nth(1).click()
    facts = page.inner_text("#facts")
    for text in (f"{1:016x}", "alpha/1.png", "x 1, y 10, w 80.2, h 90", "800 × 1200", "dropped: duplicate", "0.912",
                 "0.99", "similarity\n0.7", f"duplicate of\n{0:016x}"):  # fmt: skip
        assert text in facts, text
    assert page.locator("#others .id").all_inner_texts() == [f"{number:016x}" for number in (0, 3, 2)]
    page.click("#copy")
    page.wait_for_function("document.getElementById('copy').textContent !== 'Copy id'")
    page.click("#show-cluster")
    assert count(page) == "1 cluster of several faces"
    assert page.evaluate("document.title") == "Faces"


def test_thumbnail_shows_the_right_face(page: Any) -> None:
    for number in (0, 17, 200):
        box = page.locator("button.face").nth(number)
        box.scroll_into_view_if_needed()
        pixels = np.asarray(Image.open(io.BytesIO(box.screenshot())).convert("L")).astype(int)
        height, width = pixels.shape
        assert abs(pixels[height // 2, width // 2] - (20 + 7 * number) % 200) <= 4
