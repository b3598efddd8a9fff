"""Long images, such as a chapter of a web comic in one strip.

A strip is split into overlapping pieces. If it were shrunk as a whole, its faces would become too small to detect.
"""

from typing import NamedTuple

import numpy as np

MAX_ASPECT = 2.5  # maximum ratio of long to short side of an image that is not split, and of a piece
PIECE_OVERLAP = 1.25  # overlap of neighbouring pieces, as a share of the short side: a face as wide as the image fits
MIN_SHORT_SIDE = 64  # px; narrower images are split as if they had this width
EDGE_SHARE = 0.02  # a box that is closer than this share of the short side to a cut counts as cut


class Piece(NamedTuple):
    """A part of an image.

    Attributes:
        left: Position in the image [px].
        top: Position in the image [px].
        pixels: (h, w, …).
    """

    left: int
    top: int
    pixels: np.ndarray


def split_strip(image: np.ndarray) -> list[Piece]:
    """Split an image (H, W, …) into overlapping pieces. Most images give one piece."""
    height, width = image.shape[:2]
    short, long = max(min(height, width), MIN_SHORT_SIDE), max(height, width)
    size = int(MAX_ASPECT * short)
    count = -(-(long - size) // int(size - PIECE_OVERLAP * short)) + 1 if long > size else 1
    starts = [round(start) for start in np.linspace(0, max(long - size, 0), count)]
    if height >= width:
        return [Piece(0, start, image[start : start + size]) for start in starts]
    return [Piece(start, 0, image[:, start : start + size]) for start in starts]


def remove_cut_faces(faces: np.ndarray, piece: Piece, image: np.ndarray) -> np.ndarray:
    """Remove the faces that the border of a piece cuts, and move the others to px of the image.

    A neighbouring piece contains the cut faces as a whole, unless they are longer than `PIECE_OVERLAP` times the short
    side.

    Args:
        faces: (N, 4 or more): x, y, w, h in px of the piece, and any further columns.
        piece: The piece.
        image: The whole image, (H, W, …).
    """
    height, width = piece.pixels.shape[:2]
    margin = EDGE_SHARE * min(height, width)
    kept = np.ones(len(faces), bool)
    if piece.top > 0:
        kept &= faces[:, 1] > margin
    if piece.left > 0:
        kept &= faces[:, 0] > margin
    if piece.top + height < image.shape[0]:
        kept &= faces[:, 1] + faces[:, 3] < height - margin
    if piece.left + width < image.shape[1]:
        kept &= faces[:, 0] + faces[:, 2] < width - margin
    return np.column_stack([faces[:, :2] + (piece.left, piece.top), faces[:, 2:]])[kept]


def clip_to_image(faces: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Clip faces (N, 4 or more) to an image of this shape (H, W, …); remove those that keep less than 1 px."""
    sides = shape[1::-1]
    first, last = faces[:, :2].clip(0, sides), (faces[:, :2] + faces[:, 2:4]).clip(0, sides)
    visible = (last - first >= 1).all(axis=1)
    return np.column_stack([first, last - first, faces[:, 4:]])[visible]
