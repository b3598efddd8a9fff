"""Training of the face quality network. No stage depends on this package."""
