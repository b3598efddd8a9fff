from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mangagan.core import params
from mangagan.core.errors import UserError
from mangagan.detection.registry import DetectParams
from mangagan.gan.config import TrainConfig
from mangagan.stages.dedup import DedupParams
from mangagan.stages.evaluate import EvaluateParams
from mangagan.stages.ingest import IngestParams
from mangagan.stages.normalize import NormalizeParams

PROJECT = Path(__file__).parents[1]
CLASSES = {
    "ingest": IngestParams,
    "detect": DetectParams,
    "normalize": NormalizeParams,
    "dedup": DedupParams,
    "train": TrainConfig,
    "evaluate": EvaluateParams,
}


@dataclass(frozen=True)
class Nested:
    depth: int = 1


@dataclass(frozen=True)
class Example:
    count: int = 3
    share: float = 0.5
    scales: tuple[int, ...] = (1, 2)
    nested: Nested = Nested()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("count must be at least 1")


def load(tmp_path: Path, text: str) -> Example:
    (tmp_path / "params.yaml").write_text(text)
    return params.load("train", Example, tmp_path)


def test_values_and_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "train:\n  share: 1e-05\n").share == 1e-5  # a string in YAML 1.1
    found = load(tmp_path, "train:\n  share: 1\n  scales: [4]\n  nested: {depth: 7}\n")
    assert found == Example(3, 1.0, (4,), Nested(7))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("train: {cuont: 3}", ["train.cuont", "not a known key", "did you mean count?"]),
        ("train: {count: '3'}", ["train.count", "valid integer", "'3'"]),
        ("train: {count: 2.5}", ["train.count", "2.5"]),
        ("train: {count: true}", ["train.count"]),
        ("train: {share: high}", ["train.share", "'high'"]),
        ("train: {nested: {deep: 1}}", ["train.nested.deep is not a known key", "did you mean depth?"]),
        ("train: {count: 0}", ["count must be at least 1"]),
        ("trian: {count: 3}", ["trian is not a known section", "did you mean train?"]),
        ("train: [3]", ["train must hold keys and values", "list"]),
        ("train: {count: [", ["not valid YAML"]),
        ("train: {share: .inf}", ["train", "finite"]),
        ("train: {count: 2020-01-01}", ["train.count", "2020-01-01"]),
        ("- 1", ["must hold the sections"]),
    ],
)
def test_mistakes_name_the_key(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_missing_file_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run this in the folder"):
        params.load("train", Example, tmp_path)


@pytest.mark.parametrize("section", params.SECTIONS)
def test_shipped_file_names_every_key_with_its_default(section: str) -> None:
    written = params.read_sections(PROJECT / "params.yaml")[section]
    found = params.load(section, CLASSES[section], PROJECT)
    check_all_keys(written, found)
    if section == "detect":  # the place and hash of the cascade's file have no default
        own = found.lbpcascade
        found = replace(found, lbpcascade=replace(own, model="", model_sha256=""))
    assert found == CLASSES[section]()


def check_all_keys(written: dict[str, Any], found: Any) -> None:
    """The file names each field of the dataclass and of those within it."""
    assert set(written) == {field.name for field in fields(found)}
    for name in written:
        if is_dataclass(getattr(found, name)):
            check_all_keys(written[name], getattr(found, name))


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("ingest", "min_side: 0"),
        ("detect", "lbpcascade: {scale_factor: 1.0}"),
        ("detect", "lbpcascade: {min_neighbors: 0}"),
        ("detect", "detector: yolo"),
        ("detect", "mangaface: {threshold: 0}"),
        ("detect", "mangaface: {long_side: 32}"),
        ("detect", "mangaface: {scales: []}"),
        ("detect", "mangaface: {device: gpu}"),
        ("normalize", "size: 8"),
        ("normalize", "margin: -0.5"),
        ("normalize", "max_pad: 1.5"),
        ("normalize", "min_usable: 30"),
        ("normalize", "min_sharpness: -1"),
        ("dedup", "holdout_share: 1.0"),
        ("dedup", "max_distance: 65"),
    ],
)
def test_values_out_of_range_are_refused(tmp_path: Path, section: str, values: str) -> None:
    (tmp_path / "params.yaml").write_text(f"{section}: {{{values}}}")
    with pytest.raises(UserError, match=r"must (not )?be"):
        params.load(section, CLASSES[section], tmp_path)
