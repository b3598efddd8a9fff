"""params.yaml: values, defaults, mistakes, and settings that depend on one another."""

import importlib
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mangagan.commands.stages import PARAMS_CLASSES
from mangagan.core import params
from mangagan.core.errors import UserError
from mangagan.core.image_size import factor_size, find_nearest_sizes, is_valid_size
from mangagan.core.machine import MachineParams, load_machine

PROJECT = Path(__file__).parents[1]


class Loaded(Exception):
    """Carries the dataclass that a stage loads."""


@cache
def params_class(stage: str) -> Any:
    """Return the dataclass of a section: `run` of a stage loads it before anything else."""
    if stage == "machine":
        return MachineParams

    def load(section: str, cls: type, root: Path = Path()) -> Any:
        if section == "machine":
            return MachineParams()
        assert section == stage
        raise Loaded(cls)

    module = importlib.import_module(f"mangagan.stages.{stage}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(params, "load", load)
        with pytest.raises(Loaded) as caught:
            module.run()
    return caught.value.args[0]


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
    with pytest.raises(UserError, match=r"not found\. Run this in the folder"):
        params.load("train", Example, tmp_path)


def test_a_workspace_without_the_section_machine_gets_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("ingest: {}\n")
    assert load_machine(tmp_path) == MachineParams()
    (tmp_path / "params.yaml").write_text("machine: {executor: processes, workers: 3}\n")
    assert load_machine(tmp_path) == MachineParams(executor="processes", workers=3)
    (tmp_path / "params.yaml").write_text("machine: {executer: dask}\n")
    with pytest.raises(UserError, match=r"^params\.yaml: machine\.executer is not a known key; did you mean executor"):
        load_machine(tmp_path)


def test_scan_checks_every_section() -> None:
    assert list(PARAMS_CLASSES) == list(params.SECTIONS)
    for section, name in PARAMS_CLASSES.items():
        assert name == f"{params_class(section).__module__}.{params_class(section).__name__}"


@pytest.mark.parametrize("section", params.SECTIONS)
def test_shipped_file_names_every_key_with_its_default(section: str) -> None:
    written = params.read_sections(PROJECT / "params.yaml")[section]
    cls = params_class(section)
    found = params.load(section, cls, PROJECT)
    check_all_keys(written, found)
    if section == "detect":  # the URL and hash of the cascade have no default
        own = found.lbpcascade
        found = replace(found, lbpcascade=replace(own, model="", model_sha256=""))
    assert found == cls()


def check_all_keys(written: dict[str, Any], found: Any) -> None:
    """Assert that the file names each field of the dataclass and of the dataclasses within it."""
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
        ("normalize", "keep: most"),
        ("normalize", "keep: null"),
        ("normalize", "min_face: -0.1"),
        ("normalize", "min_usable: 30"),
        ("normalize", "min_sharpness: -1"),
        ("dedup", "holdout_share: 1.0"),
        ("dedup", "min_similarity: 1.5"),
        ("dedup", "mirrored: join"),
        ("machine", "executor: cluster"),
        ("machine", "workers: -1"),
        ("machine", "scheduler: 'localhost'"),
        ("machine", "files: copied"),
        ("machine", "cache_gb: -1"),
    ],
)
def test_values_out_of_range_are_refused(tmp_path: Path, section: str, values: str) -> None:
    (tmp_path / "params.yaml").write_text(f"{section}: {{{values}}}")
    with pytest.raises(UserError, match=rf"^params\.yaml: {section}\.{values.partition(':')[0]}.* must (not )?be"):
        params.load(section, params_class(section), tmp_path)


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        (90, "80, 96"),  # the size of the author of 2016
        (100, "96, 112"),
        (17, "16, 20"),
        (500, "448, 512"),
    ],
)
def test_size_that_the_networks_cannot_generate_is_refused(tmp_path: Path, size: int, nearest: str) -> None:
    (tmp_path / "params.yaml").write_text(f"normalize: {{size: {size}}}")
    with pytest.raises(UserError) as caught:
        params.load("normalize", params_class("normalize"), tmp_path)
    assert str(caught.value) == (
        "params.yaml: normalize.size must be 4, 5, 6 or 7 times a power of two "
        f"(the networks double 4 to 7 px up to the face): {size} is not; nearest: {nearest}"
    )


def test_sizes_that_the_networks_can_generate() -> None:
    sizes = [size for size in range(1, 130) if is_valid_size(size)]
    assert sizes == [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128]
    assert all(base * 2**doublings == size for size in sizes for base, doublings in [factor_size(size)])
    assert find_nearest_sizes(90, 16, 512) == [80, 96]
    assert find_nearest_sizes(9, 16, 512) == [16]
    assert find_nearest_sizes(600, 16, 512) == [512]
