"""The report of a run: reports/index.html, one self-contained page."""
