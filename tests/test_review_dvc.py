"""`mangagan review` with DVC: what has changed since the last commit, and what runs next."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mangagan.core import catalog
from mangagan.dataset.manifest import read_manifest, write_manifest
from mangagan.review.next_stages import find_stale
from tests.dvc_workspace import environment
from tests.project_clone import GIT
from tests.review_workspace import Server, make_review_workspace, run_server

# `dedup` copies a manifest that the test writes; the file of decisions is one of its dependencies.
DVC_YAML = """\
stages:
  scan:
    cmd: "true"
    always_changed: true
  dedup:
    desc: Faces to dataset
    cmd: mkdir -p data/dataset && cp source.csv data/manifest.csv && touch data/dataset/train.parquet
    deps: [source.csv, data/overrides.csv]
    outs: [data/manifest.csv, data/dataset/train.parquet]
  train:
    desc: Dataset to generator
    cmd: mkdir -p models && cp data/dataset/train.parquet models/generator
    deps: [data/dataset]
    outs: [models]
  evaluate:
    cmd: mkdir -p reports && cat models/generator data/manifest.csv > reports/index.html
    deps: [models/generator, data/manifest.csv]
    outs: [reports/index.html: {cache: true}]
  other:
    cmd: cp source.txt other.txt
    deps: [source.txt]
    outs: [other.txt]
"""


def run(root: Path, *command: str) -> None:
    subprocess.run(command, cwd=root, check=True, env=environment(), capture_output=True)


def repro(root: Path) -> None:
    run(root, sys.executable, "-m", "dvc", "repro")


def set_manifest(root: Path, **changes: dict[str, object]) -> None:
    """Change columns of single faces of the manifest that the next `dvc repro` writes."""
    path = root / "source.csv"
    rows = read_manifest(path).set_index("face_id")
    for face_id, values in changes.items():
        rows.loc[face_id.replace("_", "-"), list(values)] = list(values.values())
    write_manifest(path, rows.reset_index())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose manifest is committed, in a folder below the top of its git repository."""
    top = tmp_path_factory.mktemp("review-dvc")
    root = top / "workspace"
    root.mkdir()
    run(top, "git", "init", "-q")
    run(root, sys.executable, "-m", "dvc", "init", "-q", "--subdir")
    make_review_workspace(root)
    (root / catalog.MANIFEST).rename(root / "source.csv")
    (root / catalog.OVERRIDES).write_text("face_id,action\n")
    (root / "source.txt").write_text("source")
    (root / "dvc.yaml").write_text(DVC_YAML)
    repro(root)
    run(root, "git", "add", "dvc.lock", "dvc.yaml")
    run(root, *GIT, "commit", "-qm", "first faces")
    return root


@pytest.fixture
def server(project: Path, tmp_path: Path) -> Iterator[Server]:
    top = tmp_path / "copy"
    shutil.copytree(project.parent, top, symlinks=True)
    with run_server(top / "workspace") as server:
        yield server


def test_what_changed_since_the_last_commit(server: Server) -> None:
    assert server.get("/api/changes") == {"kept": [], "dropped": {}, "split": {}, "vanished": []}
    set_manifest(
        server.root,
        alpha_005={"kept": True, "drop_reason": "", "split": "train"},
        alpha_006={"kept": False, "drop_reason": "dropped by hand", "split": ""},
        alpha_007={"kept": False, "drop_reason": "duplicate", "split": ""},
        beta_009={"split": "holdout"},
    )
    path = server.root / "source.csv"
    rows = read_manifest(path)
    write_manifest(path, rows[rows["face_id"] != "beta-010"])
    repro(server.root)
    assert server.get("/api/changes") == {
        "kept": ["alpha-005"],
        "dropped": {"dropped by hand": ["alpha-006"], "duplicate": ["alpha-007"]},
        "split": {"train → holdout": ["beta-009"]},
        "vanished": [{"face_id": "beta-010", "title": "beta"}],
    }

    shutil.move(server.root / ".dvc/cache", server.root / "elsewhere")
    response, body = server.request("GET", "/api/changes")
    assert response.status == 404
    assert json.loads(body)["detail"] == (
        "the cache of DVC lacks the data/manifest.csv of the last commit. Run: dvc fetch dedup"
    )
    run(server.root, sys.executable, "-m", "dvc", "cache", "dir", "--local", "elsewhere")
    assert server.get("/api/changes")["kept"] == ["alpha-005"]


def test_without_a_commit_the_page_says_what_to_run(tmp_path: Path) -> None:
    with run_server(make_review_workspace(tmp_path)) as server:
        response, body = server.request("GET", "/api/changes")
        assert response.status == 404
        assert json.loads(body)["detail"] == (
            "there is no commit with a manifest. After `dvc repro`, run: git add dvc.lock && git commit"
        )
        status, answer = server.post("/api/next", {})
        assert status == 503
        assert answer["detail"] == "dvc.yaml not found. Start `mangagan review` in the folder that contains it"


def test_what_runs_next(server: Server) -> None:
    assert server.post("/api/next", {}) == (200, {"stages": [], "overrides_changed": False})
    server.decide({"face_id": "alpha-006", "action": "drop"})
    status, answer = server.post("/api/next", {})
    assert status == 200
    assert answer["overrides_changed"] is True
    assert answer["stages"] == [
        {"name": "dedup", "description": "Faces to dataset", "reasons": ["data/overrides.csv: modified"]},
        {"name": "train", "description": "Dataset to generator", "reasons": ["an earlier stage runs"]},
        {"name": "evaluate", "description": "", "reasons": ["an earlier stage runs"]},
    ]
    repro(server.root)
    assert server.post("/api/next", {}) == (200, {"stages": [], "overrides_changed": False})


def test_stages_downstream_of_a_changed_stage_are_stale() -> None:
    pipeline = {
        "first": {"outs": ["a", {"b": {"persist": True}}], "metrics": [{"m.json": {"cache": False}}]},
        "second": {"deps": ["folder/x"], "outs": ["c"]},
        "third": {"deps": ["m.json"], "outs": ["folder"]},
        "fourth": {"deps": ["bb"]},
    }
    status = {
        "first": [{"changed deps": {"params.yaml": {"first.number": "modified"}}}, "changed command"],
        "lost": ["x"],
    }
    assert find_stale(pipeline, status) == {
        "first": ["first.number: modified"],
        "third": ["an earlier stage runs"],
        "second": ["an earlier stage runs"],
    }
    assert find_stale(pipeline, {"first": ["always changed"]}) == {}
