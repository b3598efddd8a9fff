"""Clusters of duplicates from given pairs, and decisions on single faces and on pairs."""

from collections.abc import Sequence

import numpy as np
import pytest

from mangagan.dataset.clusters import Constraints, cluster_faces, find_contradictions
from mangagan.duplicates.pairs import Pairs

IDS = "abcdef"


def make_pairs(texts: Sequence[str]) -> Pairs:
    """Return pairs of `IDS` from texts such as `ab 0.7`."""
    rows = sorted((IDS.index(text[0]), IDS.index(text[1]), float(text[3:])) for text in texts)
    first, second, similarity = map(np.array, zip(*rows, strict=True)) if rows else ([], [], [])
    return Pairs(
        np.array(first, np.int64),
        np.array(second, np.int64),
        np.array(similarity, np.float32),
        np.zeros(len(rows), bool),
    )


def find_clusters(
    pairs: Sequence[str],
    order: str = IDS,
    fixed: str = "",
    merged: Sequence[str] = (),
    parted: Sequence[str] = (),
) -> str:
    """Return the representatives of a, b, c, d, e and f as a text."""
    constraints = Constraints(
        frozenset(fixed),
        frozenset((pair[0], pair[1]) for pair in merged),
        frozenset((pair[0], pair[1]) for pair in parted),
    )
    found = cluster_faces(list(IDS), [IDS.index(face) for face in order], make_pairs(pairs), constraints)
    return "".join(IDS[index] for index in found)


@pytest.mark.parametrize(
    ("representatives", "arguments"),
    [
        ("abcdef", {"pairs": []}),
        ("aacdef", {"pairs": ["ab 0.7"]}),
        ("bbcdef", {"pairs": ["ab 0.7"], "order": "bacdef"}),
        # A chain: c is like b only, and b is no representative.
        ("aacdef", {"pairs": ["ab 0.7", "bc 0.9"]}),
        ("bbbdef", {"pairs": ["ab 0.7", "bc 0.9"], "order": "bacdef"}),
        # The representative with the highest similarity, not the first one.
        ("abbdef", {"pairs": ["ac 0.6", "bc 0.8"]}),
        ("abadef", {"pairs": ["ac 0.8", "bc 0.8"]}),  # with equal similarity, the best face
        # A face that is not compared represents itself.
        ("abcdef", {"pairs": ["ab 0.7"], "order": "acdef"}),
        # Fixed faces are representatives, although they are alike.
        ("abbdef", {"pairs": ["ab 0.9", "ac 0.6", "bc 0.7"], "fixed": "ab"}),
        # Parted faces never join, not even through a third face.
        ("abcdef", {"pairs": ["ab 0.9"], "parted": ["ab"]}),
        ("aacdef", {"pairs": ["ab 0.8", "ac 0.8", "bc 0.9"], "parted": ["bc"]}),
        ("abadef", {"pairs": ["ab 0.9", "ac 0.8"], "parted": ["ab"]}),
        ("abbdef", {"pairs": ["ac 0.9", "bc 0.6"], "parted": ["ac"]}),  # the next similar one
        # Merged faces always join.
        ("aacdef", {"pairs": [], "merged": ["ab"]}),
        ("aaadef", {"pairs": [], "merged": ["ab", "bc"]}),
        ("aaadef", {"pairs": ["bc 0.9"], "merged": ["ab"]}),  # c is a duplicate of b, and so of a
        ("abaaef", {"pairs": ["cd 0.9", "ac 0.8"], "merged": ["cd"]}),  # all merged faces join together
        ("aaaaef", {"pairs": ["ab 0.7", "cd 0.7"], "merged": ["bc"]}),
        ("cbcdef", {"pairs": [], "order": "cbadef", "merged": ["ac"]}),
        ("aacdef", {"pairs": [], "merged": ["ab"], "fixed": "ab"}),
        # A face that is not compared joins nobody, but it connects those it is merged with.
        ("abadef", {"pairs": [], "order": "acdef", "merged": ["ab", "bc"]}),
        # What is parted from one of the merged faces does not join the others.
        ("aacdef", {"pairs": ["ac 0.9"], "merged": ["ab"], "parted": ["bc"]}),
        ("abccef", {"pairs": ["ac 0.9"], "merged": ["cd"], "parted": ["ad"]}),
        # Merges win over a parted pair that they join.
        ("aaadef", {"pairs": [], "merged": ["ab", "bc"], "parted": ["ac"]}),
    ],
)
def test_representatives(representatives: str, arguments: dict[str, object]) -> None:
    assert find_clusters(**arguments) == representatives  # type: ignore[arg-type]


def test_contradictions_are_named() -> None:
    merged = [("a", "b"), ("b", "c"), ("e", "f")]
    assert find_contradictions(merged, [("a", "c"), ("a", "e"), ("d", "g"), ("e", "f")]) == [("a", "c"), ("e", "f")]


def test_the_order_of_the_pairs_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        possible = [one + other for number, one in enumerate(IDS) for other in IDS[number + 1 :]]
        pairs = [f"{pair} {rng.uniform(0.5, 1):.3f}" for pair in possible if rng.random() < 0.5]
        parted = [pair for pair in possible if rng.random() < 0.2]
        merged = [pair for pair in possible if rng.random() < 0.1]
        found = find_clusters(pairs, merged=merged, parted=parted)
        assert find_clusters(pairs, merged=merged[::-1], parted=parted[::-1]) == found
        cluster = dict(zip(IDS, found, strict=True))
        assert all(cluster[pair[0]] == cluster[pair[1]] for pair in merged)
        wrong = find_contradictions([(pair[0], pair[1]) for pair in merged], [(pair[0], pair[1]) for pair in parted])
        barred = {(pair[0], pair[1]) for pair in parted} - set(wrong)
        assert all(cluster[one] != cluster[other] for one, other in barred)
