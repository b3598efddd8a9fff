"""The face detectors, one module each, with the settings of each beside it."""
