"""Cached detections: keys and files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mangagan.detection.stored_pages import make_cache_key

PROJECT = Path(__file__).parents[1]
BACKENDS = "mangagan.detection.backends"
CODE = f"""
from mangagan.detection.stored_pages import make_cache_key
print(*(make_cache_key("{BACKENDS}." + module, "name", "1") for module in ("mangaface", "onnx_yolo", "lbpcascade")))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the code into a folder with "train" in its path."""
    folder = tmp_path_factory.mktemp("training") / "train"
    shutil.copytree(PROJECT / "mangagan", folder / "mangagan", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def read_keys(project: Path) -> dict[str, str]:
    """Return the key of each backend, from the code of the project."""
    command = [sys.executable, "-c", CODE]
    keys = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(("mangaface", "onnx", "lbpcascade"), keys, strict=True))


@pytest.fixture(scope="module")
def keys(project: Path) -> dict[str, str]:
    return read_keys(project)


def test_keys_depend_on_the_code_only_and_not_on_its_folder(keys: dict[str, str]) -> None:
    assert read_keys(PROJECT) == keys
    assert len(set(keys.values())) == 3


@pytest.mark.parametrize(
    ("file", "invalidated"),
    [
        ("detection/backends/onnx_yolo.py", {"onnx"}),
        ("detection/backends/mangaface.py", {"mangaface"}),
        ("detection/backends/lbpcascade.py", {"lbpcascade"}),
        ("detection/strips.py", {"mangaface", "onnx"}),
        ("detection/overlap.py", {"mangaface", "onnx"}),
        ("detection/types.py", {"mangaface", "onnx", "lbpcascade"}),
        ("face_network/network.py", {"mangaface"}),
        ("face_network/mangaface.safetensors", {"mangaface"}),
        ("detection/registry.py", set()),
        ("detector_training/loop.py", set()),
        ("pages/decode.py", set()),
    ],
)
def test_an_edit_invalidates_the_detectors_that_import_the_file(
    project: Path, keys: dict[str, str], file: str, invalidated: set[str]
) -> None:
    path = project / "mangagan" / file
    content = path.read_bytes()
    path.write_bytes(content + b"\nEDITED = True\n")
    try:
        changed = read_keys(project)
    finally:
        path.write_bytes(content)
    assert {name for name in keys if changed[name] != keys[name]} == invalidated


def test_name_and_version_are_part_of_the_key() -> None:
    module = f"{BACKENDS}.lbpcascade"
    assert len({make_cache_key(module, *names) for names in (("a", "1"), ("a", "2"), ("b", "1"))}) == 3
