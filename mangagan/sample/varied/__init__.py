"""Faces of all kinds: bald, old, with small eyes, with hats."""
