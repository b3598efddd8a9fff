"""The project's own detector of manga faces."""
