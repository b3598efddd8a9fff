"""ingest, detect, normalize and dedup on the sample manga, whose every face, repeat and broken file is known."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.core.images import decode_png, encode_png, write_png
from mangagan.dataset.manifest import COLUMNS, read_manifest
from mangagan.detection.registry import DetectParams
from mangagan.detection.run import make_detection_rows, make_face_id
from mangagan.detection.table import write_detections
from mangagan.detection.types import Detections
from mangagan.faces.table import decode_faces, read_faces, write_faces
from mangagan.pages.table import read_pages
from mangagan.stages import dedup, detect, ingest, normalize
from tests.cache_entries import damage_entries, read_usage
from tests.dvc_workspace import edit
from tests.paths import CASCADE, SHARED, needs_cascade
from tests.sample_workspace import make_sample_workspace
from tests.square_cascade import draw_squares, write_square_cascade


class Truth:
    """The detector in the tables: the boxes come from the drawing itself."""

    name, version, crop_margin = "truth", "1", 0.4


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_sample_workspace(tmp_path_factory.mktemp("workspace"), seed=3, pages_per_title=9)
    ingest.run(root)
    return root


@pytest.fixture
def root(workspace: Path, tmp_path: Path) -> Path:
    """Return a copy of the workspace that a test may change."""
    return Path(shutil.copytree(workspace, tmp_path / "copy"))


@pytest.fixture(scope="module")
def truth(workspace: Path) -> list[dict[str, Any]]:
    return json.loads((workspace / "data" / "truth.json").read_text())["pages"]


@pytest.fixture(scope="module")
def faces(workspace: Path, truth: list[dict[str, Any]]) -> dict[tuple[str, int], str]:
    """Write the boxes as drawn, run normalize and dedup; return (source, index of the face) → face id."""
    pages = read_pages(workspace / catalog.PAGES_TABLE).set_index("source")
    rows, ids = [], {}
    for page in truth:
        source = f"{page['title']}/{page['file']}"
        if source not in pages.index or not page["faces"]:
            continue
        page_id = pages.loc[source, "page_id"]
        boxes = pd.DataFrame(page["faces"])[["x", "y", "w", "h"]].to_numpy(float)
        found = Detections(boxes, boxes[:, 2], np.full(len(boxes), np.nan))
        rows += make_detection_rows(Truth(), page_id, found)  # type: ignore[arg-type]
        ids |= {(source, index): make_face_id(page_id, box) for index, box in enumerate(boxes)}
    write_detections(workspace / catalog.DETECTIONS, rows)
    normalize.run(workspace)
    dedup.run(workspace)
    return ids


def test_pages_are_just_those_drawn(workspace: Path, truth: list[dict[str, Any]]) -> None:
    pages = read_pages(workspace / catalog.PAGES_TABLE)
    kinds = {f"{page['title']}/{page['file']}": page["kind"] for page in truth}
    kept = pages[pages["reason"] == ""]
    assert {kinds[source] for source in kept["source"]} == {"page", "rescreenshot"}
    assert len(kept) == sum(kind in ("page", "rescreenshot") for kind in kinds.values())
    assert set(pages["source"][pages["reason"] != ""]) == {s for s, kind in kinds.items() if kind in ("broken", "tiny")}
    repeats = {f"{p['title']}/{p['file']}": f"{p['title']}/{p['repeat_of']}" for p in truth if p["kind"] == "repeat"}
    sources = {row.source: list(row.sources) for row in kept.itertuples()}
    for repeat, first in repeats.items():
        assert sources[first] == sorted([first, repeat])
    sizes = {f"{p['title']}/{p['file']}": (p["width"], p["height"]) for p in truth}
    assert all(sizes[row.source] == (row.width, row.height) for row in kept.itertuples())


def test_every_face_is_in_the_manifest(workspace: Path, faces: dict[tuple[str, int], str]) -> None:
    manifest = read_manifest(workspace / catalog.MANIFEST)
    assert list(manifest.columns) == COLUMNS
    assert Counter(manifest["face_id"]) == Counter(faces.values())
    assert (manifest["kept"] == (manifest["drop_reason"] == "")).all()
    assert (manifest["kept"] == (manifest["split"] != "")).all()
    assert set(manifest["split"]) == {"train", "holdout", ""}
    held = set(manifest["page_id"][manifest["split"] == "holdout"])
    assert not held & set(manifest["page_id"][manifest["split"] == "train"])


def test_dataset_is_what_the_manifest_says(workspace: Path, faces: dict[tuple[str, int], str]) -> None:
    manifest = read_manifest(workspace / catalog.MANIFEST)
    for split, path in {"train": catalog.TRAIN_FACES, "holdout": catalog.HOLDOUT_FACES}.items():
        rows = read_faces(workspace / path)
        assert set(rows["face_id"]) == set(manifest["face_id"][manifest["split"] == split])
        assert decode_faces(rows["png"].tolist(), 3).shape == (len(rows), 3, 112, 112)


def test_rescreenshots_are_found_and_different_drawings_kept(
    workspace: Path, truth: list[dict[str, Any]], faces: dict[tuple[str, int], str]
) -> None:
    manifest = read_manifest(workspace / catalog.MANIFEST).set_index("face_id")
    same = {
        frozenset((faces[f"{p['title']}/{p['file']}", i], faces[f"{p['title']}/{p['repeat_of']}", i]))
        for p in truth
        if p["kind"] == "rescreenshot"
        for i in range(len(p["faces"]))
    }
    judged = {pair for pair in same if all(manifest.loc[face, "drop_reason"] in ("", "duplicate") for face in pair)}
    merged = {frozenset((face, row["duplicate_of"])) for face, row in manifest.iterrows() if row["duplicate_of"]}
    assert len(judged) >= 8
    assert len(judged & merged) >= 0.9 * len(judged)
    assert len(merged - same) <= 0.05 * len(manifest)


def test_a_second_run_is_byte_identical(workspace: Path, faces: dict[tuple[str, int], str]) -> None:
    outs = [path for folder in ("data", "reports", "metrics") for path in (workspace / folder).rglob("*.*")]
    before = {path: sha256_file(path) for path in outs if path.is_file()}
    for stage in (ingest, normalize, dedup):
        stage.run(workspace)
    assert {path: sha256_file(path) for path in before} == before
    assert len(before) > 40


def test_overrides_decide(faces: dict[tuple[str, int], str], root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = read_manifest(root / catalog.MANIFEST)
    dropped = manifest["face_id"][manifest["kept"]].iloc[0]
    other = manifest["face_id"][manifest["kept"]].iloc[1]
    wanted = manifest["face_id"][~manifest["kept"]].iloc[0]
    (root / catalog.OVERRIDES).write_text(f"face_id,action,note\n{dropped},drop,\n{wanted},keep,\nffff,drop,gone\n")
    dedup.run(root)
    after = read_manifest(root / catalog.MANIFEST).set_index("face_id")
    assert after.loc[dropped, "drop_reason"] == "dropped by hand"
    assert after.loc[wanted, "kept"]
    figures = json.loads((root / catalog.metrics_file("dedup")).read_text())
    assert (figures["overrides_applied"], figures["overrides_unknown"]) == (2, 1)
    assert (figures["overrides_keep"], figures["overrides_drop"]) == (1, 1)
    assert "dedup: data/overrides.csv line 4: there is no face ffff\n" in capsys.readouterr().err

    parted = [f"{wanted},merge,,,{dropped},", f"{wanted},part,,,{other},", f"{dropped},merge,,,{other},"]
    (root / catalog.OVERRIDES).write_text("\n".join(["face_id,action,note,anchor,other,other_anchor", *parted, ""]))
    dedup.run(root)
    assert "line 3: part is ignored, because merges join the two\n" in capsys.readouterr().err


def move_to_imported(root: Path, size: int) -> pd.DataFrame:
    """Make the faces of the first title imported faces of a size [px]; return them."""
    shard = sorted((root / catalog.FACES_DIR).glob("*.parquet"))[0]
    faces = read_faces(shard)
    pngs = [encode_png(cv2.resize(decode_png(png, 3), (size, size))) for png in faces["png"]]
    faces = faces.assign(png=pngs, detector="import", score=np.nan, p_face=np.nan, p_usable=np.nan)
    write_faces(root / catalog.IMPORTED_DIR / shard.name, faces, catalog.arrow_schema(catalog.FACE_COLUMNS))
    shard.unlink()
    return faces


def test_imported_faces_join_those_from_pages(faces: dict[tuple[str, int], str], root: Path) -> None:
    imported = move_to_imported(root, 112)
    dedup.run(root)
    manifest = read_manifest(root / catalog.MANIFEST).set_index("face_id")
    assert set(manifest.index) == set(faces.values())
    rows = manifest.loc[imported["face_id"]]
    assert (rows["detector"] == "import").all() and rows["p_face"].isna().all()
    assert rows["kept"].any()
    shutil.rmtree(root / catalog.FACES_DIR)
    (root / catalog.FACES_DIR).mkdir()
    dedup.run(root)
    assert set(read_manifest(root / catalog.MANIFEST)["face_id"]) == set(imported["face_id"])


def test_faces_of_two_sizes_are_refused(faces: dict[tuple[str, int], str], root: Path) -> None:
    move_to_imported(root, 96)
    with pytest.raises(
        UserError, match=r"faces of 112 px \(stage normalize\) and of 96 px \(stage import_faces\): all"
    ):
        dedup.run(root)


def test_no_faces_is_one_clear_line(root: Path) -> None:
    write_detections(root / catalog.DETECTIONS, [])
    normalize.run(root)
    with pytest.raises(UserError, match="no face was detected"):
        dedup.run(root)


def test_size_that_the_networks_cannot_generate_is_refused_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    edit(root / catalog.PARAMS, "size: 112", "size: 90")
    assert main(["normalize"]) == 2
    assert capsys.readouterr().err == (
        "mangagan: params.yaml: normalize.size must be 4, 5, 6 or 7 times a power of two "
        "(the networks double 4 to 7 px up to the face): 90 is not; nearest: 80, 96\n"
    )


def use_cascade(root: Path, model: str, sha256: str) -> None:
    own = f"{{model: '{model}', model_sha256: '{sha256}'}}"
    (root / "params.yaml").write_text(f"detect: {{detector: lbpcascade, lbpcascade: {own}}}\n")


def test_cascade_finds_squares_and_remembers_pages(tmp_path: Path) -> None:
    places = [[(100, 100, 40), (200, 250, 30)], [(60, 200, 50)], []]
    for number, squares in enumerate(places):
        path = tmp_path / catalog.SCREENSHOTS / "title" / f"{number}.png"
        write_png(path, draw_squares(squares))
    model = write_square_cascade(tmp_path / "squares.xml")
    use_cascade(tmp_path, model.name, sha256_file(model))
    ingest.run(tmp_path)
    detect.run(tmp_path)
    found = pd.read_parquet(tmp_path / catalog.DETECTIONS)
    middles = sorted((row.x + row.w / 2, row.y + row.h / 2) for row in found.itertuples())
    expected = [(85, 225), (120, 120), (215, 265)]
    assert np.abs(np.array(middles) - expected).max() <= 8  # [px]
    first = sha256_file(tmp_path / catalog.DETECTIONS)
    detect.run(tmp_path)
    usage = read_usage(tmp_path)["detect"]
    assert (usage.hits, usage.misses) == (4, 0)  # boxes and pictures; ingest rejects the black page
    assert damage_entries(tmp_path) >= 4
    detect.run(tmp_path)
    assert sha256_file(tmp_path / catalog.DETECTIONS) == first
    assert read_usage(tmp_path)["detect"].misses == 4


@needs_cascade
def test_cascade_finds_drawn_faces_and_remembers_pages(root: Path) -> None:
    use_cascade(root, str(CASCADE), sha256_file(CASCADE))
    detect.run(root)
    first = sha256_file(root / catalog.DETECTIONS)
    figures = json.loads((root / catalog.metrics_file("detect")).read_text())
    assert figures["faces"] >= 30
    damage_entries(root)
    detect.run(root)
    assert sha256_file(root / catalog.DETECTIONS) == first


@needs_cascade
def test_cascade_finds_as_many_faces_on_real_pages_as_its_author_would(tmp_path: Path) -> None:
    shutil.copytree(SHARED / "data" / "pages" / "haruko", tmp_path / catalog.SCREENSHOTS / "haruko")
    use_cascade(tmp_path, str(CASCADE), sha256_file(CASCADE))
    ingest.run(tmp_path)
    detect.run(tmp_path)
    # The reference: OpenCV called as in the cascade's README, on the same 12 pages.
    assert json.loads((tmp_path / catalog.metrics_file("detect")).read_text())["faces"] == 35


@pytest.mark.parametrize(
    ("model", "sha256", "message"),
    [
        ("", "", r"detect\.lbpcascade\.model is empty"),
        ("nowhere.xml", "0" * 64, "no file .*nowhere.xml"),
        ("model.xml", "0" * 64, "has SHA-256"),
        ("model.xml", "", "must be the file's SHA-256, [0-9a-f]{64} for"),
        ("http://127.0.0.1/model.xml", "0" * 64, "only https"),
        ("https://127.0.0.1:9/model.xml", "0" * 64, "could not download"),
        ("https://127.0.0.1:9/model.xml", "beef", "64 hex digits"),
    ],
)
def test_model_file_mistakes_are_one_clear_line(
    workspace: Path, tmp_path: Path, model: str, sha256: str, message: str
) -> None:
    (tmp_path / "model.xml").write_text("<opencv_storage/>")
    use_cascade(tmp_path, model, sha256)
    with pytest.raises(UserError, match=message):
        detect.run(tmp_path)


def test_a_file_that_is_no_cascade_is_one_clear_line(tmp_path: Path) -> None:
    model = tmp_path / "model.xml"
    model.write_text("<opencv_storage/>")
    use_cascade(tmp_path, "model.xml", sha256_file(model))
    with pytest.raises(UserError, match="is not an OpenCV cascade"):
        detect.run(tmp_path)


def test_default_settings_are_the_authors() -> None:
    settings = DetectParams().lbpcascade
    assert (settings.scale_factor, settings.min_neighbors, settings.min_size) == (1.1, 5, 24)
