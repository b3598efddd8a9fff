"""Synthetic manga pages with ground truth: the position of every face, every repeated page and every broken file."""
