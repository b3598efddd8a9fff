"""Which code a result depends on: the import closure of a module, and its hash.

This is the only answer to that question. It is used for checkpoint keys, for the keys of cached results, for the
identity of feature extractors, and by the test that compares dvc.yaml with the code of each stage.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("mangagan", "tasks", "flows")
TEXT_SUFFIXES = (".md", ".txt")  # read by people only


def import_closure(*modules: str) -> list[Path]:
    """Return the files of this project that the modules run, themselves included.

    Imports inside functions count. Imports under `if TYPE_CHECKING` do not. Data files in the folder of a module
    (weights, templates) count if a string in the module names them or their folder. A package's `__init__.py` counts
    only if it holds code.

    Args:
        modules: dotted names, for example `mangagan.stages.train`.

    Returns:
        Sorted paths, relative to the project.

    Raises:
        ValueError: There is no such module, or it uses a relative import.
    """
    found: set[Path] = set()
    waiting = list(modules)
    visited: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in visited:
            continue
        visited.add(name)
        path = _module_path(name)
        if path is None:
            if name in modules:
                raise ValueError(f"no module {name}")
            continue
        tree = _parse(path)
        waiting += _parents(name)
        waiting += _imported_names(tree, path)
        if path.name != "__init__.py" or _without_docstrings(tree).body:
            found.add(path.relative_to(PROJECT))
            found |= _data_files(tree, path)
    return sorted(found)


def code_hash(*modules: str) -> str:
    """Return the SHA-256 (hex) of the code in the import closure of the modules.

    Comments, docstrings and formatting do not count, so that editing them invalidates nothing.
    """
    digest = hashlib.sha256()
    for path in import_closure(*modules):
        digest.update(f"{path.as_posix()} {_file_hash(path)}\n".encode())
    return digest.hexdigest()


@cache
def _file_hash(path: Path) -> str:
    """Return the hash of one file of the project: of its syntax tree for code, of its bytes for data."""
    if path.suffix != ".py":
        return hashlib.sha256((PROJECT / path).read_bytes()).hexdigest()
    return hashlib.sha256(ast.dump(_without_docstrings(_parse(PROJECT / path))).encode()).hexdigest()


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _module_path(name: str) -> Path | None:
    """Return the file of a module or package of this project, None if there is none."""
    stem = PROJECT.joinpath(*name.split("."))
    for candidate in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _parents(name: str) -> list[str]:
    """Return the packages that importing a module imports first."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _imported_names(tree: ast.AST, path: Path) -> list[str]:
    """Return the dotted names of this project that a syntax tree imports."""
    names: list[str] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path} line {node.lineno}: relative imports are not followed")
            names += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names += _imported_names(node, path)
    return [name for name in names if name.partition(".")[0] in PACKAGES]


def _data_files(tree: ast.Module, path: Path) -> set[Path]:
    """Return the data files beside a module that a string in it names, directly or by their folder."""
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found: set[Path] = set()
    for entry in path.parent.iterdir():
        if entry.name not in named or entry.suffix in (".py", *TEXT_SUFFIXES):
            continue
        files = [entry] if entry.is_file() else [file for file in entry.rglob("*") if file.is_file()]
        found |= {file.relative_to(PROJECT) for file in files if file.suffix not in (".py", ".pyc", *TEXT_SUFFIXES)}
    return found


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Remove the docstrings of a syntax tree in place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return tree
