"""Face detection: the detector interface, the registry of backends, and the run over many pages."""
