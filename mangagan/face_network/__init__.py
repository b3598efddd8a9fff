"""The network of the face detector `mangaface` and its weights; also used as a feature extractor."""
