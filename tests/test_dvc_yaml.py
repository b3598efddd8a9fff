"""dvc.yaml: the stages, and the code and data that they depend on."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mangagan.core import catalog, code, params
from tests import dvc_deps

PROJECT = Path(__file__).parents[1]
DAG = YAML(typ="safe").load(PROJECT / "dvc.yaml")
# The keys of other sections that a stage reads: bounds of files, the size of a face, and the quality gates.
OTHER_PARAMS = {
    "import_faces": [
        *(f"ingest.{key}" for key in ("max_megapixels", "max_strip_megapixels", "max_file_mb", "max_container_gb")),
        *(f"ingest.{key}" for key in ("max_members", "max_ratio")),
        *(f"normalize.{key}" for key in ("size", "keep", "min_face", "min_usable", "min_size")),
        *(f"normalize.{key}" for key in ("min_contrast", "min_sharpness")),
    ],
}


def test_dvc_yaml_params_yaml_and_the_catalog_name_the_same_stages() -> None:
    assert list(DAG["stages"]) == ["scan", *catalog.STAGES]
    assert [*catalog.STAGES, "machine"] == list(params.SECTIONS)
    assert list(YAML(typ="safe").load(PROJECT / "params.yaml")) == list(params.SECTIONS)


def test_no_stage_depends_on_the_settings_of_the_machine() -> None:
    names = [name for entry in DAG["stages"].values() for name in entry.get("params", ())]
    assert names
    assert not [name for name in names if name.partition(".")[0] == "machine"]


@pytest.mark.parametrize("stage", catalog.STAGES)
def test_deps_cover_the_code_of_the_stage(stage: str) -> None:
    deps = DAG["stages"][stage]["deps"]
    advice = "run: python -m tests.dvc_deps --fix"
    assert dvc_deps.missing_deps(stage, deps) == [], advice
    assert dvc_deps.needless_deps(stage, deps) == [], advice
    assert f"mangagan/stages/{stage}.py" in deps
    assert sum(dep.startswith("mangagan/") for dep in deps) <= 16, "depend on folders, not on single files"


@pytest.mark.parametrize("stage", catalog.STAGES)
def test_stage_follows_the_conventions(stage: str) -> None:
    entry = DAG["stages"][stage]
    assert entry["desc"]
    assert entry["cmd"] == f"python -m mangagan {stage}"
    assert entry["params"] == [stage, *OTHER_PARAMS.get(stage, ())]
    assert entry["metrics"] == [{str(catalog.metrics_file(stage)): {"cache": False}}]
    outs = [*catalog.STAGES[stage].outs, catalog.pictures_dir(stage)]
    assert sorted(entry["outs"]) == sorted(map(str, outs))
    # `persist`, or `cache: false` on an out, would disable DVC's run cache for the stage.
    assert all(isinstance(out, str) for out in entry["outs"])


def test_one_stage_depends_on_each_list_that_scan_makes_each_time() -> None:
    scan = DAG["stages"]["scan"]
    assert scan["cmd"] == 'python -m mangagan scan "${ingest.screenshots}"'
    assert scan["always_changed"] is True
    lists = {catalog.SCREENSHOT_LIST: "ingest", catalog.IMPORT_LIST: "import_faces"}
    assert scan["outs"] == [{str(path): {"persist": True}} for path in lists], "a pulled list is not deleted"
    for path, reader in lists.items():
        assert [stage for stage in catalog.STAGES if str(path) in DAG["stages"][stage]["deps"]] == [reader]


def test_evaluate_depends_on_what_the_report_reads_of_every_earlier_stage() -> None:
    deps = DAG["stages"]["evaluate"]["deps"]
    for stage in catalog.stages_before("evaluate"):
        assert str(catalog.metrics_file(stage)) in deps
        assert str(catalog.pictures_dir(stage)) in deps


# The rows of docs/architecture.md, from the top down: a row may import itself and the rows below it.
ROWS = [
    {"flows", "tasks"},
    {"cli", "commands", "process", "__main__"},
    {"workspace"},
    {"stages"},
    {"gallery", "report", "review", "runs"},
    {"metrics"},
    {"training_monitor"},
    {"live_status"},
    {"generation"},
    {"gan"},
    {"networks"},
    {"features", "distances"},
    {"dataset"},
    {"duplicates"},
    {"importing"},
    {"face_quality"},
    {"faces"},
    {"detection", "face_network"},
    {"ingestion"},
    {"readers"},
    {"decoding"},
    {"pages"},
    {"pictures"},
    {"core"},
]
SIDE = {"detector_training", "quality_training", "sample"}  # no stage depends on them


def test_imports_point_downwards() -> None:
    row_of = {name: number for number, row in enumerate(ROWS) for name in row}
    for path in [*PROJECT.glob("mangagan/**/*.py"), *PROJECT.glob("tasks/*.py"), *PROJECT.glob("flows/*.py")]:
        parts = path.relative_to(PROJECT).with_suffix("").parts
        here = parts[1] if parts[0] == "mangagan" else parts[0]
        if here in SIDE or here == "__init__":
            continue
        for name in code.list_imports(path):
            target = name.split(".")[1] if name.startswith("mangagan.") else name.split(".")[0]
            if here == "commands" and target in ("flows", "tasks", "sample"):
                continue  # `mangagan run`, `compare` and `sample` hand over to these
            if target in row_of and target != "mangagan":
                assert row_of[here] <= row_of[target], f"{path.relative_to(PROJECT)} imports {name}"
            assert target not in SIDE or here in ("flows", "tasks"), f"{path.relative_to(PROJECT)} imports {name}"


def test_library_imports_neither_prefect_nor_dvc() -> None:
    for path in (PROJECT / "mangagan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            # `mangagan run` calls the flow, and `mangagan compare` reads the revisions of DVC.
            allowed = {"flows", "tasks"} if path.parent.name == "commands" else set()
            assert not {name.split(".")[0] for name in names} & {"prefect", "dvc", "flows", "tasks"} - allowed, path


def test_closure_of_the_detectors() -> None:
    closure = {path.as_posix() for path in code.import_closure("mangagan.detection.registry")}
    assert {"mangagan/detection/backends/lbpcascade.py", "mangagan/face_network/mangaface.safetensors"} <= closure
    assert not [path for path in closure if path.endswith(("__init__.py", ".md"))]
    assert not {"mangagan/cli.py", "mangagan/core/catalog.py"} & closure  # editing them keeps all cached boxes
