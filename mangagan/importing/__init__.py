"""Faces that the user already has: copy crops into the workspace, and make faces of the dataset from them."""
