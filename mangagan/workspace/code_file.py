"""code.yaml: the hash of the installed code of each stage. DVC watches it in a workspace without the source folders."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from mangagan.core.catalog import STAGES
from mangagan.core.code import PROJECT, code_hash
from mangagan.core.errors import UserError
from mangagan.core.files import write_json, write_text
from mangagan.core.state import CODE_HASHES

CODE_FILE = Path("code.yaml")
DVC_YAML = Path("dvc.yaml")
VERSION_KEY = "mangagan"
DVC_YAML_KEY = "dvc_yaml"
HEADER = """\
# Hashes of the installed code of each stage. DVC runs a stage again if its hash changes. Keep this file in git.
# Written by `mangagan init` and `mangagan upgrade`, which also record the version and the hash of their dvc.yaml.
"""


def hash_stages(root: Path = Path()) -> dict[str, str]:
    """Return the hash of the installed code of each stage.

    Parsing the code takes two seconds. So the hashes are cached in the workspace until a file of the package changes.

    Args:
        root: The workspace. Default: the working directory.
    """
    fingerprint = hash_installed_files()
    cache = root / CODE_HASHES
    with suppress(OSError, ValueError, KeyError, TypeError):
        cached = json.loads(cache.read_text(encoding="utf-8"))
        if cached["fingerprint"] == fingerprint:
            return {stage: str(cached["stages"][stage]) for stage in STAGES}
    hashes = {stage: code_hash(f"mangagan.stages.{stage}") for stage in STAGES}
    with suppress(OSError, UserError):  # a disk that is not writable is reported by the stage
        write_json(cache, {"fingerprint": fingerprint, "stages": hashes})
    return hashes


def hash_installed_files() -> str:
    """Return a hash of the names, sizes and times of the files of the package: it changes with each installation."""
    folder = PROJECT / "mangagan"
    digest = hashlib.sha256(os.fsencode(folder))
    for path, entry in sorted(walk_files(folder)):
        digest.update(f"{path} {entry.st_size} {entry.st_mtime_ns} {entry.st_ctime_ns}\n".encode(errors="replace"))
    return digest.hexdigest()


def walk_files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and status of all files below a folder, without the caches of Python and hidden files.

    A file can be removed during the walk, and a link can have no target, such as the lock file of an editor.
    """
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            if entry.name == "__pycache__" or entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from walk_files(Path(entry.path))
                continue
            with suppress(FileNotFoundError):
                yield entry.path, entry.stat()


def read_code_file(root: Path = Path()) -> dict[str, str]:
    """Read code.yaml.

    Raises:
        UserError: The file is missing or not valid YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe", pure=True).load((root / CODE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{CODE_FILE} not found, but dvc.yaml watches it. Run: mangagan upgrade") from None
    except (YAMLError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        raise UserError(f"{CODE_FILE} is damaged. Run: mangagan upgrade")
    return {str(key): str(value) for key, value in document.items()}


def is_generated(root: Path) -> bool:
    """Return True if the folder has a code.yaml that `mangagan init` or `mangagan upgrade` wrote."""
    with suppress(UserError, OSError):
        return {VERSION_KEY, DVC_YAML_KEY} <= read_code_file(root).keys()
    return False


def list_values(hashes: dict[str, str], dvc_yaml_sha256: str) -> dict[str, str]:
    """Return the content of code.yaml.

    Args:
        hashes: Hash of the code of each stage.
        dvc_yaml_sha256: SHA-256 of the dvc.yaml that was generated. A file with another hash was edited by the user.
    """
    return {VERSION_KEY: version("mangagan"), DVC_YAML_KEY: dvc_yaml_sha256, **hashes}


def write_code_file(root: Path, values: dict[str, str]) -> None:
    """Write code.yaml."""
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in values.items()]
    write_text(root / CODE_FILE, HEADER + "".join(lines))


def list_changed_stages(recorded: dict[str, str], installed: dict[str, str]) -> list[str]:
    """Return the stages whose recorded hash is not that of the installed code."""
    stages = [*installed, *(key for key in recorded if key not in (*installed, VERSION_KEY, DVC_YAML_KEY))]
    return [stage for stage in stages if recorded.get(stage) != installed.get(stage)]


def watches_code_file(root: Path = Path()) -> bool:
    """Return True if dvc.yaml is that of a workspace. A clone of the project watches its source folders instead."""
    with suppress(OSError, UnicodeDecodeError):
        return f"{CODE_FILE}:" in (root / DVC_YAML).read_text(encoding="utf-8")
    return False


def check_code(stage: str = "") -> None:
    """Check that code.yaml in the working directory names the installed code.

    DVC would run a stage with other code than it records. `scan` checks all stages, because DVC deletes the outputs of
    a stage before it runs the stage. In a clone of the project there is nothing to check.

    Args:
        stage: Check only this stage. Default: all stages.

    Raises:
        UserError: The code of a stage changed since the last `mangagan upgrade`.
    """
    if not CODE_FILE.is_file() and not watches_code_file():
        return
    changed = list_changed_stages(read_code_file(), hash_stages())
    if stage:
        changed = [name for name in changed if name == stage]
    if changed:
        installed = f"the installed mangagan {version('mangagan')}"
        raise UserError(f"{installed} has other code than {CODE_FILE} for {', '.join(changed)}. Run: mangagan upgrade")
