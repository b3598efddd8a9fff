"""Screenshots of manga in; a clean set of faces, a DCGAN and honest evaluation out."""
