"""Make a folder a workspace: a repository of git and DVC, and the files that the pipeline needs."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import raise_if_disk_error, sha256_bytes, write_bytes, write_text
from mangagan.core.state import CODE_HASHES
from mangagan.workspace.code_file import (
    CODE_FILE,
    DVC_YAML,
    hash_stages,
    is_generated,
    list_values,
    write_code_file,
)
from mangagan.workspace.dvc_yaml import TEMPLATE, generate_dvc_yaml

# File of the workspace → file of the template. params.yaml is the last: if it exists, a first try has ended.
FILES = {
    catalog.SCREENSHOTS / ".gitignore": "screenshots.gitignore",
    catalog.FACES_IMPORT / ".gitignore": "faces_import.gitignore",
    catalog.OVERRIDES: "overrides.csv",
    Path("prefect.yaml"): "prefect.yaml",
    catalog.PARAMS: "params.yaml",
}
# Files whose lines are added to a file that exists.
IGNORE_FILES = {Path(".gitignore"): "workspace.gitignore", Path(".dvcignore"): "workspace.dvcignore"}
GIT_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # set by git in its hooks; they name another repository


def create_workspace(root: Path) -> list[str]:
    """Make a folder a workspace. Existing files are kept. If it fails, everything that it made is removed.

    Args:
        root: A new or existing folder.

    Returns:
        One line for each existing file to which lines were added.

    Raises:
        UserError: There is a dvc.yaml, a repository is damaged, git is not installed, or a file cannot be written.
    """
    check_place(root)
    with ExitStack() as undo:
        try:
            make_folder(root, undo)
            make_repositories(root, undo)
            notes = [note for path, name in IGNORE_FILES.items() if (note := add_lines(root / path, name, undo))]
            for path, name in FILES.items():
                copy_file(root / path, name, undo)
            write_pipeline(root, undo)
        except OSError as error:
            raise_if_disk_error(error, root)
            raise UserError(f"cannot write {root}: {(error.strerror or str(error)).lower()}") from error
        undo.pop_all()
    return notes


def check_place(root: Path) -> None:
    """Raise UserError if the folder has a pipeline, or is one in which the package could not be used."""
    if root.exists() and not root.is_dir():
        raise UserError(f"{root} is not a folder. Choose another name")
    if os.path.lexists(root / DVC_YAML):
        if (root / CODE_FILE).exists():
            raise UserError(
                f"{root.resolve()} is a workspace already. After an update of mangagan, run there: mangagan upgrade"
            )
        raise UserError(f"{root / DVC_YAML} exists, and init replaces no file. Choose another folder")
    if outer := find_outer_workspace(root):
        raise UserError(f"{root} is in the workspace {outer}. Change to that folder, or choose a folder outside of it")
    if os.path.lexists(root / CODE_FILE) and not is_generated(root):
        raise UserError(
            f"{root / CODE_FILE} exists, and init replaces no file. Choose another folder, or move the file away"
        )
    params = root / catalog.PARAMS
    if params.exists() and params.read_bytes() != read_template("params.yaml"):
        raise UserError(f"{params} exists, and init replaces no file. Choose another folder, or move the file away")
    if (root / "mangagan").exists():
        raise UserError(
            f"{root / 'mangagan'} exists, and Python would import it in place of the package. Choose another folder"
        )
    if shutil.which("git") is None:
        raise UserError("git not found. Install git, then run mangagan init again")


def find_outer_workspace(root: Path) -> Path | None:
    """Return the workspace that contains a folder. None if there is none."""
    for parent in root.resolve().parents:
        if (parent / DVC_YAML).is_file() and (parent / CODE_FILE).is_file():
            return parent
    return None


def read_template(name: str) -> bytes:
    """Return the content of a file of the template."""
    return (TEMPLATE / name).read_bytes()


def make_folder(folder: Path, undo: ExitStack) -> None:
    """Make a folder and its parents. Raise UserError if one of them is a file."""
    if folder.is_dir():
        return
    if os.path.lexists(folder):
        raise UserError(f"{folder} is not a folder. Choose another name")
    make_folder(folder.parent, undo)
    folder.mkdir()
    undo.callback(remove, folder)


def remove(path: Path) -> None:
    """Delete a file, or a folder if it is empty."""
    with suppress(OSError):
        path.rmdir() if path.is_dir() else path.unlink()


def make_repositories(root: Path, undo: ExitStack) -> None:
    """Make the folder a DVC repository in a git repository, unless it is one.

    Raises:
        UserError: There is a `.git` or `.dvc` that is no repository. It can hold data of the user.
    """
    top = find_git_root(root)
    has_dvc = (root / ".dvc").is_dir()
    if top is None and os.path.lexists(root / ".git"):
        raise UserError(f"{root / '.git'} exists, but git finds no repository in it. Repair it, or move it away")
    if not has_dvc and os.path.lexists(root / ".dvc"):
        raise UserError(f"{root / '.dvc'} exists, but is not a folder. Move it away")
    if top is None:
        undo.callback(shutil.rmtree, root / ".git", ignore_errors=True)
        run("git", "init", "--quiet", cwd=root)
    if has_dvc:
        return
    is_inside = top is not None and top != root.resolve()
    had_ignore_file = (root / ".dvcignore").exists()
    dvc = (sys.executable, "-m", "dvc")
    undo.callback(unstage, root, list_tracked(root))
    undo.callback(shutil.rmtree, root / ".dvc", ignore_errors=True)
    run(*dvc, "init", "--quiet", *(["--subdir"] if is_inside else []), cwd=root)
    if not had_ignore_file:  # DVC writes a file that holds comments only
        (root / ".dvcignore").unlink(missing_ok=True)
    run(*dvc, "config", "core.analytics", "false", cwd=root)


def list_tracked(root: Path) -> set[str]:
    """Return the files in the index of git that `dvc init` can write."""
    shown = start("git", "ls-files", "-z", "--", ".dvc", ".dvcignore", cwd=root)
    return set(filter(None, shown.stdout.split("\0")))


def unstage(root: Path, tracked: set[str]) -> None:
    """Remove the files of `dvc init` from the index of git, except those that were tracked before."""
    if added := sorted(list_tracked(root) - tracked):
        start("git", "rm", "-r", "--cached", "--force", "--quiet", "--ignore-unmatch", "--", *added, cwd=root)


def find_git_root(root: Path) -> Path | None:
    """Return the git repository that tracks the files of a folder.

    None if there is none, or if it ignores the folder: such a workspace needs a repository of its own.

    Raises:
        UserError: git rejects the repository, or the folder itself ignores dvc.yaml.
    """
    shown = start("git", "rev-parse", "--show-toplevel", cwd=root)
    if shown.returncode:
        if "not a git repository" in shown.stderr:
            return None
        raise UserError(f"git: {read_first_line(shown.stderr)}. Solve this, then run mangagan init again")
    top = Path(shown.stdout.rstrip("\n"))
    if start("git", "check-ignore", "--quiet", str(DVC_YAML), cwd=root).returncode == 0:
        if top == root.resolve():
            raise UserError(f"{root / '.gitignore'} ignores {DVC_YAML}, which DVC must see. Remove that line")
        return None
    return top


def run(*command: str, cwd: Path) -> None:
    """Run a command of git or DVC. Raise UserError with its message if it fails."""
    ended = start(*command, cwd=cwd)
    if ended.returncode:
        name = "git" if command[0] == "git" else "dvc"
        raise UserError(f"{name} cannot set up {cwd}: {read_first_line(ended.stderr or ended.stdout)}")


def start(*command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command, in English, and return its output."""
    environment = {name: value for name, value in os.environ.items() if name not in GIT_VARIABLES}
    environment |= {"LC_ALL": "C", "DVC_NO_ANALYTICS": "1", "PYTHONUTF8": "1"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", errors="surrogateescape"
    )


