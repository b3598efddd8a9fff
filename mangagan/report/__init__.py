"""reports/index.html: one self-contained page that says how the dataset and the generator came out."""
