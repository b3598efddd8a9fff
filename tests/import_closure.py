"""Which of the project's own files a module runs, told from its import statements."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def import_closure(module: str) -> set[str]:
    """Paths, relative to the project, of the modules and packages that `module` imports, itself among them.

    Imports inside functions count; imports for type checkers alone do not.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if path is None or path in found:
            continue
        found.add(path)
        waiting += ["mangagan", *(name.rsplit(".", i)[0] for i in range(1, name.count(".") + 1))]
        waiting += imported_names(ast.parse((ROOT / path).read_text()))
    return found


def data_beside(modules: set[str]) -> set[str]:
    """Files that the modules may read: what lies in their folders and is neither code nor text for people."""
    folders = {(ROOT / module).parent for module in modules}
    files = (path for folder in folders for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    return {path.relative_to(ROOT).as_posix() for path in files if path.suffix not in (".py", ".md")}


def module_path(name: str) -> str | None:
    for candidate in (f"{name.replace('.', '/')}.py", f"{name.replace('.', '/')}/__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None


def imported_names(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            names += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names += imported_names(node)
    return [name for name in names if name.split(".")[0] in ("mangagan", "tasks", "flows")]


if __name__ == "__main__":
    for stage in ("ingest", "detect", "normalize", "dedup", "train", "evaluate"):
        modules = import_closure(f"mangagan.stages.{stage}")
        print(stage, *sorted(modules | data_beside(modules)), sep="\n      - ")
