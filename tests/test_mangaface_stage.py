"""The default detector in the stages detect, normalize and dedup, on the sample manga, which has known faces."""

import json
import shutil
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import save as pack

from mangagan.cli import main
from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.dataset.manifest import read_manifest
from mangagan.detection.backends.mangaface import MangaFace, MangaFaceParams
from mangagan.detection.registry import DetectParams, build_detector
from mangagan.detection.table import read_detections, write_detections
from mangagan.face_network.weights import WEIGHTS
from mangagan.face_quality.classifier import FaceQuality
from mangagan.faces.table import read_faces
from mangagan.pages.table import PageReader, list_kept, read_pages
from mangagan.sample.manga import draw_manga
from mangagan.stages import dedup, detect, ingest, normalize
from tests.cache_entries import read_usage
from tests.square_cascade import write_square_cascade

PROJECT = Path(__file__).parents[1]
NO_FACE, NOT_VISIBLE = "no face", "eyes not visible"


@pytest.fixture(scope="module")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run ingest and detect with the default parameters."""
    root = tmp_path_factory.mktemp("detected")
    draw_manga(root / "data", seed=5, pages_per_title=4)
    shutil.copy(PROJECT / "params.yaml", root)
    shutil.copy(PROJECT / "data" / "overrides.csv", root / "data")
    ingest.run(root)
    detect.run(root)
    return root


@pytest.fixture
def root(detected: Path, tmp_path: Path) -> Path:
    """Copy the workspace, so that a test can change it."""
    shutil.copytree(detected, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def pairs(detected: Path) -> pd.DataFrame:
    """Return the drawn faces, each with the matching detection (NaN if none)."""
    truth = json.loads((detected / "data" / "truth.json").read_text())["pages"]
    page_ids = read_pages(detected / catalog.PAGES_TABLE).set_index("source")["page_id"]
    found = read_detections(detected / catalog.DETECTIONS)
    rows: list[dict[str, Any]] = []
    for page in truth:
        here = found[found["page_id"] == page_ids.get(f"{page['title']}/{page['file']}")]
        for face in page["faces"]:
            matching = here[[compute_iou(face, box) >= 0.3 for box in here.to_dict("records")]]
            best = matching.nlargest(1, "score").to_dict("records")
            rows.append({"drawn_usable": face["usable"], **(best[0] if best else {"face_id": None, "usable": np.nan})})
    return pd.DataFrame(rows)


def compute_iou(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the intersection over union of two boxes x, y, w, h."""
    width = min(one["x"] + one["w"], other["x"] + other["w"]) - max(one["x"], other["x"])
    height = min(one["y"] + one["h"], other["y"] + other["h"]) - max(one["y"], other["y"])
    intersection = max(width, 0) * max(height, 0)
    return float(intersection / (one["w"] * one["h"] + other["w"] * other["h"] - intersection))


def change(root: Path, key: str, value: object) -> None:
    """Change one value of params.yaml; the key is as in `dvc exp run -S`."""
    yaml = YAML()
    document = yaml.load(root / "params.yaml")
    *sections, name = key.split(".")
    section = reduce(getitem, sections, document)
    assert name in section
    section[name] = value
    yaml.dump(document, root / "params.yaml")


def test_drawn_faces_are_found_with_few_false_positives(detected: Path, pairs: pd.DataFrame) -> None:
    detections = read_detections(detected / catalog.DETECTIONS)
    assert len(pairs) > 50
    assert pairs["face_id"].notna()[pairs["drawn_usable"]].mean() >= 0.8
    assert detections["face_id"].isin(pairs["face_id"]).mean() >= 0.6
    assert detections["score"].between(params.load("detect", DetectParams, detected).mangaface.threshold, 1).all()
    figures = json.loads((detected / catalog.metrics_file("detect")).read_text())
    assert figures["faces"] == len(detections) == sum(figures["faces_by_title"].values())


def test_usable_is_high_for_faces_with_both_eyes_visible(detected: Path, pairs: pd.DataFrame) -> None:
    detections = read_detections(detected / catalog.DETECTIONS)
    assert detections["usable"].between(0, 1).all()
    found = pairs[pairs["face_id"].notna()]
    assert (found["usable"] >= 0.3)[found["drawn_usable"]].mean() >= 0.8
    assert found["usable"][found["drawn_usable"]].mean() > found["usable"][~found["drawn_usable"]].mean()


def test_a_second_run_uses_the_cache(root: Path) -> None:
    before = sha256_file(root / catalog.DETECTIONS)
    pages = (read_pages(root / catalog.PAGES_TABLE)["reason"] == "").sum()
    detect.run(root)
    assert sha256_file(root / catalog.DETECTIONS) == before
    assert read_usage(root)["detect"].misses == 0
    change(root, "detect.mangaface.long_side", 840)  # other settings have other cache entries
    detect.run(root)
    assert read_usage(root)["detect"].misses == pages
    assert sha256_file(root / catalog.DETECTIONS) != before


