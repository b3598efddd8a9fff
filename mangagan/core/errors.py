"""The exception for errors that the user can fix."""


class UserError(Exception):
    """An error that the user can fix.

    The message is one line: what happened, then what to do. The command line prints it and exits with status 2.
    """
