"""`mangagan init`: one installation, many workspaces."""

import errno
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.workspace import create, dvc_yaml
from mangagan.workspace.create import create_workspace
from tests.import_files import write_crops
from tests.installed import git, list_run, make_manga_workspace, run, succeed
from tests.paths import PROJECT

FILES = {
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
    "code.yaml",
    "data/faces_import/.gitignore",
    "data/overrides.csv",
    "data/screenshots/.gitignore",
    "dvc.yaml",
    "params.yaml",
    "prefect.yaml",
}
DATA_STAGES = ["ingest", "detect", "normalize", "import_faces", "dedup"]


@pytest.fixture(scope="module")
def manga(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace, in a folder with a space in its name, after the first `dvc repro dedup`."""
    return make_manga_workspace(tmp_path_factory.mktemp("workspaces") / "my manga")


def refuse(folder: Path, *command: str, **variables: str) -> str:
    """Run a command that must fail with one line, and return the line."""
    ended = run(folder, "mangagan", *command, **variables)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert ended.stderr.startswith("mangagan: ") and ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def tracked(root: Path) -> set[str]:
    git(root, "add", "--all", ".")
    return set(git(root, "ls-files").splitlines())


def test_init_makes_a_workspace_and_says_what_to_do(tmp_path: Path) -> None:
    shown = succeed(tmp_path, "mangagan", "init", "new/my manga")
    assert "new/my manga/data/screenshots/<title>" in shown and "    cd 'new/my manga'\n    dvc repro" in shown
    root = tmp_path / "new/my manga"
    assert tracked(root) == FILES
    assert (root / "params.yaml").read_bytes() == (PROJECT / "params.yaml").read_bytes()
    assert (root / "prefect.yaml").read_bytes() == (PROJECT / "prefect.yaml").read_bytes()
    assert "analytics = false" in (root / ".dvc/config").read_text()


def test_repro_runs_the_installed_code_and_leaves_nothing_untracked_in_git(manga: Path) -> None:
    shown = succeed(manga, "dvc", "repro", "dedup")
    assert list_run(shown) == []
    assert (manga / catalog.MANIFEST).is_file() and (manga / catalog.GALLERY).is_file()
    extra = tracked(manga) - FILES
    assert {path for path in extra if not path.endswith(".gitignore")} == {
        "data/truth.json",
        "dvc.lock",
        *(str(catalog.metrics_file(stage)) for stage in DATA_STAGES),
    }


def test_dvc_yaml_is_that_of_the_project_with_hashes_in_place_of_source_folders() -> None:
    text = dvc_yaml.generate_dvc_yaml()
    yaml = YAML(typ="safe")
    ours, theirs = yaml.load((PROJECT / "dvc.yaml").read_text()), yaml.load(text)
    for stage in catalog.STAGES:
        assert theirs["stages"][stage]["params"].pop() == {"code.yaml": [stage]}
        code = [dep for dep in ours["stages"][stage]["deps"] if dep.startswith("mangagan/")]
        ours["stages"][stage]["deps"] = [dep for dep in ours["stages"][stage]["deps"] if dep not in code]
    assert theirs == ours
    assert not [line for line in text.splitlines() if "- mangagan/" in line]
    assert dvc_yaml.list_later_stages(theirs["stages"], ["normalize"]) == ["dedup", "train", "evaluate"]


def test_comments_and_a_stage_without_other_deps_are_converted() -> None:
    source = """\
stages:
  # About a.
  a:
    cmd: a  # a comment
    deps: [mangagan/a.py]
    outs: [x]

plots:
  - one: {x: 1,
      y: 2}
"""
    assert dvc_yaml.replace_code_deps(source) == source.replace(
        "deps: [mangagan/a.py]", "params: [code.yaml: [a]]"
    ).replace("    params: [code.yaml: [a]]\n    outs: [x]\n", "    outs: [x]\n    params:\n      - {code.yaml: [a]}\n")


def test_ignored_files_are_those_of_the_project() -> None:
    for name in (".gitignore", ".dvcignore"):
        lines = (dvc_yaml.TEMPLATE / f"workspace{name}").read_text().splitlines()
        ours = (PROJECT / name).read_text().splitlines()
        assert [line for line in lines if not line.startswith("#") and line not in ours] == []


def test_two_workspaces_do_not_affect_each_other(manga: Path) -> None:
    before = (manga / "dvc.lock").read_bytes()
    other = manga.parent / "faces"
    other.mkdir()
    succeed(other, "mangagan", "init", ".")
    write_crops(manga.parent / "crops", *(f"{number}.png" for number in range(4)))
    succeed(other, "mangagan", "import", "../crops")
    assert list_run(succeed(other, "dvc", "repro", "import_faces")) == ["import_faces"]
    assert (other / "data/imported/crops.parquet").is_file()
    assert list_run(succeed(manga, "dvc", "repro", "dedup")) == []
    assert (manga / "dvc.lock").read_bytes() == before


def test_a_clone_restores_the_results_from_a_remote_and_runs_nothing(manga: Path, tmp_path: Path) -> None:
    succeed(manga, "dvc", "remote", "add", "--force", "--default", "store", str(tmp_path / "store"))
    succeed(manga, "dvc", "push")
    git(manga, "add", "--all")
    git(manga, "commit", "-qm", "The first run")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(manga), str(other))
    succeed(other, "dvc", "pull", "scan", *DATA_STAGES)
    shown = succeed(other, "dvc", "repro", "dedup")
    assert list_run(shown) == []
    assert "the pages of the last run are used" in shown
    assert (other / catalog.MANIFEST).read_bytes() == (manga / catalog.MANIFEST).read_bytes()


def test_a_folder_in_a_git_repository_becomes_a_dvc_repository_of_its_own(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    (outer / ".gitignore").write_text("/ignored/")
    (outer / "sub").mkdir()
    (outer / "sub/.gitignore").write_text("*.bak")
    (outer / "sub/prefect.yaml").write_text("mine")
    shown = succeed(outer, "mangagan", "init", "sub")
    assert ".gitignore: added __pycache__/, .venv*/, /.mangagan/" in shown
    assert (outer / "sub/.gitignore").read_text().startswith("*.bak\n__pycache__/\n")
    assert (outer / "sub/prefect.yaml").read_text() == "mine"
    assert (outer / "sub/.dvc").is_dir() and not (outer / "sub/.git").exists()
    assert '"ingest"' in succeed(outer / "sub", "dvc", "status", "--json")
    # DVC cannot work on files that git ignores.
    succeed(outer, "mangagan", "init", "ignored")
    assert (outer / "ignored/.git").is_dir() and (outer / "ignored/.dvc").is_dir()


def test_an_existing_dvc_repository_is_kept(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    succeed(tmp_path, "dvc", "init", "-q")
    succeed(tmp_path, "dvc", "remote", "add", "store", "/somewhere")
    succeed(tmp_path, "mangagan", "init", ".")
    assert "url = /somewhere" in (tmp_path / ".dvc/config").read_text()


def test_refusals(tmp_path: Path) -> None:
    assert "new is a workspace already" not in succeed(tmp_path, "mangagan", "init", "new")
    before = (tmp_path / "new/dvc.yaml").read_bytes()
    assert "new is a workspace already. After an update of mangagan, run there: mangagan upgrade" in refuse(
        tmp_path, "init", "new"
    )
    assert (tmp_path / "new/dvc.yaml").read_bytes() == before
    inside = refuse(tmp_path / "new/data", "init", ".")
    assert f"is in the workspace {tmp_path / 'new'}. Change to that folder" in inside
    for name in ("dvc.yaml", "params.yaml", "code.yaml"):
        (tmp_path / name).write_text("mine: 1\n")
        assert f"{name} exists, and init replaces no file" in refuse(tmp_path, "init", ".")
        (tmp_path / name).unlink()
    (tmp_path / "file").touch()
    assert "file is not a folder" in refuse(tmp_path, "init", "file")
    assert "file is not a folder" in refuse(tmp_path, "init", "file/new")
    (tmp_path / "code/mangagan").mkdir(parents=True)
    assert "Python would import it" in refuse(tmp_path, "init", "code")
    (tmp_path / "bin").mkdir()
    assert "git not found. Install git" in refuse(tmp_path, "init", "other", PATH=str(tmp_path / "bin"))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", [".git", ".dvc"])
def test_a_damaged_repository_is_kept(tmp_path: Path, name: str) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "new").mkdir()
    if name == ".git":
        git(tmp_path / "new", "init", "-q")
        (tmp_path / "new/.git/HEAD").unlink()
        (tmp_path / ".gitignore").write_text("/new/")  # the outer repository is not used
    else:
        (tmp_path / "new/.dvc").write_text("mine")
    before = sorted((tmp_path / "new").rglob("*"))
    assert f"new/{name} exists, but" in refuse(tmp_path, "init", "new")
    assert sorted((tmp_path / "new").rglob("*")) == before


def test_a_failure_leaves_the_index_of_git_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "notes.txt").write_text("mine")
    git(tmp_path, "add", "notes.txt")
    before = git(tmp_path, "status", "--short")
    monkeypatch.setattr(create, "write_pipeline", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        create_workspace(tmp_path)
    assert git(tmp_path, "status", "--short") == before == "A  notes.txt\n"


def test_a_failure_of_git_leaves_nothing(tmp_path: Path) -> None:
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\n[ "$1" = init ] && /bin/mkdir -p .git\n'
        'echo "fatal: not a git repository: no space left" >&2; exit 128\n'
    )
    fake.chmod(0o755)
    assert "git cannot set up a/b: not a git repository: no space left" in refuse(
        tmp_path, "init", "a/b", PATH=str(fake.parent)
    )
    assert not (tmp_path / "a").exists()
    succeed(tmp_path, "mangagan", "init", "a/b")


@pytest.mark.parametrize("step", ["add_lines", "copy_file", "hash_stages", "write_text"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(create, "hash_stages", lambda *_: {})  # takes seconds
    root = tmp_path / "old"
    root.mkdir()
    (root / ".gitignore").write_text("*.bak\n")
    with monkeypatch.context() as patch:
        patch.setattr(create, step, fail)
        for folder in (root, tmp_path / "new"):
            with pytest.raises(UserError, match="no space left on the disk while writing"):
                create_workspace(folder)
    assert not (tmp_path / "new").exists()
    assert [path.name for path in root.iterdir()] == [".gitignore"]
    assert (root / ".gitignore").read_text() == "*.bak\n"
    create_workspace(root)


def test_a_first_try_that_was_killed_does_not_block_the_second(tmp_path: Path) -> None:
    succeed(tmp_path, "mangagan", "init", "new")
    (tmp_path / "new/dvc.yaml").unlink()  # the last file
    succeed(tmp_path, "mangagan", "init", "new")
    assert (tmp_path / "new/dvc.yaml").is_file()


def test_commands_outside_a_workspace(tmp_path: Path) -> None:
    write_crops(tmp_path / "crops", "1.png")
    assert "mangagan init DIR" in refuse(tmp_path, "import", "crops")
    assert "mangagan init DIR" in refuse(tmp_path, "ingest")
    assert "mangagan init DIR" in refuse(tmp_path, "upgrade")
    assert "or give a generator with --model" in refuse(tmp_path, "generate", "--out", "new")
    assert "model.safetensors not found" in refuse(tmp_path, "generate", "--out", "new", "--model", "model.safetensors")
    assert "faces in 1 images: faces.csv" in succeed(tmp_path, "mangagan", "faces", "crops", "--out", "faces.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "faces.csv"]
