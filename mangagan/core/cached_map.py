"""Map a function over items in parallel, except for items whose results are in the cache."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from mangagan.core.cache import NO_CACHE, Cache
from mangagan.core.machine import THREADS, MachineParams
from mangagan.core.packing import pack, unpack
from mangagan.core.parallel import map_ordered

MAX_AHEAD = 64  # maximum number of cached results per Pause
MAX_AHEAD_BYTES = 16e6  # maximum total size of these results [bytes]
MAX_WAITING_BYTES = 256e6  # maximum total size of waiting cached results if max_weight is 0 [bytes]
Item = TypeVar("Item")
Loaded = TypeVar("Loaded")
Result = TypeVar("Result")
TO_COMPUTE = object()


@dataclass(frozen=True)
class Pause:
    """Placeholder item for a group of cached results in `map_ordered`, so that they count towards its memory limit.

    Attributes:
        size: Size of these results [bytes].
    """

    size: int


def map_cached(
    function: Callable[[Loaded], Result],
    items: Iterable[Item],
    cache: Cache,
    key: Callable[[Item], bytes],
    kind: Any,
    load: Callable[[Item], Loaded],
    weigh: Callable[[Loaded], float] | None = None,
    max_weight: float = 0,
    machine: MachineParams = THREADS,
    is_cacheable: Callable[[Result], bool] = lambda result: True,
) -> Iterator[Result]:
    """Yield the result for each item, in the order of the items; from the cache if it is there.

    Memory is bounded: cached results that wait for a result of a worker count towards `max_weight`.

    Args:
        function: Called by the workers with a loaded item.
        items: Consumed in the calling thread, ahead of the results.
        cache: Results of earlier runs; new results are added.
        key: Return the key of the result of an item. It covers everything that the result depends on.
        kind: Type of the results; see `packing.unpack`.
        load: Return what the function needs of an item, for example the bytes of a page. Called in the calling thread,
            only for items that are not in the cache.
        weigh: As in `map_ordered`, for a loaded item.
        max_weight: As in `map_ordered`.
        machine: As in `map_ordered`.
        is_cacheable: Return False for a result that may differ in the next run; it is not cached.
    """
    waiting: deque[Any] = deque()  # in the order of the items: a cached result, TO_COMPUTE or a Pause
    keys: deque[bytes] = deque()  # of the items that the workers compute

    def find_missing() -> Iterator[Loaded | Pause]:
        ahead = size = 0
        for item in items:
            entry = key(item)
            data = cache.get(entry)
            found = None if data is None else unpack_or_none(data, kind)
            if data is None or found is None:
                keys.append(entry)
                waiting.append(TO_COMPUTE)
                yield load(item)
                continue
            waiting.append(found)
            ahead, size = ahead + 1, size + len(data)
            if ahead >= MAX_AHEAD or size > MAX_AHEAD_BYTES:
                waiting.append(Pause(size))
                yield waiting[-1]
                ahead = size = 0

    missing = find_missing()
    for first in missing:
        if not isinstance(first, Pause):
            break
        waiting.pop()  # the pause. Everything so far was cached, so do not start workers yet
        while waiting:
            yield waiting.popleft()
    else:
        yield from waiting
        return
    call = partial(call_unless_pause, function)
    weigh_loaded = partial(weigh_item, weigh)
    limit = max_weight or MAX_WAITING_BYTES
    items_left = chain([first], missing)
    for result in map_ordered(call, items_left, weigh=weigh_loaded, max_weight=limit, machine=machine):
        while waiting[0] is not TO_COMPUTE and not isinstance(waiting[0], Pause):
            yield waiting.popleft()
        if waiting.popleft() is TO_COMPUTE:
            target = cache if result is not None and is_cacheable(result) else NO_CACHE
            yield add_result(target, keys.popleft(), result, kind)
    yield from waiting


def compute_missing(
    function: Callable[[Loaded], Sequence[Result]],
    keys: Sequence[bytes],
    cache: Cache,
    kind: Any,
    load: Callable[[list[int]], Loaded],
    chunk: int,
    machine: MachineParams = THREADS,
) -> Iterator[tuple[int, Result]]:
    """Yield the index and the result of each of many small items: first the cached ones, then the others.

    Args:
        function: Return the results of a chunk of items; called by the workers.
        keys: Key of the result of each item.
        cache: Results of earlier runs; new results are added.
        kind: Type of the results; see `packing.unpack`.
        load: Return what the function needs of the items with some indices. Called in the calling thread.
        chunk: Number of items in a call.
        machine: As in `map_ordered`.
    """
    missing = []
    for index, key in enumerate(keys):
        known = get_result(cache, key, kind)
        if known is None:
            missing.append(index)
        else:
            yield index, known
    if not missing:  # no worker has to be started
        return
    chunks = [missing[start : start + chunk] for start in range(0, len(missing), chunk)]
    for indices, results in zip(chunks, map_ordered(function, map(load, chunks), machine=machine), strict=True):
        for index, result in zip(indices, results, strict=True):
            yield index, add_result(cache, keys[index], result, kind)


def add_result(cache: Cache, key: bytes, result: Any, kind: Any) -> Any:
    """Add a result to the cache. Return it with the types that a cached result has."""
    data = pack(result)
    cache.put(key, data)
    return unpack(data, kind)


def get_result(cache: Cache, key: bytes, kind: Any) -> Any:
    """Return a result from the cache. None if it is missing or damaged."""
    data = cache.get(key)
    return None if data is None else unpack_or_none(data, kind)


def unpack_or_none(data: bytes, kind: Any) -> Any:
    """Return the result of an entry. None if it is damaged."""
    try:
        return unpack(data, kind)
    except ValueError:
        return None


def call_unless_pause(function: Callable[[Loaded], Result], item: Loaded | Pause) -> Result | None:
    """Return the result of a loaded item, None for a pause."""
    return None if isinstance(item, Pause) else function(item)


def weigh_item(weigh: Callable[[Loaded], float] | None, item: Loaded | Pause) -> float:
    """Return the memory that a loaded item or the results of a pause need [bytes]."""
    if isinstance(item, Pause):
        return float(item.size)
    return weigh(item) if weigh else 0.0
