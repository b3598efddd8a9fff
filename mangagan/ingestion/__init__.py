"""Encoded images → distinct, numbered pages."""
