"""Heads that are not usable as training faces: turned away, masked, covered."""
