"""Process-wide settings of libraries. Only the entry point of a process calls these functions."""


def configure_libraries() -> None:
    """Switch off Pillow's limit of pixels: `ingest.max_megapixels` is checked before any pixel is decoded."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None


def limit_to_one_thread() -> None:
    """Give OpenCV and torch one thread, and keep float32 exact on GPUs.

    For processes that work on many pages side by side. Results must not depend on the number of threads, which changes
    the order of sums and of the cascade's hits.
    """
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # TF32 moves boxes by more than they are rounded
