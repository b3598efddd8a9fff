"""The user's model files: found by path or fetched by URL, never used unless their SHA-256 is the one expected."""

import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path, sha256_file

MAX_BYTES = 512 * 2**20
TIMEOUT_S = 60
BLOCK = 2**20


def resolve_model(section: str, location: str, sha256: str, root: Path) -> Path:
    """Finds the model file, downloading it on first use into `.mangagan/models/`.

    Args:
        section: of params.yaml that names it, such as detect.onnx; for messages.
        location: a path, relative to `root` unless absolute, or an https URL.
        sha256: 64 hex digits.
        root: the workspace.

    Raises:
        UserError: no such file, no network, or other content than expected.
    """
    key, sha256 = f"{section}.model", sha256.lower()  # some tools print hashes in capitals
    if not location:
        raise UserError(f"params.yaml: {key} is empty: give the path or https URL of the model file")
    if "://" in location:
        if not location.startswith("https://"):
            raise UserError(f"params.yaml: {key}: only https URLs are fetched, not {location}")
        check_digest_form(key, sha256, "the file's SHA-256 (64 hex digits), which a URL needs")
        path = root / catalog.STATE / "models" / f"{sha256}{Path(location).suffix[:8]}"
        if not path.exists():
            download(key, location, path, sha256)
    else:
        path = root / location
        if not path.is_file():
            raise UserError(f"params.yaml: {key}: no file {path}: give the right path or an https URL")
        check_digest_form(key, sha256, f"the file's SHA-256, {sha256_file(path)} for {path}")
    digest = sha256_file(path)
    if digest != sha256:
        raise UserError(f"{path} has SHA-256 {digest}, not {key}_sha256 {sha256}: replace the file or the key")
    return path


def check_digest_form(key: str, sha256: str, expected: str) -> None:
    """Raises UserError unless `sha256` looks like one."""
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise UserError(f"params.yaml: {key}_sha256 must be {expected}")


def download(key: str, url: str, path: Path, sha256: str) -> None:
    """Fetches `url`, which `key` names, to `path`, which appears once all of it is there and its SHA-256 is right."""
    with atomic_path(path) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response, temporary.open("wb") as file:
                while block := response.read(BLOCK):
                    file.write(block)
                    if file.tell() > MAX_BYTES:
                        raise UserError(f"{url} is over {MAX_BYTES >> 20} MiB: too large for a model file")
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise UserError(
                f"could not download {url} ({reason}): fetch it by other means and give its path as {key}"
            ) from None
        digest = sha256_file(temporary)
        if digest != sha256:
            raise UserError(f"{url} has SHA-256 {digest}, not {key}_sha256 {sha256}: nothing was kept")
