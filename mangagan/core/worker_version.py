"""What must be equal on all machines, so that a result does not depend on the machine that computes it."""

import hashlib
import platform
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SUFFIXES = (".py", ".safetensors")
LIBRARIES = (
    "backports.zstd",
    "inflate64",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pillow-heif",
    "pillow-jxl-plugin",
    "py7zr",
    "pyarrow",
    "pypdfium2",
    "rarfile",
    "torch",
)


@cache
def read_versions() -> dict[str, str]:
    """Return the versions of the code and of the libraries whose version can change a result.

    A process keeps the values of its first call, because it also keeps the modules that it has imported.
    """
    versions = {"code of mangagan": hash_package(), "Python": ".".join(platform.python_version_tuple()[:2])}
    return versions | {name: find_version(name) for name in LIBRARIES}


def find_version(library: str) -> str:
    """Return the version of a library, the same for its builds for CPU and GPU. "missing" if it is not installed."""
    for package in (library, f"{library}-gpu"):  # onnxruntime-gpu
        with suppress(PackageNotFoundError):
            return version(package).partition("+")[0]  # without +cpu or +cu130
    return "missing"


def hash_package() -> str:
    """Return the first digits of the SHA-256 (hex) of the source files and weights of this package."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(PACKAGE).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:12]


def describe_differences(there: dict[str, str]) -> str:
    """Return the versions of another process that differ from those of this one, as text. Empty if all are equal."""
    here = read_versions()
    return ", ".join(f"{name} {there.get(name)}, not {here[name]}" for name in here if there.get(name) != here[name])
