"""Chromium for tests of web pages. Tests that need it skip with a reason if it is missing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# No sandbox, because tests often run as root; no connections of the browser's own.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str:
    """Return the path of Chromium: $CHROMIUM, or a usual name; empty if there is none."""
    given = os.environ.get("CHROMIUM", "")
    if given and Path(given).is_file():
        return given
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""


@contextmanager
def launch_chromium() -> Iterator[Any]:
    """Start Chromium while the block runs."""
    api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    path = find_chromium()
    if not path:
        pytest.skip("Chromium not found. Install it, or set CHROMIUM to its path")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
