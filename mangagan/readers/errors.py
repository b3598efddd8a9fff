"""Errors of readers. Their messages become reasons in the table of pages, in the words of a user."""


class ReaderError(Exception):
    """A file cannot be read. The message is the whole reason, for example "needs a password"."""


class TooLargeError(ReaderError):
    """A file exceeds one of the bounds in the section `ingest` of params.yaml."""
