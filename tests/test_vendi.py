"""Vendi score and estimated support of sets with known numbers of faces."""

import numpy as np
import pytest

from mangagan.metrics.duplicates import estimate_support
from mangagan.metrics.vendi import vendi_score


def faces_of(support: int, count: int, seed: int) -> np.ndarray:
    """Return draws of `support` equally likely faces, each with slight noise."""
    rng = np.random.default_rng(seed)
    faces = 10 * rng.standard_normal((support, 32))
    return faces[rng.integers(0, support, count)] + 0.01 * rng.standard_normal((count, 32))


@pytest.mark.parametrize("repeats", [1, 50])
def test_vendi_counts_orthogonal_vectors(repeats: int) -> None:
    # With fewer rows than columns and with more.
    points = np.repeat(np.eye(7, 20) * np.arange(1, 8)[:, None], repeats, axis=0)
    assert vendi_score(points) == pytest.approx(7, rel=1e-10)


def test_vendi_of_unequal_shares_is_the_exponential_of_their_entropy() -> None:
    points = np.repeat(np.eye(3), [6, 3, 1], axis=0)
    shares = np.array([0.6, 0.3, 0.1])
    assert vendi_score(points) == pytest.approx(np.exp(-np.sum(shares * np.log(shares))), rel=1e-10)


def test_vendi_of_two_vectors_at_an_angle() -> None:
    # Eigenvalues of K / 2 are (1 ± cos) / 2.
    cosine = 0.6
    points = np.array([[1.0, 0], [5 * cosine, 5 * 0.8]])
    shares = np.array([1 + cosine, 1 - cosine]) / 2
    assert vendi_score(points) == pytest.approx(np.exp(-np.sum(shares * np.log(shares))), rel=1e-10)


def test_vendi_of_one_direction_is_one_and_blank_features_are_one_more() -> None:
    assert vendi_score(np.outer(np.arange(1, 9), np.ones(5))) == pytest.approx(1, abs=1e-12)
    assert vendi_score(np.zeros((4, 5))) == pytest.approx(1, abs=1e-12)
    assert vendi_score(np.concatenate([np.zeros((4, 5)), np.ones((4, 5))])) == pytest.approx(2, rel=1e-10)


def test_vendi_falls_when_modes_drop() -> None:
    scores = [vendi_score(faces_of(support, 400, 0)) for support in (2, 5, 10, 20)]
    assert scores == sorted(scores)
    assert scores[0] == pytest.approx(2, abs=0.1)


def test_birthday_paradox_finds_the_support() -> None:
    support, count, repeats = 400, 300, 40
    pairs = [estimate_support(faces_of(support, count, seed), 1.0).pairs for seed in range(repeats)]
    # Pairs that collide are pairwise independent, so their variance is that of independent ones.
    expected = count * (count - 1) / 2 / support
    assert abs(np.mean(pairs) - expected) < 4 * np.sqrt(expected * (1 - 1 / support) / repeats)
    found = estimate_support(faces_of(support, 2000, 99), 1.0)
    assert found.support == pytest.approx(support, rel=4 / np.sqrt(found.pairs))
    assert found.support == 2000 * 1999 / 2 / found.pairs


def test_unequal_faces_count_less_than_there_are() -> None:
    # One face half of the time, 50 others at 1 % each: 1 / Σp² = 1 / (0.25 + 50 · 0.0001).
    rng = np.random.default_rng(3)
    which = rng.choice(51, 1000, p=[0.5, *[0.01] * 50])
    assert estimate_support(np.eye(51)[which], 0.1).support == pytest.approx(1 / 0.255, rel=0.15)


def test_one_face_and_no_pair() -> None:
    assert estimate_support(np.ones((9, 4)), 0.0) == (36, 1.0)
    assert estimate_support(np.eye(9), 0.5) == (0, None)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="features"):
        vendi_score(np.ones(4))
    with pytest.raises(ValueError, match="at least 2"):
        estimate_support(np.ones((1, 4)), 1.0)
    for threshold in (-1.0, np.nan):
        with pytest.raises(ValueError, match="threshold"):
            estimate_support(np.ones((3, 4)), threshold)
