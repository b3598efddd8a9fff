"""Face detection: the detector interface, the registry of detectors, and detection on many pages."""
