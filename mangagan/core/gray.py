"""Conversion of colour to gray."""

LUMA = (0.299, 0.587, 0.114)  # weights of R, G and B (Rec. 601)
