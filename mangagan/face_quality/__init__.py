"""The network that rates detections: the probability of a face, and of a usable face."""
