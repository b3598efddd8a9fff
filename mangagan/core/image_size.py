"""Image sizes that the networks can generate: a base of 4 to 7 px that is doubled several times."""

MIN_BASE, MAX_BASE = 4, 7  # [px] smallest feature maps: 112 = 7·2⁴, 96 = 6·2⁴, 64 = 4·2⁴


def factor_size(image_size: int) -> tuple[int, int]:
    """Factor an image size into base·2ⁿ.

    Args:
        image_size: Height and width [px].

    Returns:
        The base [4, 7] and the number of doublings, at least 1; (7, 4) for 112.

    Raises:
        ValueError: The size has no such form.
    """
    base, doublings = image_size, 0
    while base > MAX_BASE and base % 2 == 0:
        base, doublings = base // 2, doublings + 1
    if doublings == 0 or not MIN_BASE <= base <= MAX_BASE:
        raise ValueError(f"image size must be 4, 5, 6 or 7 times a power of two (64, 96, 112, 128 …), not {image_size}")
    return base, doublings


def is_valid_size(image_size: int) -> bool:
    """Return True if the networks can generate images of this size."""
    try:
        factor_size(image_size)
    except ValueError:
        return False
    return True


def find_nearest_sizes(image_size: int, minimum: int, maximum: int) -> list[int]:
    """Return the nearest valid sizes: the next smaller one and the next larger one.

    Args:
        image_size: Size that is not valid [px].
        minimum: Smallest size to return [px].
        maximum: Largest size to return [px].

    Returns:
        One or two sizes in ascending order.
    """
    smaller = [size for size in range(minimum, min(image_size, maximum + 1)) if is_valid_size(size)]
    larger = [size for size in range(max(image_size + 1, minimum), maximum + 1) if is_valid_size(size)]
    return smaller[-1:] + larger[:1]
