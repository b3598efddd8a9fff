"""From face boxes to a clean dataset: crop, judge, compare, split."""