def test_probabilities_are_carried_to_the_manifest_and_the_dataset(root: Path) -> None:
    change(root, "normalize.min_face", 0.0)
    change(root, "normalize.min_usable", 0.0)
    normalize.run(root)
    dedup.run(root)
    detections = read_detections(root / catalog.DETECTIONS).set_index("face_id")
    manifest = read_manifest(root / catalog.MANIFEST).set_index("face_id")
    assert sorted(manifest.index) == sorted(detections.index)
    assert (manifest["usable"] == detections["usable"].loc[manifest.index]).all()
    assert not {NO_FACE, NOT_VISIBLE} & set(manifest["drop_reason"])
    pages = read_pages(root / catalog.PAGES_TABLE)
    with PageReader(root / catalog.PAGES_DIR) as reader:
        decoded = {row["page_id"]: reader.load(row).decode().pixels for row in list_kept(pages)}
    quality = FaceQuality()
    for page_id, here in detections.groupby("page_id"):
        boxes, scores = here[list("xywh")].to_numpy(), here["score"].to_numpy()
        expected = quality.rate(decoded[page_id], boxes, scores, MangaFace.crop_margin)
        assert np.array_equal(manifest.loc[here.index, ["p_face", "p_usable"]].to_numpy(), expected)
    assert (manifest["p_usable"] <= manifest["p_face"]).all() and manifest["p_face"].between(0, 1).all()
    faces = read_faces(root / catalog.TRAIN_FACES).set_index("face_id")
    assert len(faces) > 0
    for column in ("usable", "p_face", "p_usable"):
        assert (faces[column] == manifest[column].loc[faces.index]).all()


def test_usable_of_the_detector_is_no_gate(root: Path) -> None:
    normalize.run(root)
    before = sha256_file(root / catalog.metrics_file("normalize"))
    detections = read_detections(root / catalog.DETECTIONS)
    write_detections(root / catalog.DETECTIONS, detections.assign(usable=0.0).to_dict("records"))
    normalize.run(root)
    assert sha256_file(root / catalog.metrics_file("normalize")) == before


def test_probabilities_separate_drawn_faces_from_false_positives(root: Path, pairs: pd.DataFrame) -> None:
    change(root, "normalize.min_size", 0.0)
    change(root, "normalize.max_pad", 1.0)
    normalize.run(root)
    dedup.run(root)
    manifest = read_manifest(root / catalog.MANIFEST).set_index("face_id")
    usable = pairs["face_id"][pairs["drawn_usable"] & pairs["face_id"].notna()]
    false_positives = manifest.index.difference(pairs["face_id"].dropna())
    assert (manifest.loc[usable, "drop_reason"].isin(["", "duplicate"])).mean() >= 0.8
    assert (manifest.loc[false_positives, "drop_reason"] == NO_FACE).mean() >= 0.5


