"""Network that rates detections: the probability of a face, and the probability of a usable face."""
