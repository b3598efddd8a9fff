"""Sizes of the screens of phones, tablets and e-readers."""

MIN_ASPECT, MAX_ASPECT = 1.7, 2.45  # long side / short side of a phone; printed pages reach about 1.6
MIN_SIDE, MAX_SIDE = 320, 4096  # px
SCREEN_SIZES = frozenset(  # short side, long side [px] of screens with the aspect of a page; phones are found by aspect
    {
        *((600, 1024), (768, 1024), (800, 1280), (810, 1080), (834, 1112), (834, 1194), (820, 1180), (900, 1440)),
        *((1024, 1366), (1050, 1680), (1080, 1440), (1200, 1600), (1200, 1920), (1200, 2000), (1440, 1920)),
        *((1488, 2266), (1504, 2256), (1536, 2048), (1600, 2560), (1620, 2160), (1640, 2360), (1668, 2224)),
        *((1668, 2388), (1668, 2420), (1752, 2800), (1768, 2208), (1800, 2880), (1812, 2176), (1824, 2736)),
        *((1840, 2208), (1848, 2960), (1856, 2160), (1920, 2880), (2048, 2732), (2064, 2752), (2076, 2152)),
        *((640, 960), (600, 800), (758, 1024), (1072, 1448), (1236, 1648), (1264, 1680), (1404, 1872), (1860, 2480)),
    }
)


def is_screen_size(width: int, height: int) -> bool:
    """Return True if an image of this size [px] can be a screenshot: the aspect of a phone, or a known screen."""
    short, long = sorted((width, height))
    if short < MIN_SIDE or long > MAX_SIDE:
        return False
    return MIN_ASPECT <= long / short <= MAX_ASPECT or (short, long) in SCREEN_SIZES
