"""The schedule of training: intervals, length of a run, and batch size."""

from mangagan.core.errors import UserError
from mangagan.gan.config import Settings


def is_due(before: int, after: int, every_kimg: float) -> bool:
    """Return True if (before, after] [images] contains a multiple of `every_kimg`."""
    return int(after / (1000 * every_kimg)) > int(before / (1000 * every_kimg))


def count_final_images(settings: Settings, faces: int) -> int:
    """Return the number of images shown in a whole run: the budget, rounded up to whole batches."""
    batch_size = clip_batch_size(settings.batch_size, faces)
    return -(-round(1000 * settings.kimg) // batch_size) * batch_size


def clip_batch_size(batch_size: int, faces: int) -> int:
    """Return the batch size, at most the number of faces.

    Raises:
        UserError: There are fewer than two faces.
    """
    if faces < 2:
        raise UserError(
            f"training needs at least 2 faces, found {faces}. Add screenshots, or relax the thresholds of "
            "detect, normalize and dedup in params.yaml"
        )
    return min(batch_size, faces)


def fits_in_memory(size: int, memory_mb: int) -> bool:
    """Return True if `size` bytes of faces may be kept in memory (also in that of the GPU)."""
    return size <= memory_mb * 10**6
