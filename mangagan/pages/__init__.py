"""From screenshot files to pages."""
