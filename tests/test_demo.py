"""The workspace of `make demo`: it is created and updated, and files of the user are kept."""

import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows import demo
from mangagan.core.errors import UserError
from mangagan.core.files import write_json
from tests.installed import git
from tests.paths import PROJECT
from tests.test_init import FILES


def draw_nothing(folder: Path, **_: object) -> None:
    """Write the ground truth of no pages."""
    write_json(folder / "truth.json", {})


def test_the_demo_is_a_workspace_and_replaces_the_copy_of_the_code(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    for name in ("mangagan", "tasks", "flows"):
        (root / name).mkdir(parents=True)
    (root / "data").mkdir()
    (root / demo.GROUND_TRUTH).write_text("{}")
    shutil.copy(PROJECT / "dvc.yaml", root)
    (root / "params.yaml").write_text("train: {}\n")
    with pytest.raises(UserError, match="is not an empty folder"):
        demo.prepare(root)
    git(root, "init", "-q")
    subprocess.run([*demo.GIT, "commit", "--quiet", "--allow-empty", "-m", "Demo pipeline"], cwd=root, check=True)
    demo.prepare(root)
    git(root, "add", "--all")
    git(root, "commit", "-qm", "No copied code")
    assert FILES | {"data/truth.json", "demo.json"} == set(git(root, "ls-files").splitlines())
    params = YAML(typ="safe").load((root / "params.yaml").read_text())
    assert params["train"]["kimg"] == 8.0
    assert git(root, "status", "--short") == ""
    (root / "code.yaml").write_text("ingest: old\n")
    demo.prepare(root)  # the code has changed
    assert git(root, "status", "--short") == ""


def test_the_demo_changes_no_file_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mangagan.sample.manga.draw_manga", draw_nothing)
    root = tmp_path / "demo"
    demo.prepare(root)
    assert git(root, "status", "--short") == "" and git(root, "log", "--oneline").count("\n") == 1
    before = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(f"{before}# mine\n")
    demo.prepare(root)
    assert (root / "params.yaml").read_text() == f"{before}# mine\n"
    with pytest.raises(UserError, match="is not an empty folder"):
        demo.prepare(tmp_path)
    clone = tmp_path / "clone"  # after `mangagan sample data`
    for name in ("pyproject.toml", "params.yaml", "mangagan/cli.py", "data/truth.json"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("{}")
    with pytest.raises(UserError, match="holds source code"):
        demo.prepare(clone)
    assert (clone / "mangagan/cli.py").is_file() and (clone / "params.yaml").read_text() == "{}"
