"""The user's model files: found by path or downloaded, and verified by their SHA-256."""

import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path

from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path, sha256_file
from mangagan.core.state import DOWNLOADED_MODELS

MAX_BYTES = 512 * 2**20
TIMEOUT_S = 60
BLOCK_BYTES = 2**20


def resolve_model(key: str, location: str, sha256: str, root: Path) -> Path:
    """Return the path of a model file after its SHA-256 is verified.

    A URL is downloaded on first use into `.mangagan/models/`.

    Args:
        key: Key of params.yaml that names the file, for example detect.onnx.model. The key of its hash has the suffix
            _sha256.
        location: Value of this key: a path (relative to `root` unless absolute) or an https URL.
        sha256: Value of the key of the hash: 64 hex digits, upper or lower case.
        root: The workspace.

    Raises:
        UserError: There is no such file, the download fails, or the SHA-256 differs.
    """
    sha256 = sha256.lower()  # some tools print upper case
    if not location:
        raise UserError(f"params.yaml: {key} is empty. Set it to the path or https URL of the model file")
    if "://" in location:
        if not location.startswith("https://"):
            raise UserError(f"params.yaml: {key}: only https URLs are supported, not {location}")
        check_sha256_format(key, sha256, "the SHA-256 (64 hex digits) of the file that the URL gives")
        path = root / DOWNLOADED_MODELS / f"{sha256}{Path(location).suffix[:8]}"
        if not path.exists():
            download_model(key, location, path, sha256)
    else:
        path = root / location
        if not path.is_file():
            raise UserError(f"params.yaml: {key}: no file {path}. Set it to an existing file or an https URL")
        check_sha256_format(key, sha256, f"the file's SHA-256, {sha256_file(path)} for {path}")
    digest = sha256_file(path)
    if digest != sha256:
        raise UserError(f"{path} has SHA-256 {digest}, not {key}_sha256 {sha256}. Replace the file or change the key")
    return path


def check_sha256_format(key: str, sha256: str, expected: str) -> None:
    """Raise UserError unless `sha256` has 64 hex digits. `expected` describes the right value."""
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise UserError(f"params.yaml: {key}_sha256 must be {expected}")


def download_model(key: str, url: str, path: Path, sha256: str) -> None:
    """Download `url`, the value of `key` in params.yaml, to `path`. Keep nothing if the SHA-256 differs."""
    with atomic_path(path) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response, temporary.open("wb") as file:
                while block := response.read(BLOCK_BYTES):
                    file.write(block)
                    if file.tell() > MAX_BYTES:
                        raise UserError(f"{url} is larger than {MAX_BYTES >> 20} MiB, the limit. Use a smaller file")
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise UserError(
                f"could not download {url} ({reason}). Download it by other means and set {key} to its path"
            ) from None
        digest = sha256_file(temporary)
        if digest != sha256:
            raise UserError(f"{url} has SHA-256 {digest}, not {key}_sha256 {sha256}. Check the URL and the hash")
