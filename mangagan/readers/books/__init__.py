"""Readers of e-books and documents: EPUB, PDF and TIFF with several pages."""
