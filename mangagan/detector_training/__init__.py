"""Training of the face detector `mangaface` (not a dependency of any stage)."""
