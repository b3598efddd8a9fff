"""The face detectors: one module each, with the settings of the detector."""
