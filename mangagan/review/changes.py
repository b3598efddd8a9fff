"""The difference between the manifest and the manifest of the last commit.

The manifest is an output of DVC. `dvc.lock` of the commit contains its MD5, and DVC's cache contains the file.
"""

import subprocess
from pathlib import Path
from typing import Any

import pandas as pd

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.review.commands import run_dvc

COLUMNS = ("face_id", "title", "kept", "drop_reason", "split")  # that every version of the manifest has
CACHE = Path(".dvc/cache")  # DVC's default
GIT_TIMEOUT = 30.0  # [s]


def compare_with_commit(root: Path, manifest: pd.DataFrame) -> dict[str, Any]:
    """Compare the manifest with that of the last commit of the workspace `root`.

    Returns:
        `kept`: ids of the faces that are kept now and were not; `dropped`: reason → ids of the faces that were kept and
        are not; `split`: change → ids of the kept faces whose split has changed; `vanished`: faces that have been
        kept and are not in the manifest any more.

    Raises:
        UserError: There is no commit with a manifest, or DVC's cache lacks it.
    """
    before = read_committed_manifest(root).set_index("face_id")
    after = manifest.set_index("face_id")
    was_kept = after.index.to_series().map(before["kept"]).eq(True)
    is_kept = after["kept"].astype(bool)
    dropped = after[was_kept & ~is_kept]
    both = after[was_kept & is_kept]
    old_split = both.index.to_series().map(before["split"])
    moved = both[old_split != both["split"]]
    change = old_split[moved.index] + " → " + moved["split"]
    vanished = before[before["kept"] & ~before.index.isin(after.index)]
    return {
        "kept": after.index[is_kept & ~was_kept].tolist(),
        "dropped": {reason: group.index.tolist() for reason, group in dropped.groupby("drop_reason")},
        "split": {text: group.index.tolist() for text, group in moved.groupby(change)},
        "vanished": [{"face_id": face, "title": row["title"]} for face, row in vanished.iterrows()],
    }


def read_committed_manifest(root: Path) -> pd.DataFrame:
    """Read the manifest of the last commit, with the columns `COLUMNS`.

    Raises:
        UserError: There is no commit with a manifest, or DVC's cache lacks it.
    """
    md5 = find_committed_md5(root)
    path = find_cached_file(root, md5)
    if path is None:
        raise UserError(f"the cache of DVC lacks the {catalog.MANIFEST} of the last commit. Run: dvc fetch dedup")
    text = ("face_id", "title", "drop_reason", "split")
    try:
        return pd.read_csv(path, usecols=list(COLUMNS), dtype=dict.fromkeys(text, str), keep_default_na=False)
    except ValueError as error:
        raise UserError(f"the {catalog.MANIFEST} of the last commit cannot be read: {error}") from None


def find_committed_md5(root: Path) -> str:
    """Return the MD5 of the manifest in `dvc.lock` of the last commit.

    Raises:
        UserError: There is no git repository, no commit, or no manifest in it.
    """
    from ruamel.yaml import YAML

    command = ["git", "show", "HEAD:./dvc.lock"]
    try:
        shown = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=GIT_TIMEOUT)
        stages = YAML(typ="safe", pure=True).load(shown.stdout.decode())["stages"]
        outs = stages["dedup"]["outs"]
        return next(str(out["md5"]) for out in outs if out["path"] == catalog.MANIFEST.as_posix())
    except (OSError, subprocess.SubprocessError, KeyError, TypeError, StopIteration):
        raise UserError(
            "there is no commit with a manifest. After `dvc repro`, run: git add dvc.lock && git commit"
        ) from None


def find_cached_file(root: Path, md5: str) -> Path | None:
    """Return the file in DVC's cache; None if the cache lacks it."""
    relative = Path("files/md5") / md5[:2] / md5[2:]
    if (root / CACHE / relative).is_file():
        return root / CACHE / relative
    ended = run_dvc(root, "cache", "dir")  # the cache may be in another folder
    folder = Path(ended.stdout.strip()) if ended.returncode == 0 else CACHE
    return root / folder / relative if (root / folder / relative).is_file() else None
