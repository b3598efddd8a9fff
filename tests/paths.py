"""Paths of the project, and of data next to it that some tests use."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"
CASCADE = SHARED / "models" / "lbpcascade_animeface.xml"
needs_cascade = pytest.mark.skipif(not CASCADE.exists(), reason="../shared/models/lbpcascade_animeface.xml not found")
