"""Colour illustrations with ground truth."""
