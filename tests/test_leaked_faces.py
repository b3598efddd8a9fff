"""Copies are detected although hold-out faces have near-duplicates, straight or mirrored, in the training set."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from mangagan.distances.reference_sets import copy_with_noise
from mangagan.metrics.comparison import Figures, as_json
from mangagan.metrics.evaluation_data import EvaluationData, prepare_data
from mangagan.metrics.leaked_faces import convert_to_gray, find_leaked
from mangagan.metrics.memorisation import measure_memorisation
from mangagan.metrics.nearest_train import measure_nearest_train
from mangagan.metrics.verdict import judge
from mangagan.sample.character import STYLES
from mangagan.sample.head import draw_face
from tests.test_metrics import crop_again
from tests.test_suite import QUICK, measure_variety

SIDE = 112
TRAIN, UNSEEN, MORE = 90, 41, 40  # faces: training, hold-out without leakage, and real faces in place of samples


@cache
def draw(count: int, seed: int) -> np.ndarray:
    """Draw faces of the sample manga in gray, uint8 (N, 1, SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    faces = [draw_face(rng, STYLES[number % 2], SIDE)[0] for number in range(count)]
    return np.stack([face if face.ndim == 2 else face.mean(axis=2).astype(np.uint8) for face in faces])[:, None]


def mirror(faces: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(faces[..., ::-1])


def copy_slightly_changed(faces: np.ndarray) -> np.ndarray:
    """Return faces as a generator that memorised them draws them: shifted by two pixels, with noise."""
    return copy_with_noise(crop_again(faces, 2 / SIDE, -1 / SIDE, 1), 0, 6.0)


def make_holdout(size: int, leaked: int) -> np.ndarray:
    """Return a hold-out set with the mirror images of some training faces."""
    return np.concatenate([mirror(draw(TRAIN, 1)[:leaked]), draw(UNSEEN, 2)[: size - leaked]])


def whole(faces: np.ndarray) -> np.ndarray:
    """Return the insides of crops without padding."""
    return np.tile(np.array([0, 0, 1, 1], np.float32), (len(faces), 1))


def prepare(samples: np.ndarray, holdout: np.ndarray, leave_out: bool = True) -> EvaluationData:
    train = draw(TRAIN, 1)
    leaked = find_leaked(holdout, whole(holdout), train, whole(train)) if leave_out else None
    return prepare_data(samples, train, holdout, ["one"] * TRAIN, [], neighbors=1, seed=0, leaked=leaked)


def judge_copying(data: EvaluationData) -> tuple[str, list[str]]:
    """Return the verdict, and the keys of the rules about copies that fired."""
    found: Figures = {**measure_variety(data), **measure_nearest_train(data, QUICK)}
    counts = {"holdout": len(data.leaked), "holdout_leaked": int(data.leaked.sum())}
    verdict = judge({**counts, **{key: as_json(figure) for key, figure in found.items()}})
    fired = [entry["key"] for entry in verdict["because"] if entry["fired"] and entry["word"] != "undertrained"]
    return verdict["word"], fired


SAMPLES: dict[str, Callable[[], np.ndarray]] = {
    "copies": lambda: copy_slightly_changed(draw(TRAIN, 1)),
    "mirrored copies": lambda: mirror(copy_slightly_changed(draw(TRAIN, 1))),
    "real faces": lambda: draw(MORE, 3),
    "mirrored real faces": lambda: mirror(draw(MORE, 3)),
}


@pytest.mark.parametrize(("size", "leaked"), [(43, 2), (33, 30)])
@pytest.mark.parametrize("kind", SAMPLES)
def test_verdict_with_mirrored_twins_in_the_training_set(kind: str, size: int, leaked: int) -> None:
    data = prepare(SAMPLES[kind](), make_holdout(size, leaked))
    assert data.leaked.tolist() == [True] * leaked + [False] * (size - leaked)
    word, fired = judge_copying(data)
    assert (word == "copying") == ("copies" in kind)
    assert ("nearest_train.copied" in fired) == ("copies" in kind)
    if "real" in kind:
        assert fired == []


def test_a_mixture_with_few_copies_is_detected_and_leaked_twins_would_hide_it() -> None:
    samples = np.concatenate([draw(MORE, 3), copy_slightly_changed(draw(TRAIN, 1)[40:56])])
    assert judge_copying(prepare(samples, make_holdout(43, 2)))[0] == "copying"
    assert judge_copying(prepare(samples, make_holdout(43, 2), leave_out=False))[1] == []
    copies = SAMPLES["copies"]()
    assert judge_copying(prepare(copies, make_holdout(33, 30), leave_out=False))[1] == []


def test_all_distances_to_training_faces_leave_leaked_faces_out() -> None:
    clean = prepare(draw(MORE, 3), make_holdout(43, 2)[2:])
    leaky = prepare(draw(MORE, 3), make_holdout(43, 2))
    np.testing.assert_array_equal(leaky.nearest_to_holdout.distances, clean.nearest_to_holdout.distances)
    first, second = (as_json(measure_nearest_train(data, QUICK)["nearest_train"]) for data in (clean, leaky))
    assert first == second
    assert second["floor_count"] == UNSEEN


class Pixels:
    """An extractor: the image at 14 px."""

    name, sha256, dimensions = "pixels", "", 14 * 14

    def __call__(self, images: np.ndarray) -> np.ndarray:
        step = SIDE // 14
        return images.reshape(len(images), 14, step, 14, step).mean(axis=(2, 4)).reshape(len(images), -1)


def test_metrics_on_features_leave_leaked_faces_out_and_name_the_shortage() -> None:
    train, samples = draw(TRAIN, 1), draw(MORE, 3)

    def measure(size: int, leaked: int) -> Figures:
        flags = np.arange(size) < leaked
        data = prepare_data(samples, train, make_holdout(size, leaked), ["one"] * TRAIN, [Pixels()], 1, 0, flags)
        return measure_memorisation(data, data.features["pixels"], QUICK)

    clean, leaky, short = measure(41, 0), measure(43, 2), measure(33, 30)
    assert (clean["ct"].value, clean["authenticity"].floor) == (leaky["ct"].value, leaky["authenticity"].floor)
    assert leaky["ct"].floor_count == 41
    assert short["ct"].value is None
    assert short["authenticity"].reason == (
        "3 of 33 hold-out faces have no near-duplicate among the training faces, at least 10 needed."
        " Set dedup.mirrored to split, and dedup.min_similarity to at most 0.5"
    )


def test_too_few_independent_faces_are_a_reason_and_never_good() -> None:
    figures = measure_nearest_train(prepare(draw(MORE, 3), make_holdout(33, 31)), QUICK)["nearest_train"]
    assert figures.reason.startswith("2 of 33 hold-out faces have no near-duplicate among the training faces")
    evaluation = {
        "diversity": {"ratio": 1.0},
        "duplicates": {"value": 0.0},
        "kernel_distance": {"random": {"position": 0.0}},
        "vendi": {"random": {"ratio": 1.0}},
        "face_share": {"ratio": 1.0},
        "coverage": {"random": {"ratio": 1.0}},
        "usable_share": {"ratio": 1.0},
    }
    nearest = as_json(measure_nearest_train(prepare(draw(MORE, 3), make_holdout(33, 30)), QUICK)["nearest_train"])
    verdict = judge({**evaluation, "nearest_train": nearest, "holdout": 33, "holdout_leaked": 30})
    assert (verdict["word"], verdict["advice"]) == (
        "unsure",
        "3 hold-out faces without a near-duplicate among the training faces, at least 20 needed to call samples good."
        " Set dedup.mirrored to split, and dedup.min_similarity to at most 0.5.",
    )


def test_colour_is_converted_to_gray() -> None:
    colours = np.zeros((1, 3, 2, 2), np.uint8)
    colours[0, :, 0, 0] = (255, 0, 0)
    colours[0, :, 1, 1] = (10, 10, 10)
    assert convert_to_gray(colours).tolist() == [[[76, 0], [0, 10]]]
    gray = draw(MORE, 3)
    np.testing.assert_array_equal(convert_to_gray(np.repeat(gray, 3, axis=1)), convert_to_gray(gray))
