"""The error of the decoder."""

import numpy as np

from mangagan.pages import decode as stored_pages


class UnreadableError(stored_pages.UnreadableError):
    """The data cannot be decoded to a whole picture. The message is the reason, in the words of a user.

    Attributes:
        preview: The decoded part of the picture, reduced to at most 1024 px: uint8 (H, W) or (H, W, 3), missing rows
            white. None if not available.
    """

    def __init__(self, reason: str, preview: np.ndarray | None = None) -> None:
        super().__init__(reason)
        self.preview = preview
