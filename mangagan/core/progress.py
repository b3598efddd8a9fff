"""Progress bars (tqdm) on stderr. They appear only on a terminal and only after `DELAY_S`."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

DELAY_S = 2.0


def track(items: Iterable[Item], total: int, label: str, unit: str) -> Iterator[Item]:
    """Yield the items and show how many are done.

    Args:
        items: Items to iterate over.
        total: Number of items.
        label: Name of the work, for example "detect".
        unit: Plural name of the items, for example "pages".
    """
    yield from tqdm(items, total=total, desc=label, unit=f" {unit}", delay=DELAY_S, disable=None, dynamic_ncols=True)


def progress_bar(total: int, label: str, unit: str, done: int = 0) -> "tqdm[Any]":
    """Return a bar that the caller updates, as a context manager.

    Args:
        total: Amount of work, in units.
        label: Name of the work, for example "train".
        unit: Name of the unit, for example "img".
        done: Amount that an earlier run has done. It does not count towards the speed. Default: 0.
    """
    return tqdm(total=total, desc=label, unit=f" {unit}", initial=done, delay=DELAY_S, disable=None, dynamic_ncols=True)
