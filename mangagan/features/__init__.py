"""Feature extractors: functions from images to the vectors that metrics compare."""
