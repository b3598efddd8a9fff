"""Search for pairs of near-duplicates: candidates by descriptor, each verified on the aligned pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from mangagan.core.parallel import map_ordered
from mangagan.core.progress import track
from mangagan.duplicates.candidates import find_candidates
from mangagan.duplicates.comparison import prepare
from mangagan.duplicates.descriptors import describe_faces
from mangagan.duplicates.face_context import FaceContext, Faces, make_uncached_context
from mangagan.duplicates.face_set import FaceSet, Key, Pair, PairBatch, align_keys
from mangagan.duplicates.pair_cache import SimilarityCache
from mangagan.duplicates.pairs import Pairs
from mangagan.duplicates.params import PairParams
from mangagan.duplicates.whitening import fit_whitening, whiten

CHUNK = 64  # pairs that are measured at a time
MIN_FOR_PROCESSES = 2000  # pairs; fewer are measured on threads, because processes take a second to start
MAX_COMPONENT = 50  # faces
Item = TypeVar("Item")
Measured = dict[Key, float]  # pair, and whether one face was mirrored → similarity


@dataclass(frozen=True)
class Similarity:
    """Result for one pair.

    Attributes:
        value: Similarity [0, 1].
        mirrored: It is that of the first face and the mirror image of the second.
    """

    value: float
    mirrored: bool


def find_pairs(
    faces: Faces, insides: np.ndarray, settings: PairParams, mirrored: bool = True, context: FaceContext | None = None
) -> Pairs:
    """Find the pairs of faces that show the same drawing.

    Args:
        faces: Gray faces, uint8 (N, S, S); with `context` of the size SIDE.
        insides: Part of each on its page: left, top, right, bottom as shares of the side [0, 1], float32 (N, 4).
        settings: Minimum similarity.
        mirrored: Search for mirror images too. Default: True.
        context: Hashes of the faces, with cache and workers. Default: `faces` is an array, and there is no cache.

    Returns:
        The pairs, with `first` < `second`. A pair that is similar both ways is not mirrored.
    """
    if len(faces) < 2:
        return collect_pairs({})
    if len(insides) != len(faces):
        raise ValueError(f"{len(insides)} insides for {len(faces)} faces")
    if context is None:
        faces = prepare(np.asarray(faces))
        context = make_uncached_context(faces)
    descriptors = describe_faces(faces, context)
    whitening = fit_whitening(descriptors)
    part = FaceSet(faces, insides, whiten(whitening, descriptors), whitening.signs, context)
    return search(part, part, settings, mirrored, same=True)


def find_common(
    faces: np.ndarray,
    insides: np.ndarray,
    others: np.ndarray,
    other_insides: np.ndarray,
    settings: PairParams,
    mirrored: bool = True,
) -> Pairs:
    """Find the faces of one set that show the same drawing as a face of another set.

    Args:
        faces: Gray faces, uint8 (N, S, S).
        insides: Part of each on its page, see `find_pairs`, float32 (N, 4).
        others: The other set, uint8 (M, S, S).
        other_insides: float32 (M, 4).
        settings: Minimum similarity.
        mirrored: Search for mirror images too. Default: True.

    Returns:
        The pairs: `first` is an index of `faces`, `second` one of `others`.
    """
    if not len(faces) or not len(others):
        return collect_pairs({})
    if len(insides) != len(faces) or len(other_insides) != len(others):
        raise ValueError(f"{len(insides)} and {len(other_insides)} insides for {len(faces)} and {len(others)} faces")
    prepared, other_prepared = prepare(faces), prepare(others)
    context, other_context = make_uncached_context(prepared), make_uncached_context(other_prepared)
    descriptors, other_descriptors = describe_faces(prepared, context), describe_faces(other_prepared, other_context)
    whitening = fit_whitening(descriptors, other_descriptors)
    part = FaceSet(prepared, insides, whiten(whitening, descriptors), whitening.signs, context)
    other = FaceSet(other_prepared, other_insides, whiten(whitening, other_descriptors), whitening.signs, other_context)
    return search(part, other, settings, mirrored, same=False)


def search(part: FaceSet, others: FaceSet, settings: PairParams, mirrored: bool, same: bool) -> Pairs:
    """Return the pairs of a set with another set, or with itself if `same`."""
    measured: Measured = dict.fromkeys(list_identical(part.context.digests), 1.0) if same else {}
    similarities = SimilarityCache(part, others)
    for flip in (False, True) if mirrored else (False,):
        queries = part.mirror_descriptors(slice(None)) if flip else part.descriptors
        candidates = list_candidates(queries, others.descriptors, same)
        similar_pairs = {pair for pair, _ in select_similar(measured, settings)}
        measure_pairs(part, others, {(pair, flip) for pair in candidates - similar_pairs}, measured, similarities)
    if same:
        found = [(*pair, flip) for pair, flip in select_similar(measured, settings)]
        measure_pairs(part, others, set(complete_components(found).items()) - measured.keys(), measured, similarities)
    similarities.save()
    similar = select_similar(measured, settings)
    # A pair that is similar both ways is not mirrored.
    chosen = {pair: flip for pair, flip in similar if not (flip and (pair, False) in similar)}
    return collect_pairs({pair: Similarity(similar[pair, flip], flip) for pair, flip in chosen.items()})


def select_similar(measured: Measured, settings: PairParams) -> Measured:
    """Return the pairs that are similar enough."""
    return {key: value for key, value in measured.items() if value >= settings.min_similarity}


def list_identical(digests: Sequence[str]) -> set[Key]:
    """Return the pairs of faces with the same pixels, as keys of `Measured`; of many such faces, see `list_component`.

    Args:
        digests: Hash of the pixels of each face.
    """
    groups: dict[str, list[int]] = {}
    for index, digest in enumerate(digests):
        groups.setdefault(digest, []).append(index)
    return {(pair, False) for group in groups.values() for pair in list_component(group)}


def measure_pairs(
    part: FaceSet, others: FaceSet, keys: set[Key], measured: Measured, similarities: SimilarityCache
) -> None:
    """Measure pairs, except those that an earlier run has measured.

    Args:
        part: Set of the first faces.
        others: Set of the second faces.
        keys: Pairs of indices, and whether to compare the mirror image of the second face.
        measured: Result so far; changed.
        similarities: Similarities of earlier runs; changed.
    """
    unknown: list[tuple[Key, np.ndarray]] = []
    for chunk in split(sorted(keys)):
        for key, start in zip(chunk, align_keys(part, others, chunk), strict=True):
            value = similarities.get(key, start)
            if value is None:
                unknown.append((key, start))
            else:
                measured[key] = value
    chunks = list(split(unknown))
    batches = (
        PairBatch.take(part, others, [key for key, _ in pairs], np.stack([start for _, start in pairs]))
        for pairs in chunks
    )
    machine = part.context.machine
    if machine.executor == "threads" and len(unknown) >= MIN_FOR_PROCESSES:
        machine = replace(machine, executor="processes")
    values = map_ordered(PairBatch.measure, batches, machine=machine)
    for result, pairs in zip(track(values, len(chunks), "duplicates: pairs", "chunks"), chunks, strict=True):
        for (key, start), value in zip(pairs, result, strict=True):
            measured[key] = value
            similarities.put(key, start, value)


def split(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield chunks of at most `CHUNK` items."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def list_candidates(first: np.ndarray, second: np.ndarray, same: bool) -> set[Pair]:
    """Return pairs of faces with similar descriptors.

    Args:
        first: Whitened descriptors of one set, float16 (N, variants, COMPONENTS).
        second: The same of the other set, float16 (M, variants, COMPONENTS).
        same: Both are the same faces (one perhaps mirrored): pairs have `first` < `second`.
    """
    pairs = find_candidates(first, second, "candidates")
    if same:  # the other face at the other sizes is the same search
        pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    else:
        pairs = np.concatenate([pairs, find_candidates(second, first, "candidates")[:, ::-1]])
    return {(first, second) for first, second in pairs.tolist()}


def complete_components(found: Sequence[tuple[int, int, bool]]) -> dict[Pair, bool]:
    """Return all pairs of faces that pairs connect, directly or not, and whether they should be mirror images.

    A face that has more copies than `MAX_CANDIDATES` finds only some of them. Of many faces, see `list_component`.

    Args:
        found: Pairs of indices, and whether they are mirror images.
    """
    neighbours: dict[int, list[tuple[int, bool]]] = {}
    for first, second, flip in found:
        neighbours.setdefault(first, []).append((second, flip))
        neighbours.setdefault(second, []).append((first, flip))
    flips: dict[int, bool] = {}  # of each face that was reached, relative to the first face of its component
    pairs: dict[Pair, bool] = {}
    for start in sorted(neighbours):
        if start in flips:
            continue
        flips[start], component = False, [start]
        for face in component:  # grows
            for other, flip in neighbours[face]:
                if other not in flips:
                    flips[other] = flips[face] != flip
                    component.append(other)
        for first, second in list_component(sorted(component)):
            pairs[first, second] = flips[first] != flips[second]
    return pairs


def list_component(faces: Sequence[int]) -> Iterator[Pair]:
    """Yield the pairs of faces, sorted; of more than `MAX_COMPONENT` faces, only those with one of the first ones."""
    for position, first in enumerate(faces[:MAX_COMPONENT]):
        for second in faces[position + 1 :]:
            yield first, second


def collect_pairs(found: dict[Pair, Similarity]) -> Pairs:
    """Return pairs as arrays, sorted."""
    order = sorted(found)
    indices = np.array(order, np.int64).reshape(-1, 2)
    values = np.array([found[pair].value for pair in order], np.float32)
    return Pairs(indices[:, 0], indices[:, 1], values, np.array([found[pair].mirrored for pair in order], bool))
