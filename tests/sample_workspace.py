"""A workspace with the sample manga."""

import shutil
from pathlib import Path

from mangagan.core import catalog
from mangagan.sample.manga import draw_manga
from tests.paths import PROJECT


def make_sample_workspace(root: Path, seed: int, pages_per_title: int) -> Path:
    """Draw the sample manga into `root`, and add the params.yaml and the overrides of the project."""
    draw_manga(root / catalog.SCREENSHOTS.parent, seed=seed, pages_per_title=pages_per_title)
    for name in (catalog.PARAMS, catalog.OVERRIDES):
        shutil.copy(PROJECT / name, root / name)
    return root
