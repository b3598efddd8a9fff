"""The one exception whose text is meant for the user."""


class UserError(Exception):
    """Something the user can mend.

    The message is one line that says what is wrong and what to do; the command line prints it and exits with status 2.
    """