def test_the_gates_reject_faces_below_the_thresholds(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(root, "normalize.min_face", 0.0)
    change(root, "normalize.min_usable", 0.0)
    normalize.run(root)
    dedup.run(root)
    free = read_manifest(root / catalog.MANIFEST)
    face_gate, usable_gate = float(free["p_face"].quantile(0.2)), float(free["p_usable"].median())
    change(root, "normalize.min_face", face_gate)
    change(root, "normalize.min_usable", usable_gate)
    normalize.run(root)
    dedup.run(root)
    manifest = read_manifest(root / catalog.MANIFEST)
    unmeasured = manifest["drop_reason"].isin(["too small", "cut off by the page edge"])
    no_face, not_visible = (manifest["drop_reason"] == reason for reason in (NO_FACE, NOT_VISIBLE))
    assert (no_face == (~unmeasured & (manifest["p_face"] < face_gate))).all()
    assert (not_visible == (~unmeasured & ~no_face & (manifest["p_usable"] < usable_gate))).all()
    assert no_face.any() and not_visible.any() and manifest["kept"].any()
    figures = json.loads((root / catalog.metrics_file("normalize")).read_text())
    assert figures["dropped_by_reason"][NO_FACE] == no_face.sum()
    assert figures["dropped_by_reason"][NOT_VISIBLE] == not_visible.sum()
    assert (figures["min_face"], figures["min_usable"]) == (face_gate, usable_gate)
    monkeypatch.chdir(root)
    assert main(["inspect"]) == 0
    shown = capsys.readouterr().out
    assert NO_FACE in shown and NOT_VISIBLE in shown


def without_column(path: Path, column: str) -> None:
    pq.write_table(pq.read_table(path).drop_columns(column), path)


def test_tables_of_earlier_versions_are_reported_in_one_line(root: Path) -> None:
    normalize.run(root)
    dedup.run(root)
    manifest = root / catalog.MANIFEST
    pd.read_csv(manifest).drop(columns="p_face").to_csv(manifest, index=False)
    with pytest.raises(UserError, match=r"manifest\.csv has no column p_face\. Run: dvc repro --force dedup"):
        read_manifest(manifest)
    for shard in (root / catalog.FACES_DIR).glob("*.parquet"):
        without_column(shard, "p_usable")
    with pytest.raises(UserError, match=r"has no column p_usable\. Run: dvc repro --force normalize"):
        dedup.run(root)
    without_column(root / catalog.DETECTIONS, "usable")
    with pytest.raises(UserError, match=r"has no column usable\. Run: dvc repro --force detect"):
        normalize.run(root)


def test_one_key_switches_the_detector(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sha256_file(root / catalog.DETECTIONS)
    model = write_square_cascade(root / "squares.xml")
    change(root, "detect.lbpcascade.model", model.name)
    change(root, "detect.lbpcascade.model_sha256", sha256_file(model))
    change(root, "detect.lbpcascade.min_neighbors", 200)  # the drawn pages have many bright areas
    change(root, "detect.lbpcascade.min_size", 100)
    change(root, "detect.detector", "lbpcascade")
    change(root, "normalize.min_face", 0.001)  # its hits are squares, not faces
    change(root, "normalize.min_usable", 0.0)
    scores: list[np.ndarray] = []
    rate = FaceQuality.rate

    def record(self: FaceQuality, page: np.ndarray, boxes: np.ndarray, given: np.ndarray, margin: float) -> np.ndarray:
        scores.append(given)
        return rate(self, page, boxes, given, margin)

    monkeypatch.setattr(FaceQuality, "rate", record)
    for stage in (detect, normalize, dedup):
        stage.run(root)
    manifest = read_manifest(root / catalog.MANIFEST)
    assert set(manifest["detector"]) == {"lbpcascade"}
    assert manifest["usable"].isna().all()
    assert manifest["usable"].dtype == np.float64
    assert np.isnan(np.concatenate(scores)).all() and len(np.concatenate(scores)) == len(manifest)
    assert manifest["p_face"].between(0, 1).all() and manifest["p_usable"].le(manifest["p_face"]).all()
    assert NOT_VISIBLE not in set(manifest["drop_reason"])
    change(root, "detect.detector", "mangaface")
    scores.clear()
    detect.run(root)
    assert sha256_file(root / catalog.DETECTIONS) == before
    normalize.run(root)
    assert sorted(np.concatenate(scores)) == sorted(read_detections(root / catalog.DETECTIONS)["score"])


def test_own_weights_are_named_by_path_and_hash(root: Path) -> None:
    found = read_detections(root / catalog.DETECTIONS)
    shutil.copy(WEIGHTS, root / "own.safetensors")
    use_weights(root, "own.safetensors", sha256_file(WEIGHTS))
    detect.run(root)
    again = read_detections(root / catalog.DETECTIONS)
    pd.testing.assert_frame_equal(again, found)


def use_weights(root: Path, model: str, sha256: str) -> None:
    (root / "params.yaml").write_text(f"detect: {{mangaface: {{model: '{model}', model_sha256: '{sha256}'}}}}\n")


def damaged_weights() -> dict[str, bytes]:
    """Return files that are not weights of this network."""
    whole = WEIGHTS.read_bytes()
    return {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "no JSON": b"\x08" + bytes(7) + b"\xff" * 64,
        "other network": pack({"weight": torch.zeros(3)}),
    }


@pytest.mark.parametrize("name", damaged_weights())
def test_damaged_weights_are_reported_in_one_line(tmp_path: Path, name: str) -> None:
    file = tmp_path / "damaged.safetensors"
    file.write_bytes(damaged_weights()[name])
    use_weights(tmp_path, file.name, sha256_file(file))
    with pytest.raises(
        UserError, match=r"does not contain weights of the detector mangaface \(.+\)\. Use the weights of"
    ) as caught:
        detect.run(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "sha256", "message"),
    [
        ("nowhere.safetensors", "0" * 64, r"detect\.mangaface\.model: no file .*nowhere\.safetensors"),
        ("own.safetensors", "0" * 64, r"has SHA-256 [0-9a-f]{64}, not detect\.mangaface\.model_sha256 0{64}"),
        ("own.safetensors", "", r"detect\.mangaface\.model_sha256 must be the file's SHA-256, [0-9a-f]{64} for"),
    ],
)
def test_wrong_weights_are_reported_in_one_line(tmp_path: Path, model: str, sha256: str, message: str) -> None:
    shutil.copy(WEIGHTS, tmp_path / "own.safetensors")
    use_weights(tmp_path, model, sha256)
    with pytest.raises(UserError, match=message):
        detect.run(tmp_path)


def test_missing_weights_of_the_package_are_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.safetensors not found\. .*docs/detection\.md"):
        MangaFace(MangaFaceParams(), tmp_path / "gone.safetensors")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"detect\.mangaface\.device is cuda, but there is no GPU"):
        build_detector(DetectParams(mangaface=MangaFaceParams(device="cuda")), tmp_path)
