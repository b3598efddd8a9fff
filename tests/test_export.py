"""`mangagan export`: PNG files, metadata and dataset card, also as Hugging Face's `datasets` reads them."""

import csv
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.images import encode_png
from mangagan.dataset.card import find_size_category
from mangagan.faces.table import write_faces

SCHEMA = catalog.arrow_schema(catalog.DATASET_COLUMNS)
TITLE = 'a, "b" | `c` 日本'
COLUMNS = catalog.column_names(catalog.DATASET_COLUMNS)


def make_faces(count: int, seed: int, **changes: object) -> pd.DataFrame:
    """Return faces with all columns of the dataset, in gray."""
    rng = np.random.default_rng(seed)
    numbers = {column.name: 1 for column in catalog.DATASET_COLUMNS if column.type == "int32"}
    floats = {column.name: 0.5 for column in catalog.DATASET_COLUMNS if column.type == "float64"}
    texts = {column.name: f"{column.name} x" for column in catalog.DATASET_COLUMNS if column.type == "string"}
    ids = [f"{seed}f{number:014x}" for number in range(count)]
    pngs = [encode_png(rng.integers(0, 256, (28, 28), np.uint8)) for _ in ids]
    rows = pd.DataFrame({"face_id": ids, "png": pngs})
    values = {**numbers, **floats, **texts, "is_gray": True, **changes}
    return rows.assign(**{name: value for name, value in values.items() if name not in rows})


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory with a dataset. The hold-out faces were imported: they have no probabilities."""
    write_faces(tmp_path / catalog.TRAIN_FACES, make_faces(5, 1, title=TITLE, detector="mangaface"), SCHEMA)
    unknown = {"score": np.nan, "usable": np.nan, "p_face": np.nan, "p_usable": np.nan}
    write_faces(tmp_path / catalog.HOLDOUT_FACES, make_faces(3, 2, title="01", detector="import", **unknown), SCHEMA)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_metadata(folder: Path, split: str) -> list[dict[str, str]]:
    with (folder / split / "metadata.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_card(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the metadata and the text of README.md."""
    _, head, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), text


def test_layout_of_an_image_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "out"]) == 0
    assert capsys.readouterr().out == "8 faces in out\n"
    assert sorted(path.name for path in (root / "out").iterdir()) == ["README.md", "test", "train"]
    for split, seed, count in (("train", 1, 5), ("test", 2, 3)):
        rows = read_metadata(root / "out", split)
        assert list(rows[0]) == ["file_name", *COLUMNS]
        faces = make_faces(count, seed)
        assert [row["file_name"] for row in rows] == [f"{face}.png" for face in faces["face_id"]]
        assert [(root / "out" / split / row["file_name"]).read_bytes() for row in rows] == faces["png"].tolist()
        files = {path.name for path in (root / "out" / split).iterdir()}
        assert files == {"metadata.csv", *(row["file_name"] for row in rows)}
    assert {row["title"] for row in read_metadata(root / "out", "train")} == {TITLE}
    assert {row[name] for row in read_metadata(root / "out", "test") for name in ("p_face", "score")} == {""}


def test_card_describes_files_columns_and_rights(root: Path) -> None:
    main(["export", "out"])
    metadata, text = read_card(root / "out")
    files = metadata["configs"][0]["data_files"]
    assert [(entry["split"], entry["path"]) for entry in files] == [("train", "train/**"), ("test", "test/**")]
    assert metadata["task_categories"] == ["unconditional-image-generation"]
    assert metadata["size_categories"] == ["n<1K"]
    info = metadata["dataset_info"]
    assert {split["name"]: split["num_examples"] for split in info["splits"]} == {"train": 5, "test": 3}
    types = {feature["name"]: feature["dtype"] for feature in info["features"]}
    assert types == {"image": "image"} | {column.name: column.type for column in catalog.DATASET_COLUMNS}
    assert "license" not in metadata
    assert "stay with the owners of the pages" in text and "Do not publish" in text
    for column in catalog.DATASET_COLUMNS:
        assert f"| `{column.name}` | {column.type} | {column.about} |" in text
    assert "- 5 faces were found on pages by the detector `mangaface` (version `detector_version x`)." in text
    assert "- 3 faces were imported as crops that already existed." in text
    assert "8 square faces of 2 titles, 28 px" in text


def test_split_without_faces_is_left_out_and_a_dataset_without_faces_is_an_error(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_faces(root / catalog.HOLDOUT_FACES, make_faces(1, 2)[:0], SCHEMA)
    assert main(["export", "out"]) == 0
    assert not (root / "out/test").exists()
    assert [entry["split"] for entry in read_card(root / "out")[0]["configs"][0]["data_files"]] == ["train"]
    write_faces(root / catalog.TRAIN_FACES, make_faces(1, 1)[:0], SCHEMA)
    capsys.readouterr()
    assert main(["export", "again"]) == 2
    assert "holds no face. Add pages and run: dvc repro dedup" in capsys.readouterr().err
    assert not (root / "again").exists()


def test_a_folder_with_files_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "data"]) == 2
    assert "data is not an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "category"), [(1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (20_000, "10K<n<100K"), (10**6, "1M<n<10M")]
)
def test_size_category(count: int, category: str) -> None:
    assert find_size_category(count) == category


@pytest.mark.skipif(not importlib.util.find_spec("datasets"), reason="Hugging Face datasets is not installed")
@pytest.mark.parametrize("way", ["card", "imagefolder"])
def test_datasets_reads_the_export(root: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    from datasets.info import DatasetInfosDict

    main(["export", "out"])
    features = DatasetInfosDict.from_directory("out")["default"].features
    arguments = {"path": "out"} if way == "card" else {"path": "imagefolder", "data_dir": "out"}
    loaded = datasets.load_dataset(**arguments, features=features, cache_dir=str(root / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 5, "test": 3}
    face = loaded["test"][0]
    assert face["image"].size == (28, 28)
    assert (face["title"], face["p_face"], face["page_number"], face["is_gray"]) == ("01", None, 1, True)
    assert loaded["train"][0]["title"] == TITLE
    assert str(loaded["train"].features["page_number"]) == "Value('int32')"
