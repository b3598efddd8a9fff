"""The import closure of a module, that is the code that determines its result, and the hash of this code.

Only this module decides which code determines a result. Checkpoint keys, keys of cached results, the
identity of feature extractors, and the test of the `deps` in dvc.yaml use it.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("mangagan", "tasks", "flows")
TEXT_SUFFIXES = (".md", ".txt")  # read by people only


def import_closure(*modules: str) -> list[Path]:
    """Return the files of this project that are read when the modules are imported and run.

    The modules themselves and imports inside functions are included. Imports under `if TYPE_CHECKING` and imports by
    name (`importlib`) are not included. Data files in the folder of a module (weights, templates) are included if a
    string in the module is their name or the name of their folder. A package's `__init__.py` is included only if it
    contains code.

    Args:
        modules: Dotted names, for example `mangagan.stages.train`.

    Returns:
        Sorted paths, relative to the project.

    Raises:
        ValueError: A module does not exist, or uses a relative import.
        SyntaxError: A file is not valid Python.
    """
    closure: set[Path] = set()
    pending = list(modules)
    visited: set[str] = set()
    while pending:
        name = pending.pop()
        if name in visited:
            continue
        visited.add(name)
        path = _module_path(name)
        if path is None:
            if name in modules:
                raise ValueError(f"no module {name}")
            continue
        code = _read_code(path)
        pending += _parents(name)
        pending += code.imports
        if path.name != "__init__.py" or not code.is_empty:
            closure.add(path.relative_to(PROJECT))
            closure |= _data_files(code.strings, path)
    return sorted(closure)


def code_hash(*modules: str) -> str:
    """Return the SHA-256 (hex) of the code in the import closure of the modules.

    Comments, docstrings, formatting and the texts of UserErrors do not change it, nor does the version of Python. Texts
    of other errors do: the tables record some of them as reasons.
    """
    digest = hashlib.sha256()
    for path in import_closure(*modules):
        digest.update(f"{path.as_posix()} {_file_hash(path)}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Code:
    """What the closure needs of one module.

    Attributes:
        imports: Dotted names of this project that it imports.
        strings: Strings in it that can be names of data files.
        is_empty: It has no code besides docstrings.
        digest: Hash of its syntax tree.
    """

    imports: tuple[str, ...]
    strings: frozenset[str]
    is_empty: bool
    digest: str


def _read_code(path: Path) -> Code:
    """Return the facts of a module. A file that was not changed is parsed once in each process."""
    status = path.stat()
    return _parse_code(path, status.st_size, status.st_mtime_ns)


@cache
def _parse_code(path: Path, size: int, changed_ns: int) -> Code:
    """Parse a module; size and time of change are part of the key of the cache."""
    tree = _parse(path)
    imports = tuple(_imported_names(tree, path))
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    strings = frozenset(value for value in constants if isinstance(value, str) and "/" not in value)
    tree = _without_texts(tree)
    return Code(imports, strings, not tree.body, hashlib.sha256(_dump(tree).encode()).hexdigest())


def _file_hash(path: Path) -> str:
    """Return the hash of one file of the project: of the syntax tree of code, of the bytes of data."""
    if path.suffix != ".py":
        status = (PROJECT / path).stat()
        return _data_hash(PROJECT / path, status.st_size, status.st_mtime_ns)
    return _read_code(PROJECT / path).digest


@cache
def _data_hash(path: Path, size: int, changed_ns: int) -> str:
    """Return the SHA-256 of a data file; size and time of change are part of the key of the cache."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _dump(node: object) -> str:
    """Return a syntax tree as text.

    Unlike `ast.dump` it omits empty fields and empty strings in f-strings: new versions of Python add some.
    """
    if isinstance(node, ast.AST):
        values = dict(ast.iter_fields(node))
        if isinstance(node, ast.JoinedStr):
            values["values"] = [part for part in node.values if not (isinstance(part, ast.Constant) and not part.value)]
        fields = [f"{name}={_dump(value)}" for name, value in values.items() if value is not None and value != []]
        return f"{type(node).__name__}({', '.join(fields)})"
    if isinstance(node, list):
        return f"[{', '.join(map(_dump, node))}]"
    return repr(node)


def list_imports(path: Path) -> list[str]:
    """Return the dotted names of this project that a file imports."""
    return _imported_names(_parse(path), path)


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _module_path(name: str) -> Path | None:
    """Return the file of a module or package of this project, None if there is none."""
    stem = PROJECT.joinpath(*name.split("."))
    for candidate in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):  # Python prefers the package
        if candidate.is_file():
            return candidate
    return None


def _parents(name: str) -> list[str]:
    """Return the packages that Python imports before the module."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _imported_names(tree: ast.AST, path: Path) -> list[str]:
    """Return the dotted names of this project that a syntax tree imports."""
    names: list[str] = []
    for node in _import_statements(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif node.level:
            raise ValueError(f"{path} line {node.lineno}: relative imports are not followed")
        else:
            names += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.partition(".")[0] in PACKAGES]


def _import_statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the import statements of a syntax tree that run; the body of `if TYPE_CHECKING` does not."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
        return
    type_checking = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    for child in node.orelse if isinstance(node, ast.If) and type_checking else ast.iter_child_nodes(node):
        yield from _import_statements(child)


def _data_files(strings: frozenset[str], path: Path) -> set[Path]:
    """Return the data files in the folder of a module whose name, or whose folder's name, is one of the strings."""
    files: set[Path] = set()
    for entry in path.parent.iterdir():
        if entry.name in strings:
            files |= {entry} if entry.is_file() else {file for file in entry.rglob("*") if file.is_file()}
    return {file.relative_to(PROJECT) for file in files if file.suffix not in (".py", ".pyc", *TEXT_SUFFIXES)}


def _without_texts(tree: ast.Module) -> ast.Module:
    """Remove docstrings, and blank the strings of each `raise UserError(…)`, of a syntax tree in place."""
    for node in ast.walk(_without_docstrings(tree)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) == "UserError":
            for part in ast.walk(node.exc):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    part.value = ""
    return tree


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
