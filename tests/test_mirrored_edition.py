"""A title that is there twice, original and mirrored: `mangagan dedup` and `mangagan evaluate` of a copier."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.images import encode_png
from mangagan.faces.table import decode_faces, read_faces, write_faces
from mangagan.networks.dcgan import Generator
from mangagan.networks.weights import save_generator
from mangagan.stages import evaluate
from tests.report_page import check_self_contained
from tests.test_leaked_faces import SIDE, copy_slightly_changed, draw, mirror

COUNT = 60
PARAMS = {
    "evaluate": {"samples": 80, "repeats": 2, "swd_patches": 4, "swd_directions": 8, "diversity_pairs": 40}
    | {"grid_columns": 4, "interpolations": 2, "neighbors": 2}
}


def write_title(root: Path, title: str, images: np.ndarray) -> None:
    """Write faces, each from a page of its own."""
    numbers = {column.name: 0 for column in catalog.FACE_COLUMNS if column.type in ("int32", "float64")}
    box = {"x": 100.0, "y": 100.0, "w": 80.0, "h": 80.0, "page_width": 500, "page_height": 500, "crop_margin": 0.2}
    ids = [f"{title}-{number}" for number in range(len(images))]
    rows = pd.DataFrame({"face_id": ids, "page_id": ids, "png": [encode_png(image[0]) for image in images]})
    texts = {"source": title, "detector": "mangaface", "detector_version": "1", "drop_reason": ""}
    rows = rows.assign(**{**numbers, **box, **texts, "title": title, "is_gray": True})
    rows["page_number"] = range(1, len(images) + 1)
    write_faces(root / catalog.FACES_DIR / f"{title}.parquet", rows, catalog.arrow_schema(catalog.FACE_COLUMNS))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory: both editions, and an untrained generator."""
    write_title(tmp_path, "original", draw(COUNT, 1))
    write_title(tmp_path, "mirrored", mirror(draw(COUNT, 1)))
    (tmp_path / catalog.OVERRIDES).write_text("face_id,action\n")
    generator = Generator(SIDE, 1, z_dim=8, base_channels=4)
    save_generator(generator, tmp_path / catalog.GENERATOR, tmp_path / catalog.MODEL_CARD, {})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def split_faces(root: Path, mirrored: str) -> tuple[np.ndarray, int]:
    """Run `mangagan dedup`; return the training faces and the number of hold-out faces."""
    sections = PARAMS | {"dedup": {"mirrored": mirrored, "holdout_share": 0.25}}
    (root / catalog.PARAMS).write_text(json.dumps(sections))
    assert main(["dedup"]) == 0
    train, holdout = (read_faces(root / path) for path in (catalog.TRAIN_FACES, catalog.HOLDOUT_FACES))
    assert len(train) + len(holdout) == 2 * COUNT
    return decode_faces(train["png"].tolist(), 1), len(holdout)


def evaluate_samples(root: Path, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Run `mangagan evaluate` on a generator that draws the samples; return its metrics."""

    def draw_samples(*_: object) -> Iterator[np.ndarray]:
        yield from samples[np.arange(80) % len(samples)]

    monkeypatch.setattr(evaluate, "iterate_images", draw_samples)
    assert main(["evaluate"]) == 0
    return json.loads((root / catalog.metrics_file("evaluate")).read_text())


def test_copier_is_detected_although_the_split_separates_mirrored_twins(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train, holdout = split_faces(root, "ignore")
    values = evaluate_samples(root, mirror(copy_slightly_changed(train)), monkeypatch)
    leaked = values["holdout_leaked"]
    assert values["holdout"] == holdout
    assert leaked > holdout / 2
    assert values["nearest_train"]["floor_count"] == holdout - leaked
    assert values["verdict"]["word"] == "copying"
    sentence = f"{leaked} of {holdout} hold-out faces have a near-duplicate among the training faces"
    assert sentence in capsys.readouterr().err
    page = (root / catalog.REPORT).read_text()
    assert f'<span data-key="evaluate.holdout_leaked">{leaked}</span>' in page
    assert "They are left out of the copy threshold" in page
    assert 'href="dedup/index.html"' in page

    quantiles = pd.read_csv(root / catalog.pictures_dir("evaluate") / "nearest.csv")["hold-out faces"]
    assert quantiles.min() == pytest.approx(values["nearest_train"]["floor_closest"], rel=1e-3)


def test_real_faces_are_no_copies_and_a_split_that_joins_twins_leaks_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, holdout = split_faces(root, "split")
    real = evaluate_samples(root, draw(40, 3), monkeypatch)
    assert (real["holdout_leaked"], real["nearest_train"]["floor_count"]) == (0, holdout)
    assert real["verdict"]["word"] not in ("copying", "overfitting")
    copier = evaluate_samples(root, copy_slightly_changed(train), monkeypatch)
    assert copier["verdict"]["word"] == "copying"
    page = (root / catalog.REPORT).read_text()
    assert "They are left out" not in page
    check_self_contained(page)
