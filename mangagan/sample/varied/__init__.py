"""Usable faces of many kinds, for example bald, old, with small eyes or with hats."""
