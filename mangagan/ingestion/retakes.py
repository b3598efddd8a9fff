"""Find pages that were taken twice: scrolled, zoomed, compressed differently, or on another device.

1. Candidates: pairs of pages with similar small maps, at any vertical shift of up to a quarter of a page.
2. Verification: align both pages, and look for the largest difference in any place.
3. Clustering: each page is merged into the best page that it matches. A merged page never represents another page.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from mangagan.ingestion.edge_profiles import to_gray
from mangagan.ingestion.page_alignment import MIN_COARSE, Placement, align_thumbnails
from mangagan.ingestion.page_comparison import Match, compare_pages, resize_by
from mangagan.ingestion.page_signatures import THUMBNAIL_WIDTH, PageSignature, describe_page

__all__ = ["PageSignature", "describe_page", "find_retakes"]

MAP_WIDTH = 16  # columns of a map
WINDOW_ROWS = 12  # rows of a window of a map
SHIFTS = 4  # rows by which a window is moved, up and down
MIN_CANDIDATE = 0.7  # minimum correlation of two windows
MAX_CANDIDATES = 8  # pages that a page is compared with
MIN_CONTRAST = 2.0  # minimum standard deviation of a window that is compared [gray levels]
BLOCK_SIZE = 1024  # pages
MAX_LOADED = 24  # pages in memory
LOADED_WIDTH = 1400  # maximum width of a page in memory [px]
SAME_RESOLUTION = 1.04  # resolutions within this ratio are equal; then the more complete page is kept
SAME_SIZE = 1.02  # areas within this ratio are equal; then the sharper and less compressed page is kept
BLURRED = 0.85  # a page with less than this share of the roughness of another is blurred


Compare = Callable[[int, int], Match]  # indices of two pages → their comparison


def find_retakes(
    signatures: Sequence[PageSignature],
    load: Callable[[int], np.ndarray] | None = None,
    remember: Callable[[Compare], Compare] = lambda compare: compare,
) -> list[int]:
    """Find the pages of a title that show the same drawing.

    Args:
        signatures: Signatures of all pages of the title, in reading order.
        load: Returns the pixels of a page, uint8 (H, W) or (H, W, 3). Called only for pages that look alike. None:
            every page is kept, because a thumbnail does not show letters.
        remember: Decorator of the comparison that knows the results of earlier runs. Default: compares each pair.

    Returns:
        For each page the index of the page that represents it. A page that is kept represents itself.
    """
    if load is None:
        return list(range(len(signatures)))
    pages = PageCache(load)
    compare = remember(partial(compare_candidates, signatures, pages))
    matches: dict[tuple[int, int], float] = {}
    for first, second in find_candidates(signatures):
        match = compare(first, second)
        if match.is_same:
            matches[first, second] = match.scale
            matches[second, first] = 1 / match.scale
    return choose_representatives(signatures, matches)


class PageCache:
    """The gray pixels of the pages that were loaded last."""

    def __init__(self, load: Callable[[int], np.ndarray]) -> None:
        self.load = load
        self.pages: OrderedDict[int, np.ndarray] = OrderedDict()

    def get(self, index: int) -> np.ndarray:
        """Return a page, uint8 (H, W), at most LOADED_WIDTH wide."""
        if index not in self.pages:
            gray = to_gray(self.load(index))
            self.pages[index] = resize_by(gray, min(1.0, LOADED_WIDTH / gray.shape[1]))
            if len(self.pages) > MAX_LOADED:
                self.pages.popitem(last=False)
        self.pages.move_to_end(index)
        return self.pages[index]


def find_candidates(signatures: Sequence[PageSignature]) -> list[tuple[int, int]]:
    """Return the pairs of pages with similar maps, smaller index first, each once, sorted."""
    maps = [make_map(signature) for signature in signatures]
    centres = cut_windows(maps, (0,))[0]
    best = np.full((len(maps), MAX_CANDIDATES), -1, np.float32)
    others = np.zeros((len(maps), MAX_CANDIDATES), np.int64)
    for start in range(0, len(maps), BLOCK_SIZE):
        windows = cut_windows(maps[start : start + BLOCK_SIZE], range(-SHIFTS, SHIFTS + 1))
        for row in range(0, len(maps), BLOCK_SIZE):
            rows = slice(row, row + BLOCK_SIZE)
            scores = score_block(centres[rows], windows)
            if row == start:
                np.fill_diagonal(scores, -1)
            keep_best(best[rows], others[rows], scores, start)
    pages, columns = np.nonzero(best >= MIN_CANDIDATE)
    found = others[pages, columns]
    return sorted(set(zip(np.minimum(pages, found).tolist(), np.maximum(pages, found).tolist(), strict=True)))


def keep_best(best: np.ndarray, others: np.ndarray, scores: np.ndarray, start: int) -> None:
    """Update the best matches of pages in place.

    Args:
        best: float32 (N, MAX_CANDIDATES), best scores so far.
        others: int64 (N, MAX_CANDIDATES), the pages with these scores.
        scores: float32 (N, M), scores of M further pages.
        start: Index of the first of these pages.
    """
    all_scores = np.concatenate([best, scores], axis=1)
    kept = np.argpartition(all_scores, -MAX_CANDIDATES, axis=1)[:, -MAX_CANDIDATES:]
    indices = np.where(
        kept < MAX_CANDIDATES,
        np.take_along_axis(others, np.minimum(kept, MAX_CANDIDATES - 1), axis=1),
        kept - MAX_CANDIDATES + start,
    )
    best[:], others[:] = np.take_along_axis(all_scores, kept, axis=1), indices


def make_map(signature: PageSignature) -> np.ndarray:
    """Return the page as a small blurred map, float32 (H, MAP_WIDTH)."""
    thumbnail = signature.thumbnail
    rows = max(WINDOW_ROWS, round(thumbnail.shape[0] * MAP_WIDTH / THUMBNAIL_WIDTH))
    small = cv2.resize(thumbnail, (MAP_WIDTH, rows), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small.astype(np.float32), (0, 0), 0.7)


def cut_windows(maps: Sequence[np.ndarray], shifts: Sequence[int]) -> np.ndarray:
    """Cut windows from maps, moved from the middle by `shifts` rows.

    Returns:
        float32 (len(shifts), N, D), normalised: the product of two windows is their correlation.
    """
    windows = np.zeros((len(shifts), len(maps), WINDOW_ROWS * MAP_WIDTH), np.float32)
    for index, page in enumerate(maps):
        middle = (len(page) - WINDOW_ROWS) // 2
        for number, shift in enumerate(shifts):
            top = middle + shift
            if 0 <= top <= len(page) - WINDOW_ROWS:
                window = page[top : top + WINDOW_ROWS].ravel()
                deviation = window - window.mean()
                norm = float(np.linalg.norm(deviation))
                if norm >= MIN_CONTRAST * np.sqrt(window.size):
                    windows[number, index] = deviation / norm
    return windows


def score_block(centres: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the best correlation over all shifts, float32 (N, M).

    Args:
        centres: float32 (N, D), windows of N pages, not shifted.
        windows: float32 (S, M, D), windows of M pages at S shifts.
    """
    scores = centres @ windows[0].T
    for shifted in windows[1:]:
        np.maximum(scores, centres @ shifted.T, out=scores)
    return scores


