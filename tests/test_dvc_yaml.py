import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mangagan.core import catalog, code, params
from tests import dvc_deps

PROJECT = Path(__file__).parents[1]
DAG = YAML(typ="safe").load(PROJECT / "dvc.yaml")


def test_stages_params_and_commands_are_the_same_six() -> None:
    assert list(DAG["stages"]) == list(catalog.STAGES) == list(params.SECTIONS)
    assert list(YAML(typ="safe").load(PROJECT / "params.yaml")) == list(params.SECTIONS)
    assert len((PROJECT / "dvc.yaml").read_text().splitlines()) <= 160


@pytest.mark.parametrize("stage", catalog.STAGES)
def test_deps_cover_the_code_of_the_stage(stage: str) -> None:
    deps = DAG["stages"][stage]["deps"]
    mend = "run: python -m tests.dvc_deps --fix"
    assert dvc_deps.missing_deps(stage, deps) == [], mend
    assert dvc_deps.needless_deps(stage, deps) == [], mend
    assert f"mangagan/stages/{stage}.py" in deps


@pytest.mark.parametrize("stage", catalog.STAGES)
def test_stage_keeps_to_the_contract(stage: str) -> None:
    entry = DAG["stages"][stage]
    assert entry["desc"]
    assert entry["cmd"] == f"python -m mangagan {stage}"
    assert entry["params"] == [stage]
    assert entry["metrics"] == [{str(catalog.metrics(stage)): {"cache": False}}]
    assert str(catalog.pictures(stage)) in entry["outs"]
    # Either would switch off DVC's run cache for the stage.
    assert all(isinstance(out, str) for out in entry["outs"])


def test_library_imports_neither_prefect_nor_dvc() -> None:
    for path in (PROJECT / "mangagan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            # The commands hand `mangagan run` to the flow, and `mangagan compare` to what reads DVC's revisions.
            handed = {"flows", "tasks"} if path.parent.name == "commands" else set()
            assert not {name.split(".")[0] for name in names} & {"prefect", "dvc", "flows", "tasks"} - handed, path


def test_closure_follows_imports_inside_functions_and_skips_empty_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {path.as_posix() for path in code.import_closure("mangagan.detection.registry")}
    assert {"mangagan/detection/backends/lbpcascade.py", "mangagan/face_network/mangaface.safetensors"} <= runs
    assert not [path for path in runs if path.endswith(("__init__.py", ".md"))]
    assert "mangagan/cli.py" not in runs
    with pytest.raises(ValueError, match=r"no module mangagan\.nowhere"):
        code.import_closure("mangagan.nowhere")
