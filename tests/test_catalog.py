"""The catalog is the only place that names a dataset of the workspace."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from mangagan.core import catalog

PROJECT = Path(__file__).parents[1]
CODE = [
    *(f"mangagan/{package}" for package in ("stages", "dataset", "faces", "pages", "detection", "generation", "gan")),
    "mangagan/core/model_files.py",
]
PATHS = sorted({str(value) for value in vars(catalog).values() if isinstance(value, Path)} - {str(catalog.PARAMS)})


def strings(path: Path) -> Iterator[str]:
    """Yield the string literals of a module, without its docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def modules() -> list[Path]:
    found = [PROJECT / code for code in CODE]
    return sorted(path for code in found for path in ([code] if code.is_file() else code.rglob("*.py")))


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_no_module_repeats_a_path_of_the_catalog(module: Path) -> None:
    folders = [*PATHS, *(f"{folder}/" for folder in ("data", "reports", "metrics", "models"))]
    assert [(text, path) for text in strings(module) for path in folders if path in text] == []


def test_outs_and_data_deps_of_dvc_yaml_are_in_the_catalog() -> None:
    known = {
        *PATHS,
        *(str(make(stage)) for stage in catalog.STAGES for make in (catalog.metrics_file, catalog.pictures_dir)),
    }
    for stage, entry in YAML(typ="safe").load(PROJECT / "dvc.yaml")["stages"].items():
        outs = [name for out in entry["outs"] for name in ([out] if isinstance(out, str) else out)]
        files = [*outs, *(dep for dep in entry.get("deps", ()) if not dep.startswith("mangagan/"))]
        assert set(files) <= known, stage


def test_schemas_have_every_column_once_and_say_what_it_is() -> None:
    for name, columns in vars(catalog).items():
        if name.endswith("_COLUMNS") and not name.startswith("_"):
            names = catalog.column_names(columns)
            assert len(set(names)) == len(names)
            assert all(column.about for column in columns)
            assert catalog.arrow_schema(columns).names == names
    assert catalog.arrow_schema(catalog.PAGE_COLUMNS).field("sources").type == pa.list_(pa.string())


def test_stages_before_one_are_in_the_order_of_the_pipeline() -> None:
    names = list(catalog.STAGES)
    assert [len(catalog.stages_before(name)) for name in names] == list(range(len(names)))
    assert catalog.stages_before(names[-1]) == names[:-1]
