"""Training of the face detector `mangaface`. No stage depends on this package."""
