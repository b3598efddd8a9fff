"""The hold-out split: groups of pages that share drawings, never single images."""

import hashlib
from collections.abc import Iterable


def find_components(edges: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Find the connected components of a graph.

    Args:
        edges: Pairs of nodes. An edge from a node to itself adds the node.

    Returns:
        For each node, the smallest node of its component.
    """
    parent: dict[str, str] = {}

    def find_root(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for node, neighbor in edges:
        low, high = sorted((find_root(node), find_root(neighbor)))
        parent[high] = low
    return {node: find_root(node) for node in parent}


def choose_holdout(sizes: dict[str, int], share: float, seed: int) -> set[str]:
    """Choose groups for the hold-out set, so that it has about the given share of all faces.

    Groups are taken in the order of a hash of their name, so that new groups hardly change the split of the others.

    Args:
        sizes: Number of faces in each group.
        share: Share of faces in the hold-out set [0, 1). 0: no hold-out set.
        seed: Another seed chooses other groups.

    Returns:
        Names of the groups: at least one and never all; none if there are fewer than two groups or the share is 0.
    """
    target = share * sum(sizes.values())
    if target == 0 or len(sizes) < 2:
        return set()
    order = sorted(sizes, key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
    chosen: set[str] = set()
    count = 0
    for group in order:
        # Skip a very large group if the count without it is closer to the target.
        if count + sizes[group] - target < target - count:
            chosen.add(group)
            count += sizes[group]
    return chosen or {min(order, key=lambda group: sizes[group])}
