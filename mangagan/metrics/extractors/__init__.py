"""Feature extractors: functions from an image to the numbers that distances between sets of images are taken on."""
