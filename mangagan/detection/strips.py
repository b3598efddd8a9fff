"""Long pictures, such as web comics in one strip, are searched in pieces: shrunk whole, their faces would vanish."""

import numpy as np

LONGEST = 2.5  # long side over short of a picture that is searched in one piece, and of a piece
SHARED = 1.25  # of the short side: what neighbouring pieces have in common, so that a face as wide as the picture fits
SHORTEST = 64  # px; a line of pixels is cut as if it were so wide
NEAR = 0.02  # of the short side: a box that comes so near to where the picture was cut is taken to be cut


def pieces(picture: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """A picture (H, W, …) as overlapping pieces: left, top and pixels of each; most pictures are one."""
    height, width = picture.shape[:2]
    short, long = max(min(height, width), SHORTEST), max(height, width)
    size = int(LONGEST * short)
    count = -(-(long - size) // int(size - SHARED * short)) + 1 if long > size else 1
    starts = [round(start) for start in np.linspace(0, max(long - size, 0), count)]
    if height >= width:
        return [(0, start, picture[start : start + size]) for start in starts]
    return [(start, 0, picture[:, start : start + size]) for start in starts]


def uncut(faces: np.ndarray, left: int, top: int, piece: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """The faces of a piece in px of the picture, without those that the cut went through.

    Another piece has these whole, unless they are longer than `SHARED` times the short side.

    Args:
        faces: (N, 4 or more): x, y, w, h in px of the piece, and what else belongs to them.
        left: of the piece in the picture.
        top: of the piece in the picture.
        piece: (h, w, …).
        picture: (H, W, …).
    """
    height, width = piece.shape[:2]
    near = NEAR * min(height, width)
    kept = np.ones(len(faces), bool)
    if top > 0:
        kept &= faces[:, 1] > near
    if left > 0:
        kept &= faces[:, 0] > near
    if top + height < picture.shape[0]:
        kept &= faces[:, 1] + faces[:, 3] < height - near
    if left + width < picture.shape[1]:
        kept &= faces[:, 0] + faces[:, 2] < width - near
    return np.column_stack([faces[:, :2] + (left, top), faces[:, 2:]])[kept]


def inside(faces: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Faces (N, 4 or more) cut to a picture of this shape (H, W, …); those beside it are gone."""
    sides = shape[1::-1]
    first, last = faces[:, :2].clip(0, sides), (faces[:, :2] + faces[:, 2:4]).clip(0, sides)
    whole = (last - first >= 1).all(axis=1)
    return np.column_stack([first, last - first, faces[:, 4:]])[whole]
