"""The network of the detector `mangaface` and its weights."""
