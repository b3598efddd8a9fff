"""Process-wide settings of libraries. Only the entry point of a process calls these functions."""


def configure_libraries() -> None:
    """Disable Pillow's pixel limit and its warnings.

    `ingest.max_megapixels` is checked before any pixel is decoded. A damaged file has a reason in the table of pages.
    """
    import warnings

    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module="PIL")


def limit_opencv_to_one_thread() -> None:
    """Limit OpenCV to one thread, for processes that work on many images in parallel."""
    import cv2

    cv2.setNumThreads(1)


def limit_to_one_thread() -> None:
    """Limit OpenCV and torch to one thread each, and disable TF32.

    For processes that work on many pages in parallel. Results must not depend on the number of threads: it changes the
    order of sums and the order of the cascade's hits.
    """
    import torch

    limit_opencv_to_one_thread()
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # TF32 changes boxes by more than the rounding step
