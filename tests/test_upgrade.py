"""`mangagan upgrade` after a change of the installed code, and what runs when nobody upgrades."""

import fcntl
import os
from pathlib import Path

import pytest
from dvc.fs import localfs
from dvc.lock import make_lock
from dvc.rwlock import rwlock

from mangagan.core import catalog
from mangagan.workspace import code_file
from tests.dvc_workspace import edit
from tests.installed import install, list_run, make_manga_workspace, run, succeed

NOTHING = "nothing to renew: this is already the code of mangagan "


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed package, a copy that the tests change."""
    return install(tmp_path_factory.mktemp("site-packages"))


@pytest.fixture(scope="module")
def manga(package: Path) -> Path:
    """A workspace after the first `dvc repro dedup`."""
    return make_manga_workspace(package.parent / "manga", package)


@pytest.fixture
def root(package: Path, tmp_path: Path) -> Path:
    """A new workspace."""
    succeed(tmp_path, "mangagan", "init", "new", package=package)
    return tmp_path / "new"


def upgrade(root: Path, package: Path) -> list[str]:
    return succeed(root, "mangagan", "upgrade", package=package).splitlines()


def read_tree(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted((root / "data").rglob("*")) if path.is_file()}


def test_other_code_stops_the_run_until_an_upgrade_and_only_then_runs_its_stages(manga: Path, package: Path) -> None:
    assert upgrade(manga, package) == [NOTHING + code_file.version("mangagan")]
    before = read_tree(manga)
    edit(
        package / "mangagan/detection/backends/mangaface.py",
        "\nMIN_SUPPORT_SCORE = 0.02 ",
        "\nMIN_SUPPORT_SCORE = 0.99 ",
    )
    line = "has other code than code.yaml for detect. Run: mangagan upgrade"
    for command in (["dvc", "repro", "dedup"], ["mangagan", "detect"]):
        ended = run(manga, *command, package=package)
        assert ended.returncode and line in ended.stdout + ended.stderr
        assert "Running stage 'ingest'" not in ended.stdout
        assert read_tree(manga) == before, "DVC deletes the outputs of a stage before it runs the stage"
    assert upgrade(manga, package) == [
        "other code: detect",
        "out of date: detect",
        "run again if their inputs change: normalize, dedup, train, evaluate",
    ]
    assert list_run(succeed(manga, "dvc", "repro", "dedup", package=package)) == ["detect", "normalize", "dedup"]
    assert upgrade(manga, package) == [NOTHING + code_file.version("mangagan")]
    assert list_run(succeed(manga, "dvc", "repro", "dedup", package=package)) == []


def test_a_comment_changes_nothing(root: Path, package: Path) -> None:
    edit(package / "mangagan/pages/table.py", "\n\n\ndef ", "\n\n\n# A comment.\ndef ")
    assert upgrade(root, package) == [NOTHING + code_file.version("mangagan")]


def test_another_dvc_yaml_is_written_unless_the_user_edited_it(root: Path, package: Path) -> None:
    template = package / "mangagan/workspace/template/dvc.yaml"
    original = template.read_text()
    first = (root / "dvc.yaml").read_text()
    try:
        edit(template, "params: [dedup]", "params: [dedup, ingest.min_side]")
        assert upgrade(root, package) == [
            "dvc.yaml: written for this version",
            "other definition in dvc.yaml: dedup",
            "out of date: dedup",
            "run again if their inputs change: train, evaluate",
        ]
        assert "[dedup, ingest.min_side, code.yaml: [dedup]]" in (root / "dvc.yaml").read_text()
        edit(root / "dvc.yaml", "stages:", "stages:  # mine")
        mine = (root / "dvc.yaml").read_text()
        assert upgrade(root, package) == [NOTHING + code_file.version("mangagan")]
        template.write_text(original)
        for _ in range(2):  # until the user has merged it
            assert upgrade(root, package) == [
                "dvc.yaml has edits of your own and was not changed. Merge dvc.yaml.new into it, then delete it"
            ]
        assert (root / "dvc.yaml").read_text() == mine
        assert (root / "dvc.yaml.new").read_text() == first
        (root / "dvc.yaml.new").unlink()
        assert upgrade(root, package) == [NOTHING + code_file.version("mangagan")]
        (root / "dvc.yaml").unlink()
        assert upgrade(root, package)[0] == "dvc.yaml: written for this version"
        assert (root / "dvc.yaml").read_text() == first
    finally:
        template.write_text(original)


def test_keys_of_params_yaml_are_named_and_not_changed(root: Path, package: Path) -> None:
    edit(root / "params.yaml", "  min_side: 200 ", "  min_sides: 200 ")
    with (root / "params.yaml").open("a") as file:
        file.write("\nold: {key: 1}\n")
    before = (root / "params.yaml").read_bytes()
    assert upgrade(root, package)[1:] == [
        "params.yaml lacks keys of this version; add them to see their values: ingest.min_side",
        "params.yaml has keys that this version does not know; remove them: ingest.min_sides, old",
    ]
    assert (root / "params.yaml").read_bytes() == before


def test_a_lost_or_damaged_code_file_is_written_again(root: Path, package: Path) -> None:
    before = (root / "code.yaml").read_bytes()
    (root / "code.yaml").unlink()
    assert "code.yaml not found, but dvc.yaml watches it. Run: mangagan upgrade" in refuse(root, package, "detect")
    upgrade(root, package)
    assert (root / "code.yaml").read_bytes() == before
    (root / "code.yaml").write_text("<<<<<<< HEAD\ningest: a\n")
    assert "code.yaml is damaged. Run: mangagan upgrade" in refuse(root, package, "scan", "data/screenshots")
    upgrade(root, package)
    assert (root / "code.yaml").read_bytes() == before


def test_upgrade_refuses_a_clone_and_a_running_stage(root: Path, package: Path, tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone/dvc.yaml").write_text("stages: {}\n")
    assert "dvc.yaml watches source folders, as in a clone of the project" in refuse(
        tmp_path / "clone", package, "upgrade"
    )
    lock = root / catalog.STATE / "train.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "the stage train is running in this workspace" in refuse(root, package, "upgrade")
    upgrade(root, package)


def test_upgrade_refuses_while_dvc_saves_the_outputs_of_a_stage(root: Path, package: Path) -> None:
    folder = root / ".dvc/tmp"
    line = "DVC is running in this workspace. Run mangagan upgrade when it has ended"
    with make_lock(str(folder / "lock")):
        assert line in refuse(root, package, "upgrade")
    for read, write in (["in"], []), ([], ["out"]):
        with rwlock(str(folder), localfs, "dvc repro", read, write, False):
            entries = (folder / "rwlock").read_text()
            assert line in refuse(root, package, "upgrade")
        upgrade(root, package)
        (folder / "rwlock").write_text(entries.replace(f'"pid": {os.getpid()}', f'"pid": {2**31 - 1}'))
        upgrade(root, package)  # DVC was killed


def refuse(root: Path, package: Path, *command: str) -> str:
    """Run a command that must fail with one line, and return the line."""
    ended = run(root, "mangagan", *command, package=package)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def test_the_files_of_an_editor_are_no_files_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    (tmp_path / ".#a.py").symlink_to("user@host.1234")  # the lock file of an editor
    (tmp_path / ".a.py.swp").touch()
    (tmp_path / "b.py").symlink_to("nowhere")
    assert [path for path, _ in code_file.walk_files(tmp_path)] == [str(tmp_path / "a.py")]


def test_the_cached_hashes_are_those_of_the_code(tmp_path: Path) -> None:
    computed = code_file.hash_stages(tmp_path)
    assert list(computed) == list(catalog.STAGES) and len(set(computed.values())) == len(computed)
    cache = tmp_path / code_file.CODE_HASHES
    assert cache.is_file()
    assert code_file.hash_stages(tmp_path) == computed
    cache.write_text("[]")
    assert code_file.hash_stages(tmp_path) == computed
