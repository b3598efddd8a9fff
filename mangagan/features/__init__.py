"""Feature extractors: functions from images to vectors, for metrics and the training monitor."""
