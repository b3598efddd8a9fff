import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mangagan import params, paths
from mangagan.cli import STAGES
from tests.import_closure import data_beside, import_closure

PROJECT = Path(__file__).parents[1]
DAG = YAML(typ="safe").load(PROJECT / "dvc.yaml")


def test_stages_params_and_commands_are_the_same_six() -> None:
    assert tuple(DAG["stages"]) == params.SECTIONS == tuple(STAGES)
    assert list(YAML(typ="safe").load(PROJECT / "params.yaml")) == list(params.SECTIONS)


@pytest.mark.parametrize("stage", params.SECTIONS)
def test_stage_depends_on_all_the_code_that_it_runs(stage: str) -> None:
    listed = {dep for dep in DAG["stages"][stage]["deps"] if dep.startswith("mangagan/")}
    runs = import_closure(f"mangagan.stages.{stage}")
    assert f"mangagan/stages/{stage}.py" in runs
    needed = runs | data_beside(runs)
    assert listed == needed, f"missing: {sorted(needed - listed)}, needless: {sorted(listed - needed)}"


@pytest.mark.parametrize("stage", params.SECTIONS)
def test_stage_keeps_to_the_contract(stage: str) -> None:
    entry = DAG["stages"][stage]
    assert entry["desc"]
    assert entry["cmd"] == f"python -m mangagan {stage}"
    assert entry["params"] == [stage]
    assert entry["metrics"] == [{str(paths.metrics(stage)): {"cache": False}}]
    assert str(paths.pictures(stage)) in entry["outs"]
    # Either would switch off DVC's run cache for the stage.
    assert all(isinstance(out, str) for out in entry["outs"])


def test_library_imports_neither_prefect_nor_dvc() -> None:
    for path in (PROJECT / "mangagan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            # commands.py hands `mangagan run` to the flow, and `mangagan compare` to what reads DVC's revisions.
            handed = {"flows", "tasks"} if path == PROJECT / "mangagan" / "commands.py" else set()
            assert not {name.split(".")[0] for name in names} & {"prefect", "dvc", "flows", "tasks"} - handed, path


def test_closure_follows_packages_and_imports_inside_functions() -> None:
    runs = import_closure("mangagan.detection.base")
    assert {"mangagan/__init__.py", "mangagan/detection/__init__.py", "mangagan/detection/lbpcascade.py"} <= runs
    assert "mangagan/cli.py" not in runs


def test_data_files_of_the_package_are_dependencies_too() -> None:
    weights = "mangagan/detection/mangaface/mangaface.safetensors"
    assert data_beside({"mangagan/detection/mangaface/detector.py"}) == {weights}
    assert weights in DAG["stages"]["detect"]["deps"]
    assert data_beside(import_closure("mangagan.stages.normalize")) == set()
