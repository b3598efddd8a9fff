"""The stage evaluate on a small trained generator: outs, and messages for missing or wrong inputs."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes, sha256_file, write_json
from mangagan.core.images import encode_png
from mangagan.dataset.manifest import COLUMNS, write_manifest
from mangagan.faces.table import write_faces
from mangagan.networks.sampling import draw_latents, generate_images
from mangagan.networks.weights import load_generator
from mangagan.pictures.grid import draw_grid
from mangagan.stages import evaluate, train
from tests.test_metrics import draw_faces
from tests.test_report import NASTY, Page, check_self_contained, check_traceable

OUTS = (catalog.pictures_dir("evaluate"), catalog.REPORT, catalog.metrics_file("evaluate"))
PICTURES = {"real_grid", "fake_grid", "best", "typical", "worst", "timeline", "interpolation", "suspicious", "first"}
PLACE = {"x": 10.0, "y": 10.0, "w": 20.0, "h": 20.0, "crop_margin": 0.2, "page_width": 100.0, "page_height": 100.0}
SCHEMA = pa.schema(
    [("face_id", pa.string()), ("title", pa.string()), ("is_gray", pa.bool_())]
    + [(name, pa.float64()) for name in PLACE]
)
SIDE = 28
PARAMS = {
    "train": {"kimg": 0.1, "log_kimg": 0.03, "snapshot_kimg": 1, "base_channels": 4, "z_dim": 8, "batch_size": 8}
    | {"device": "cpu", "threads": 1},
    "evaluate": {"samples": 40, "repeats": 2, "swd_patches": 4, "swd_directions": 8, "diversity_pairs": 10}
    | {"grid_columns": 4, "interpolations": 2, "neighbors": 3},
}


def write_split(root: Path, path: Path, images: np.ndarray) -> pd.DataFrame:
    """Write one table of the dataset; return its rows."""
    pngs = [encode_png(image.transpose(1, 2, 0)) for image in images]
    rows = pd.DataFrame({"face_id": [sha256_bytes(png)[:16] for png in pngs], "png": pngs})
    rows = rows.assign(title=NASTY, is_gray=images.shape[1] == 1, **PLACE)
    write_faces(root / path, rows, SCHEMA)
    return rows


def write_dataset(root: Path, holdout: int = 12, channels: int = 1) -> None:
    """Write faces of one title, and a manifest that also has dropped faces."""
    kept = write_split(root, catalog.TRAIN_FACES, draw_faces(30, 1, SIDE, channels)).assign(kept=True, split="train")
    write_split(root, catalog.HOLDOUT_FACES, draw_faces(holdout, 2, SIDE, channels))
    dropped = kept.head(5).assign(kept=False, split="", drop_reason="blurred")
    rows = pd.concat([kept.assign(drop_reason=""), dropped]).assign(page_id="p", page_number=1)
    write_manifest(root / catalog.MANIFEST, rows.reindex(columns=COLUMNS))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with everything that the report reads of earlier stages."""
    root = tmp_path_factory.mktemp("workspace")
    (root / catalog.PARAMS).write_text(json.dumps(PARAMS))
    write_dataset(root)
    write_json(root / catalog.metrics_file("ingest"), {"pages": 21, "pages_by_title": {NASTY: 20, "without faces": 1}})
    sheet = root / catalog.pictures_dir("normalize") / "kept.png"
    sheet.parent.mkdir(parents=True)
    sheet.write_bytes(encode_png(np.zeros((40, 40, 3), np.uint8)))
    train.run(root)
    return root


@pytest.fixture
def workspace(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "workspace"))


def contents(root: Path) -> dict[str, bytes]:
    """Return the content of every out of the stage, by path."""
    files = [path for out in OUTS for path in ([root / out] if (root / out).is_file() else (root / out).rglob("*"))]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def measured(root: Path) -> dict[str, object]:
    return json.loads((root / catalog.metrics_file("evaluate")).read_text())


def set_params(root: Path, **changes: object) -> None:
    (root / catalog.PARAMS).write_text(json.dumps({**PARAMS, "evaluate": {**PARAMS["evaluate"], **changes}}))


def test_outs_are_complete_and_byte_identical(workspace: Path) -> None:
    before = {path for path in workspace.rglob("*") if path.is_file()}
    evaluate.run(workspace)
    first = contents(workspace)
    assert {path for path in workspace.rglob("*") if path.is_file()} - before == {workspace / name for name in first}
    assert {Path(name).stem for name in first if name.endswith(".png")} == PICTURES
    evaluate.run(workspace)
    assert contents(workspace) == first
    assert not any(str(workspace).encode() in data for data in first.values())

    values = measured(workspace)
    assert (values["samples"], values["train"], values["holdout"]) == (40, 30, 12)
    assert values["model_sha256"] == sha256_file(workspace / catalog.GENERATOR)
    for name in ("swd", "diversity", "nearest_train", "face_share", "symmetry"):
        assert values[name]["value"] is not None
        assert values[name]["floor"] > 0
        assert values[name]["reason"] == ""
    for name in ("kernel_distance", "frechet", "coverage", "vendi", "ct"):
        assert set(values[name]) == set(values["extractors"]) == {"random", "mangaface", "efficientnet"}
        assert values[name]["random"]["value"] is not None
    # After a training of a hundred images nothing else is possible.
    assert values["verdict"]["word"] in ("collapsed", "undertrained")


