"""Rectangles on an image."""

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle in pixels of the upright source image.

    Attributes:
        left: First column.
        top: First row.
        width: Number of columns.
        height: Number of rows.
    """

    left: int
    top: int
    width: int
    height: int
