"""The hold-out split: whole pages with all that resembles them, never single images."""

import hashlib
from collections.abc import Iterable


def components(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The connected components of a graph: maps each node to the least node of its component.

    Args:
        links: pairs of nodes; a pair of a node with itself only adds it.
    """
    parent: dict[str, str] = {}

    def find(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in links:
        low, high = sorted((find(one), find(other)))
        parent[high] = low
    return {node: find(node) for node in parent}


def holdout_groups(sizes: dict[str, int], share: float, seed: int) -> set[str]:
    """Chooses the groups that are held out: about `share` of all faces, at least one group and never all.

    Groups are drawn in the order of a hash of their name, so that a group's place hardly changes when others come.

    Args:
        sizes: faces in each group.
        share: 0 to below 1; 0 holds nothing out.
        seed: another seed draws other groups.

    Returns:
        The names; empty where there are fewer than two groups.
    """
    wanted = share * sum(sizes.values())
    if wanted == 0 or len(sizes) < 2:
        return set()
    order = sorted(sizes, key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
    chosen: set[str] = set()
    held = 0
    for group in order:
        # A group that overshoots by more than what is missing (one huge group, say) would make a worse split.
        if held + sizes[group] - wanted < wanted - held:
            chosen.add(group)
            held += sizes[group]
    return chosen or {min(order, key=lambda group: sizes[group])}
