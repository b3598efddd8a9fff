"""Clusters of duplicates, from pairs of near-duplicates and from the decisions of the user on pairs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mangagan.dataset.split import find_components
from mangagan.duplicates.pairs import Pairs

Pair = tuple[str, str]


@dataclass(frozen=True)
class Constraints:
    """Decisions that precede the similarity.

    Attributes:
        fixed: Faces that always represent a cluster, unless a merge joins them with a better face.
        merged: Pairs of duplicates.
        parted: Pairs that are not duplicates.
    """

    fixed: frozenset[str]
    merged: frozenset[Pair]
    parted: frozenset[Pair]


def cluster_faces(ids: Sequence[str], order: Iterable[int], pairs: Pairs, constraints: Constraints) -> np.ndarray:
    """Group duplicates around their best face.

    Each face, from best to worst, joins the representative with the highest similarity; if there is none it becomes a
    representative. Only representatives are joined, so a cluster cannot become a chain of faces in which only
    neighbours are alike. Merged faces are one cluster, and all of them can be joined. A face does not join a cluster if
    it, or a face that is merged with it, is parted from a face of the cluster.

    Args:
        ids: N face ids.
        order: Indices of the compared faces from best to worst. The other faces represent themselves.
        pairs: Near-duplicates: indices into `ids`.
        constraints: Decisions of the user.

    Returns:
        Index of the representative of each face, int (N,); a representative has its own index.
    """
    components = find_components(constraints.merged)
    group = [components.get(face_id, face_id) for face_id in ids]
    barred = bar_groups(constraints, components)
    neighbours = list_neighbours(pairs)
    representative = np.arange(len(ids))
    rank: dict[int, int] = {}  # of the faces that can be joined
    placed: dict[str, int] = {}  # group → representative
    groups_in: dict[int, set[str]] = defaultdict(set)  # representative → groups of its cluster

    for position, face in enumerate(order):
        own = group[face]
        target = placed.get(own)
        if target is None and ids[face] not in constraints.fixed:
            near = [(similarity, -rank[other], other) for other, similarity in neighbours[face] if other in rank]
            free = [item for item in near if not barred[own] & groups_in[representative[item[2]]]]
            target = representative[max(free)[2]] if free else None
        if target is None or ids[face] in components:
            rank[face] = position
        representative[face] = face if target is None else target
        placed[own] = representative[face]
        groups_in[representative[face]].add(own)
    return representative


def find_contradictions(merged: Iterable[Pair], parted: Iterable[Pair]) -> list[Pair]:
    """Return the parted pairs that merges join, sorted. `cluster_faces` ignores them."""
    groups = find_components(merged)
    return sorted(pair for pair in parted if pair[0] in groups and groups[pair[0]] == groups.get(pair[1]))


def bar_groups(constraints: Constraints, components: dict[str, str]) -> dict[str, set[str]]:
    """Return for each group of merged faces the groups whose cluster it must not join."""
    barred: dict[str, set[str]] = defaultdict(set)
    for one, other in constraints.parted:
        first, second = components.get(one, one), components.get(other, other)
        if first != second:
            barred[first].add(second)
            barred[second].add(first)
    return barred


def list_neighbours(pairs: Pairs) -> dict[int, list[tuple[int, float]]]:
    """Return for each face the faces that are similar to it, with the similarity."""
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for first, second, similarity in zip(
        pairs.first.tolist(), pairs.second.tolist(), pairs.similarity.tolist(), strict=True
    ):
        neighbours[first].append((second, similarity))
        neighbours[second].append((first, similarity))
    return neighbours
