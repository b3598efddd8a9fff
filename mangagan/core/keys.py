"""Keys of cached results: hashes of everything that a result depends on."""

import contextlib
import hashlib
from importlib.metadata import PackageNotFoundError, version


def make_key(*parts: object) -> bytes:
    """Return the key of an entry, 16 bytes: a hash of the texts of the parts. Bytes are hashed as they are."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return digest.digest()[:16]


def describe_libraries(*packages: str) -> str:
    """Return names and versions of installed packages that a result depends on, as a part of a key."""
    versions = []
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    return ", ".join(versions)
