"""From face boxes to square faces: crop, resize, measure, check by quality gates, store."""
