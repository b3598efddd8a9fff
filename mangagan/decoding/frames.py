"""Choose the frame of an animated image that becomes its page."""

from dataclasses import replace

from PIL import Image

from mangagan.decoding.loading import Loaded, is_animated, make_picture
from mangagan.decoding.picture import Picture

MAX_FRAMES = 100
MAX_PIXELS = 200 * 10**6  # of all frames that are decoded


def choose_frame(loaded: Loaded, suffix: str) -> Picture:
    """Return the picture of the first frame that is not blank. The first frame if all are blank.

    Args:
        loaded: The image. Its first frame is loaded.
        suffix: As for `make_picture`.
    """
    picture = make_picture(loaded, suffix)
    if not is_animated(loaded.image) or not picture.is_blank():
        return picture
    image = loaded.image
    for index in range(1, min(MAX_FRAMES, MAX_PIXELS // (image.width * image.height))):
        frame = copy_frame(image, index)
        if frame is None:
            break
        candidate = make_picture(replace(loaded, image=frame, is_sound=False), suffix)
        if not candidate.is_blank():
            picture.close()
            return candidate
    first = copy_frame(image, 0)
    return picture if first is None else make_picture(replace(loaded, image=first, is_sound=False), suffix)


def copy_frame(image: Image.Image, index: int) -> Image.Image | None:
    """Return a copy of a frame. None if there is no such frame, or if it is damaged."""
    try:
        image.seek(index)
        return image.copy()
    except Exception:  # EOFError after the last frame; decoders raise any type on damaged ones
        return None
