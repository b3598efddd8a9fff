"""Build a dataset of faces from manga screenshots, train a DCGAN on it, and evaluate the DCGAN."""
