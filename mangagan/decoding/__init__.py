"""Encoded images of any common format → the pixels that a viewer shows. `decode.py` is the entry point."""
