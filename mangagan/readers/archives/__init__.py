"""Readers of archives: ZIP, RAR, 7z and TAR."""