def test_page_is_self_contained_escaped_and_traceable(workspace: Path) -> None:
    evaluate.run(workspace)
    text = (workspace / catalog.REPORT).read_text()
    check_self_contained(text)
    metrics = {
        stage: json.loads((workspace / catalog.metrics_file(stage)).read_text()) for stage in ("ingest", "evaluate")
    }
    check_traceable(text, metrics)
    shown = {key for key, _ in Page(text).values}
    assert {"evaluate.swd.value", "evaluate.diversity.floor", "evaluate.nearest_train.value", "ingest.pages"} <= shown
    assert "alert(&#34;x&#34;)" in text
    assert "without faces" in text
    assert "blurred" in text
    assert "normalize: kept" in text


def test_pictures_show_the_generators_images(workspace: Path) -> None:
    evaluate.run(workspace)
    generator = load_generator(workspace / catalog.GENERATOR, workspace / catalog.MODEL_CARD)
    images = generate_images(generator, draw_latents(16, generator.z_dim, 0))
    folder = workspace / catalog.pictures_dir("evaluate")
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "fake_grid.png")), draw_grid(images, 4)[:, :, 0])
    walks = np.asarray(Image.open(folder / "interpolation.png"))
    assert walks.shape == (2 * (SIDE + 2) - 2, 8 * (SIDE + 2) - 2)
    np.testing.assert_array_equal(walks[:SIDE, :SIDE], images[0, 0])
    np.testing.assert_array_equal(walks[-SIDE:, -SIDE:], images[3, 0])
    with (folder / "nearest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[25]["samples"]) == measured(workspace)["nearest_train"]["value"]
    assert float(rows[0]["samples"]) == measured(workspace)["nearest_train"]["closest"]


def test_copies_of_the_training_set_are_detected(workspace: Path) -> None:
    generator = load_generator(workspace / catalog.GENERATOR, workspace / catalog.MODEL_CARD)
    images = generate_images(generator, draw_latents(40, generator.z_dim, 0))
    write_split(workspace, catalog.TRAIN_FACES, images[..., ::-1])
    evaluate.run(workspace)
    assert measured(workspace)["nearest_train"]["value"] < 1e-3
    assert "The dataset has changed since the model was trained" in (workspace / catalog.REPORT).read_text()


@pytest.mark.parametrize("holdout", [0, 1, 5])
def test_few_holdout_faces(workspace: Path, holdout: int, capsys: pytest.CaptureFixture[str]) -> None:
    write_dataset(workspace, holdout)
    evaluate.run(workspace)
    values = measured(workspace)
    assert values["swd"]["value"] is None
    assert f"swd: {holdout} hold-out faces, at least 10 needed" in capsys.readouterr().err
    assert f"{holdout} hold-out faces" in (workspace / catalog.REPORT).read_text()
    shown = f'<span data-key="evaluate.holdout">{holdout}</span> faces: all metrics are rough estimates'
    assert shown in (workspace / catalog.REPORT).read_text()


def test_colour_and_few_samples(workspace: Path) -> None:
    write_dataset(workspace, channels=3)
    train.run(workspace)
    set_params(workspace, samples=3)
    evaluate.run(workspace)
    assert "Raise evaluate.samples" in measured(workspace)["swd"]["reason"]
    assert Image.open(workspace / catalog.pictures_dir("evaluate") / "suspicious.png").mode == "RGB"


def test_works_where_earlier_stages_left_neither_metrics_nor_pictures(workspace: Path) -> None:
    shutil.rmtree(workspace / "metrics")
    shutil.rmtree(workspace / "reports")
    evaluate.run(workspace)
    text = (workspace / catalog.REPORT).read_text()
    check_self_contained(text)
    assert "curves.csv is missing" in text


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (catalog.GENERATOR, "dvc repro train"),
        (catalog.MODEL_CARD, "dvc repro train"),
        (catalog.TRAIN_FACES, r"train\.parquet not found\. Run: dvc repro dedup"),
        (catalog.HOLDOUT_FACES, r"holdout\.parquet not found\. Run: dvc repro dedup"),
        (catalog.MANIFEST, r"manifest\.csv not found\. Run: dvc repro dedup"),
    ],
)
def test_missing_inputs_are_one_line_before_anything_is_measured(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, missing: Path, message: str
) -> None:
    forbid_measuring(monkeypatch)
    (workspace / missing).unlink()
    with pytest.raises(UserError, match=message) as error:
        evaluate.run(workspace)
    assert "\n" not in str(error.value)
    assert not (workspace / catalog.REPORT).exists()


def forbid_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if the stage draws a sample."""
    monkeypatch.setattr(evaluate, "iterate_images", lambda *_: pytest.fail("a sample was drawn"))


def test_mistakes_are_one_line_before_anything_is_measured(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_measuring(monkeypatch)
    write_split(workspace, catalog.HOLDOUT_FACES, draw_faces(3, 1, 56))
    with pytest.raises(UserError, match="holds faces of 56 px, the model draws 28 px"):
        evaluate.run(workspace)
    write_split(workspace, catalog.TRAIN_FACES, draw_faces(0, 1, SIDE))
    write_split(workspace, catalog.HOLDOUT_FACES, draw_faces(3, 1, SIDE))
    with pytest.raises(UserError, match="holds no face"):
        evaluate.run(workspace)
    set_params(workspace, samples="many")
    with pytest.raises(UserError, match=r"evaluate\.samples"):
        evaluate.run(workspace)
    write_dataset(workspace)
    set_params(workspace)
    (workspace / catalog.metrics_file("ingest")).write_text("{")
    with pytest.raises(UserError, match=r"ingest\.json is not valid JSON"):
        evaluate.run(workspace)
