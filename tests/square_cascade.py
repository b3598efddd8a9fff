"""A tiny LBP cascade of our own that finds bright squares on a dark ground, for tests of the backend `lbpcascade`."""

from pathlib import Path

import numpy as np

# One stage, one feature: 3x3 cells of 8 px. An LBP code of 0 means that all outer cells are darker than the middle.
CASCADE = """<?xml version="1.0"?>
<opencv_storage>
<cascade>
  <stageType>BOOST</stageType>
  <featureType>LBP</featureType>
  <height>24</height>
  <width>24</width>
  <stageParams><boostType>GAB</boostType><minHitRate>0.995</minHitRate><maxFalseAlarm>0.5</maxFalseAlarm>
    <weightTrimRate>0.95</weightTrimRate><maxDepth>1</maxDepth><maxWeakCount>1</maxWeakCount></stageParams>
  <featureParams><maxCatCount>256</maxCatCount></featureParams>
  <stageNum>1</stageNum>
  <stages>
    <_>
      <maxWeakCount>1</maxWeakCount>
      <stageThreshold>0.5</stageThreshold>
      <weakClassifiers>
        <_>
          <internalNodes>0 -1 0 1 0 0 0 0 0 0 0</internalNodes>
          <leafValues>1. -1.</leafValues></_></weakClassifiers></_></stages>
  <features>
    <_>
      <rect>0 0 8 8</rect></_></features></cascade>
</opencv_storage>
"""


def write_square_cascade(path: Path) -> Path:
    path.write_text(CASCADE)
    return path


def draw_squares(places: list[tuple[int, int, int]], height: int = 400, width: int = 300) -> np.ndarray:
    """Return a dark page, uint8 (height, width), with a bright square (left, top, side) at each place."""
    page = np.full((height, width), 20, np.uint8)
    for left, top, side in places:
        page[top : top + side, left : left + side] = 240
    return page
