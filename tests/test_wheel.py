"""The wheel of the package: its files of a workspace are those of the project, and `mangagan init` works from it."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from mangagan.workspace.dvc_yaml import TEMPLATE
from tests.installed import succeed
from tests.paths import PROJECT
from tests.project_clone import CODE_FOLDERS, FILES

BUILD_FILES = ("pyproject.toml", "README.md", "LICENSE", "prefect.yaml")


def test_a_workspace_of_the_wheel(tmp_path: Path) -> None:
    if int(version("setuptools").partition(".")[0]) < 77:
        pytest.skip("setuptools is older than 77")
    package = build_wheel(tmp_path)
    for file in TEMPLATE.iterdir():
        assert (package / "mangagan/workspace/template" / file.name).read_bytes() == file.read_bytes()
    folder = tmp_path / "workspaces"
    folder.mkdir()
    shown = "import mangagan; print(mangagan.__path__[0])"
    environment = {"PYTHONPATH": str(package)}
    ended = subprocess.run([sys.executable, "-c", shown], cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.stdout == f"{package / 'mangagan'}\n"
    succeed(folder, "mangagan", "init", "new", package=package)
    for name in ("params.yaml", "prefect.yaml", "data/overrides.csv"):
        assert (folder / "new" / name).read_bytes() == (PROJECT / name).read_bytes()
    assert "code.yaml: [train]" in (folder / "new/dvc.yaml").read_text()
    assert succeed(folder / "new", "mangagan", "upgrade", package=package).startswith("nothing to renew: ")


def build_wheel(folder: Path) -> Path:
    """Build a wheel from a copy of the project, and return the folder with its files."""
    source, package = folder / "source", folder / "package"
    for name in CODE_FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, source / name, symlinks=True, ignore=ignored)
    for name in (*FILES, *BUILD_FILES):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, source / name)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder / "wheels"), str(source)]
    subprocess.run(command, check=True)
    (wheel,) = (folder / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(package)
    return package
