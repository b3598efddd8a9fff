"""How the weights of the detector `mangaface` are made."""
