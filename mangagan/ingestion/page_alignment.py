"""Find the scale and the shift between two pages that may show the same drawing."""

from typing import NamedTuple

import cv2
import numpy as np

COARSE_SCALES = (1.0, 0.94, 1.06, 0.88, 1.13, 0.82, 1.2)  # of equally wide thumbnails; ascending distance to 1
ALIGNED = 0.97  # correlation of thumbnails at which no further scale is tried
MIN_COARSE = 0.6  # minimum correlation of aligned thumbnails
GRID = 8  # tiles per side
MIN_TILE_CONTRAST = 12.0  # minimum standard deviation of a tile that is located [gray levels]
MIN_TILE_CORRELATION = 0.6
MIN_TILES = 5
OUTLIER = 2.5  # tiles with a larger distance from the fit are outliers [px]


class Placement(NamedTuple):
    """Maps a point of page A to page B: `scale * x + shift`, separately for columns and rows.

    Attributes:
        scale_x: Scale of columns.
        scale_y: Scale of rows.
        shift_x: Shift of columns [px of page B].
        shift_y: Shift of rows [px of page B].
    """

    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float

    def to_matrix(self) -> np.ndarray:
        """Return the affine matrix, float64 (2, 3)."""
        return np.array([[self.scale_x, 0, self.shift_x], [0, self.scale_y, self.shift_y]])

    def resize(self, factor: float) -> "Placement":
        """Return the placement for both pages resized by a factor."""
        return Placement(self.scale_x, self.scale_y, self.shift_x * factor, self.shift_y * factor)


def align_thumbnails(first: np.ndarray, second: np.ndarray) -> tuple[float, Placement]:
    """Return the best correlation of two thumbnails of equal width, and where the first one is in the second one.

    Args:
        first: uint8 (H, W).
        second: uint8 (H', W).
    """
    pad_y, pad_x = int(0.25 * second.shape[0]), int(0.15 * second.shape[1])
    padded = cv2.copyMakeBorder(second, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_REPLICATE)
    best, placement = -1.0, Placement(1, 1, 0, 0)
    for scale in COARSE_SCALES:
        size = (round(first.shape[1] * scale), round(first.shape[0] * scale))
        scaled = cv2.resize(first, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        top, left = int(0.22 * size[1]), int(0.12 * size[0])
        template = scaled[top : size[1] - top, left : size[0] - left]
        if template.shape[0] > padded.shape[0] or template.shape[1] > padded.shape[1]:
            continue
        scores = cv2.matchTemplate(padded, template, cv2.TM_CCOEFF_NORMED)
        _, score, _, (x, y) = cv2.minMaxLoc(scores)
        if np.isfinite(score) and score > best:
            best, placement = score, Placement(scale, scale, x - pad_x - left, y - pad_y - top)
        if best >= ALIGNED:
            break
    return float(best), placement


def refine(first: np.ndarray, second: np.ndarray, start: Placement, reach: int, tile: int) -> Placement | None:
    """Locate tiles of one page in another and fit scale and shift.

    Args:
        first: Page A, uint8 (H, W).
        second: Page B, uint8 (H', W').
        start: A placement that is right within `reach`.
        reach: Maximum error of `start` [px].
        tile: Side of a tile [px].

    Returns:
        None if most tiles are not found.
    """
    height, width = first.shape
    warped = cv2.warpAffine(
        second,
        start.to_matrix(),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    places, moves, tried = [], [], 0
    for y in np.linspace(reach, height - tile - reach, GRID).astype(int):
        for x in np.linspace(reach, width - tile - reach, GRID).astype(int):
            if min(x, y) < reach or not is_inside(start, x, y, tile, second.shape):
                continue
            template = first[y : y + tile, x : x + tile]
            if template.std() < MIN_TILE_CONTRAST:
                continue
            tried += 1
            area = warped[y - reach : y + tile + reach, x - reach : x + tile + reach]
            _, score, _, (dx, dy) = cv2.minMaxLoc(cv2.matchTemplate(area, template, cv2.TM_CCOEFF_NORMED))
            if score >= MIN_TILE_CORRELATION:
                places.append((x + tile / 2, y + tile / 2))
                moves.append((dx - reach, dy - reach))
    if len(places) < max(MIN_TILES, 0.5 * tried):
        return None
    fits = [fit_line(np.array(places)[:, axis], np.array(moves)[:, axis]) for axis in (0, 1)]
    if fits[0] is None or fits[1] is None:
        return None
    (slope_x, shift_x), (slope_y, shift_y) = fits[0], fits[1]
    return Placement(
        start.scale_x * (1 + slope_x),
        start.scale_y * (1 + slope_y),
        start.scale_x * shift_x + start.shift_x,
        start.scale_y * shift_y + start.shift_y,
    )


def is_inside(placement: Placement, x: int, y: int, tile: int, shape: tuple[int, ...]) -> bool:
    """Return True if a tile of page A is inside page B of this shape."""
    left, top = placement.scale_x * x + placement.shift_x, placement.scale_y * y + placement.shift_y
    right, bottom = left + placement.scale_x * tile, top + placement.scale_y * tile
    return left >= 0 and top >= 0 and right <= shape[1] and bottom <= shape[0]


def fit_line(places: np.ndarray, moves: np.ndarray) -> tuple[float, float] | None:
    """Fit `moves = slope * places + shift` without outliers.

    Args:
        places: float (N,).
        moves: float (N,).

    Returns:
        Slope and shift. None if fewer than half of the points fit.
    """
    is_inlier = np.abs(moves - np.median(moves)) <= 4 * OUTLIER
    slope, shift = 0.0, float(np.median(moves))
    for _ in range(4):
        if is_inlier.sum() < max(MIN_TILES, 0.5 * len(places)):
            return None
        if np.ptp(places[is_inlier]) > 0:
            slope, shift = (float(value) for value in np.polyfit(places[is_inlier], moves[is_inlier], 1))
        is_inlier = np.abs(slope * places + shift - moves) <= OUTLIER
    return slope, shift
