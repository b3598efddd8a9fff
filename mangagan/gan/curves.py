"""The training curves: the statistics of a step, and one row of `curves.csv`."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class CurveRow:
    """Means over the steps since the previous row.

    Attributes:
        kimg: Images shown so far [kimg].
        loss_d: Loss of D, without its gradient penalty.
        loss_g: Loss of G, without its part from the discriminators on features.
        loss_f: Mean loss of the discriminators on features, without their gradient penalty; 0 if there are none.
        d_real: Mean probability of being real that D gives to real images [0, 1].
        d_fake: The same for generated images [0, 1].
        realness: See `losses.measure_realness` [-1, 1].
        augment_p: Probability of each augmentation [0, 1].
    """

    kimg: float
    loss_d: float
    loss_g: float
    loss_f: float
    d_real: float
    d_fake: float
    realness: float
    augment_p: float


COLUMNS = tuple(field.name for field in fields(CurveRow))
STATISTICS = COLUMNS[1:]  # what a step reports, in this order


def format_csv(names: list[str], rows: list[list[float]]) -> str:
    """Return a CSV with six significant digits."""
    return "".join(f"{','.join(line)}\n" for line in [names, *([f"{value:.6g}" for value in row] for row in rows)])
