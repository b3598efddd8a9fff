"""Pictures of stored pages, from the cache if an earlier run has made them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mangagan.core.cache import Cache
from mangagan.core.cached_map import map_cached
from mangagan.core.code import code_hash
from mangagan.core.keys import describe_libraries, make_key
from mangagan.pages.table import MAX_MEMORY, EncodedPage, PageReader, PageRow, list_kept, weigh_page

LIBRARIES = ("numpy", "opencv-python-headless", "pillow")


def draw_pages(
    pages: pd.DataFrame, folder: Path, draw: Callable[..., np.ndarray], cache: Cache, **options: int
) -> Iterator[tuple[PageRow, np.ndarray]]:
    """Yield the row and a picture of each kept page, title by title in reading order.

    Args:
        pages: Rows of the table. Rejected files are skipped.
        folder: The folder of the archives.
        draw: Function of a module that returns the picture of a page, for example a thumbnail.
        cache: Pictures that earlier runs made.
        options: Keyword arguments of the function.

    Raises:
        UserError: An archive or a page is missing or damaged.
    """
    rows = list_kept(pages)
    code = code_hash("mangagan.pages.decode", draw.__module__), describe_libraries(*LIBRARIES)
    with PageReader(folder) as reader:
        pictures = map_cached(
            partial(draw_page, partial(draw, **options)),
            rows,
            cache,
            key=lambda row: make_key("picture", *code, draw.__name__, options, row["page_id"]),
            kind=np.ndarray,
            load=reader.load,
            weigh=weigh_page,
            max_weight=MAX_MEMORY,
        )
        yield from zip(rows, pictures, strict=True)


def draw_page(draw: Callable[[np.ndarray], np.ndarray], page: EncodedPage) -> np.ndarray:
    """Return the picture of a page, uint8 (H, W) or (H, W, 3)."""
    return draw(page.decode().pixels)
