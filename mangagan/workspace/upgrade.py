"""Renew the code hashes and the dvc.yaml of a workspace after an update of the package."""

import fcntl
import json
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes, write_text
from mangagan.workspace import code_file
from mangagan.workspace.code_file import CODE_FILE, DVC_YAML, DVC_YAML_KEY
from mangagan.workspace.dvc_yaml import TEMPLATE, generate_dvc_yaml, list_later_stages, read_stages

NEW_DVC_YAML = Path("dvc.yaml.new")
# DVC holds the first while it works, but not while a command of a stage runs. The second lists the files in use until
# the outputs of the stage are saved.
DVC_LOCK = Path(".dvc/tmp/lock")
DVC_FILE_LOCKS = Path(".dvc/tmp/rwlock")


def upgrade_workspace(root: Path = Path()) -> list[str]:
    """Renew code.yaml and dvc.yaml, and compare the keys of params.yaml with those of this version.

    Args:
        root: The workspace. Default: the working directory.

    Returns:
        Lines for the user: what changed, and which stages are out of date.

    Raises:
        UserError: The folder is no workspace, a stage or DVC is running, or params.yaml cannot be read.
    """
    check_workspace(root)
    recorded, installed = read_recorded(root), code_file.hash_stages(root)
    params_lines = describe_params(root)
    before = read_text(root / DVC_YAML)
    lines = renew_dvc_yaml(root, before, recorded.get(DVC_YAML_KEY, ""))
    after = read_text(root / DVC_YAML)
    values = code_file.list_values(installed, sha256_bytes(generate_dvc_yaml().encode()))
    if recorded != values:
        code_file.write_code_file(root, values)
    changed = code_file.list_changed_stages(recorded, installed)
    lines += describe_stages(changed, read_stages(before), read_stages(after))
    if not lines:
        lines = [f"nothing to renew: this is already the code of mangagan {version('mangagan')}"]
    return lines + params_lines


def check_workspace(root: Path) -> None:
    """Raise UserError if the folder is no workspace of `mangagan init`, or a stage or DVC is running in it."""
    if not (root / CODE_FILE).is_file() and not code_file.watches_code_file(root):
        if (root / DVC_YAML).is_file():
            raise UserError(
                f"{DVC_YAML} watches source folders, as in a clone of the project. Only a workspace of `mangagan init`"
                " is upgraded"
            )
        raise UserError("no workspace here. Change to a workspace, or make one with: mangagan init DIR")
    for stage in catalog.STAGES:
        if is_locked(root / catalog.STATE / f"{stage}.lock"):
            raise UserError(f"the stage {stage} is running in this workspace. Run mangagan upgrade when it has ended")
    if is_dvc_running(root):
        raise UserError(
            "DVC is running in this workspace. Run mangagan upgrade when it has ended. If no DVC is running, delete"
            f" {DVC_FILE_LOCKS}"
        )


def is_dvc_running(root: Path) -> bool:
    """Return True if DVC runs a stage, or works on the workspace in another way.

    After a stage has ended, DVC records its outputs with the code hash that it finds then.
    """
    import psutil

    if is_locked(root / DVC_LOCK):
        return True
    try:
        locks = json.loads((root / DVC_FILE_LOCKS).read_text(encoding="utf-8"))
        owners = [
            *locks.get("write", {}).values(),
            *(owner for owners in locks.get("read", {}).values() for owner in owners),
        ]
        return any(psutil.pid_exists(int(owner["pid"])) for owner in owners)  # a killed process leaves its entries
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no DVC command ran yet, or the file is damaged
        return False


def is_locked(path: Path) -> bool:
    """Return True if a process holds the lock of a stage, or that of DVC."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no stage ran yet, or a network disk without locks
        return False
    return False


def read_recorded(root: Path) -> dict[str, str]:
    """Return the content of code.yaml; empty if it is missing or damaged, because it is written again."""
    with suppress(UserError):
        return code_file.read_code_file(root)
    return {}


def read_text(path: Path) -> str:
    """Return the text of a file; empty if it is missing."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8. Delete it, then run mangagan upgrade") from None


def renew_dvc_yaml(root: Path, current: str, recorded_sha256: str) -> list[str]:
    """Write the dvc.yaml of this version. If the user edited the file, write dvc.yaml.new instead.

    Args:
        root: The workspace.
        current: Text of dvc.yaml; empty if it is missing.
        recorded_sha256: SHA-256 of the last generated dvc.yaml.

    Returns:
        Lines for the user.
    """
    text = generate_dvc_yaml()
    if current == text:
        (root / NEW_DVC_YAML).unlink(missing_ok=True)  # the user has merged it
        return []
    if current and sha256_bytes(current.encode()) != recorded_sha256:
        if recorded_sha256 == sha256_bytes(text.encode()) and not (root / NEW_DVC_YAML).exists():
            return []  # this version has nothing that the user has not merged
        write_text(root / NEW_DVC_YAML, text)
        return [f"{DVC_YAML} has edits of your own and was not changed. Merge {NEW_DVC_YAML} into it, then delete it"]
    write_text(root / DVC_YAML, text)
    return [f"{DVC_YAML}: written for this version"]


def describe_stages(changed: list[str], before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return lines about the stages with other code or another definition, and those after them."""
    redefined = [stage for stage in after if stage in before and after[stage] != before[stage]]
    new = [stage for stage in after if before and stage not in before]
    lines = [
        f"{label}: {', '.join(stages)}"
        for label, stages in (("other code", changed), ("other definition in dvc.yaml", redefined), ("new stages", new))
        if stages
    ]
    stale = [stage for stage in after if stage in (*changed, *redefined, *new)]
    if stale:
        later = list_later_stages(after, stale)
        lines.append(f"out of date: {', '.join(stale)}")
        if later:
            lines.append(f"run again if their inputs change: {', '.join(later)}")
    return lines


def describe_params(root: Path) -> list[str]:
    """Return lines about the keys that params.yaml lacks, and those that this version does not know."""
    known, own = params.read_sections(TEMPLATE / "params.yaml"), params.read_document(root / catalog.PARAMS)
    lacking, unknown = list_missing_keys(known, own), list_missing_keys(own, known)
    lines = []
    if lacking:
        lines.append(f"{catalog.PARAMS} lacks keys of this version; add them to see their values: {', '.join(lacking)}")
    if unknown:
        lines.append(f"{catalog.PARAMS} has keys that this version does not know; remove them: {', '.join(unknown)}")
    return lines


def list_missing_keys(wanted: dict[str, Any], given: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the keys of a nested mapping that another one lacks, as `section.key`."""
    missing = []
    for key, value in wanted.items():
        if key not in given:
            missing.append(f"{prefix}{key}")
        elif isinstance(value, dict) and isinstance(given[key], dict):
            missing += list_missing_keys(value, given[key], f"{prefix}{key}.")
    return missing