def compare_candidates(signatures: Sequence[PageSignature], pages: PageCache, first: int, second: int) -> Match:
    """Align the thumbnails of two pages and compare the pages."""
    score, placement = align_thumbnails(signatures[first].thumbnail, signatures[second].thumbnail)
    if score < MIN_COARSE:
        return Match(False, 1.0, 2.0, "different thumbnails")
    a, b = pages.get(first), pages.get(second)
    to_pixels_b = b.shape[1] / THUMBNAIL_WIDTH
    ratio = to_pixels_b * THUMBNAIL_WIDTH / a.shape[1]
    start = Placement(
        placement.scale_x * ratio,
        placement.scale_y * ratio,
        placement.shift_x * to_pixels_b,
        placement.shift_y * to_pixels_b,
    )
    match = compare_pages(a, b, start)
    loaded = (signatures[second].width / b.shape[1]) / (signatures[first].width / a.shape[1])
    return match._replace(scale=match.scale * loaded)


def choose_representatives(signatures: Sequence[PageSignature], matches: dict[tuple[int, int], float]) -> list[int]:
    """Merge each page into the best page that it matches.

    Args:
        signatures: Signatures of all pages.
        matches: (page, other page) → resolution of the other page per resolution of the page.
    """
    neighbours: dict[int, list[int]] = {}
    for first, second in matches:
        neighbours.setdefault(first, []).append(second)
    result = list(range(len(signatures)))
    merged: set[int] = set()
    for component in find_components(neighbours):
        resolution = propagate_resolution(component, neighbours, matches)
        for page in sort_by_quality(component, signatures, resolution):
            if page in merged:
                continue
            merged.add(page)
            for other in neighbours[page]:
                if other not in merged:
                    merged.add(other)
                    result[other] = page
    return result


def sort_by_quality(
    component: list[int], signatures: Sequence[PageSignature], resolution: dict[int, float]
) -> list[int]:
    """Sort pages that show the same drawing: resolution, completeness, sharpness, little compression, order."""
    classes: dict[tuple[int, int], list[int]] = {}
    for page in component:
        area = signatures[page].width * signatures[page].height / resolution[page] ** 2
        key = (-round(np.log(resolution[page]) / np.log(SAME_RESOLUTION)), -round(np.log(area) / np.log(SAME_SIZE)))
        classes.setdefault(key, []).append(page)
    result: list[int] = []
    for key in sorted(classes):
        roughness = {page: signatures[page].roughness for page in classes[key]}
        limit = BLURRED * max(roughness.values())
        result += sorted(roughness, key=lambda page: (roughness[page] < limit, roughness[page], page))
    return result


def find_components(neighbours: dict[int, list[int]]) -> list[list[int]]:
    """Return the connected components of a graph."""
    components, visited = [], set[int]()
    for start in sorted(neighbours):
        if start in visited:
            continue
        component, queue = [], [start]
        visited.add(start)
        while queue:
            page = queue.pop()
            component.append(page)
            new = [other for other in neighbours[page] if other not in visited]
            visited.update(new)
            queue += new
        components.append(component)
    return components


def propagate_resolution(
    component: list[int], neighbours: dict[int, list[int]], matches: dict[tuple[int, int], float]
) -> dict[int, float]:
    """Return the resolution of each page of a component, relative to its first page."""
    resolution = {component[0]: 1.0}
    queue = [component[0]]
    while queue:
        page = queue.pop()
        for other in neighbours[page]:
            if other not in resolution:
                resolution[other] = resolution[page] * matches[page, other]
                queue.append(other)
    return resolution
