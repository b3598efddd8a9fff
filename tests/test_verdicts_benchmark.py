"""The sample sets of the benchmark of verdicts have exactly the faults that their names say."""

import numpy as np
import pytest

from benchmarks.verdicts import make_samples
from mangagan.distances.structural_damage import break_faces
from tests.test_metrics import draw_faces


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return draw_faces(60, 1, 112)


@pytest.mark.parametrize(("share", "count"), [(0.3, 18), (0.5, 30), (1.0, 60)])
def test_exactly_the_given_share_is_broken(faces: np.ndarray, share: float, count: int) -> None:
    changed = (break_faces(faces, share, 0) != faces).any(axis=(1, 2, 3))
    # On these discs without eyes, some damage changes nothing.
    assert count * 0.5 <= changed.sum() <= count


def test_a_larger_share_breaks_the_same_faces_and_more(faces: np.ndarray) -> None:
    few, many = ((break_faces(faces, share, 0) != faces).any(axis=(1, 2, 3)) for share in (0.3, 1.0))
    assert few.sum() < many.sum()


def test_all_sets_have_the_size_of_the_samples(faces: np.ndarray) -> None:
    samples = make_samples(faces[:20], faces[20:])
    assert {images.shape for images in samples.values()} == {(20, 1, 112, 112)}
    assert np.array_equal(samples["other faces"], faces[:20])
    difference = samples["mirrored copies"].astype(int) - faces[20:40, :, :, ::-1]
    assert 3 < difference.std() < 7
