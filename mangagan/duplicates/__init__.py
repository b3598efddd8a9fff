"""Search for near-duplicates: faces that show the same drawing, or its mirror image."""