def read_first_line(text: str) -> str:
    """Return the first line of an error message, without its level."""
    line = next((line for line in text.splitlines() if line.strip()), "no message")
    return line.removeprefix("fatal: ").removeprefix("error: ").removeprefix("ERROR: ").strip().rstrip(".")


def add_lines(path: Path, template: str, undo: ExitStack) -> str:
    """Write a file of the template; if the file exists, append the lines that it lacks.

    Returns:
        A line for the user about an existing file that was changed. Empty if there was none.
    """
    wanted = read_template(template).decode()
    if not path.exists():
        undo.callback(remove, path)
        write_text(path, wanted)
        return ""
    before = path.read_bytes()
    known = before.decode("utf-8", "replace").splitlines()
    missing = [line for line in wanted.splitlines() if line not in known and not line.startswith("#")]
    if not missing:
        return ""
    undo.callback(path.write_bytes, before)
    separator = b"" if before.endswith(b"\n") or not before else b"\n"
    write_bytes(path, before + separator + "".join(f"{line}\n" for line in missing).encode())
    return f"{path.name}: added {', '.join(missing)}"


def copy_file(path: Path, template: str, undo: ExitStack) -> None:
    """Write a file of the template, unless the file exists."""
    if path.exists():
        return
    make_folder(path.parent, undo)
    undo.callback(remove, path)
    write_bytes(path, read_template(template))


def write_pipeline(root: Path, undo: ExitStack) -> None:
    """Write code.yaml, and dvc.yaml last: a folder that has it is a complete workspace."""
    text = generate_dvc_yaml()
    undo.callback(remove, root / catalog.STATE)
    undo.callback(remove, root / CODE_HASHES)
    undo.callback(remove, root / CODE_FILE)
    write_code_file(root, list_values(hash_stages(root), sha256_bytes(text.encode())))
    undo.callback(remove, root / DVC_YAML)
    write_text(root / DVC_YAML, text)
