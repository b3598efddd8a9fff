"""Calibration of the probability of a face with Platt scaling (Platt 1999), with or without the score of the detector.

The network sees one crop. The score of the detector `mangaface` depends on two scales and on more of the page, so the
combination is better than either. There are two logistic regressions, one with and one without the score.
`mangagan.quality_training.fit_calibration` fits them. The logit of a usable face is not calibrated: on unseen titles,
fitted coefficients gave less pure datasets at the same yield.
"""

import numpy as np

SCORE_RANGE = (0.02, 0.7)  # scores are clipped to it; simple drawings have higher scores than the calibration data


def make_inputs(logits: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """Return the inputs of the regression, float64 (N, 3) or, with scores, (N, 4).

    Args:
        logits: float (N, 2): face, usable.
        scores: float (N,): scores of the detector (0, 1), or None.
    """
    columns = [logits[:, 0], logits[:, 1]]
    if scores is not None:
        clipped = np.clip(scores, *SCORE_RANGE)
        columns.append(np.log(clipped / (1 - clipped)))
    return np.stack([*columns, np.ones(len(logits))], axis=1).astype(np.float64)


def calibrate_face(
    logits: np.ndarray, scores: np.ndarray, with_score: np.ndarray, without_score: np.ndarray
) -> np.ndarray:
    """Return the calibrated logits of a face, float64 (N,).

    Args:
        logits: float (N, 2): logits of the network: face, usable.
        scores: float (N,): scores of the detector. NaN: use `without_score`.
        with_score: (4,): the coefficients of the two logits and of the score's logit, and the bias.
        without_score: (3,): the same without the score.
    """
    known = np.isfinite(scores)
    result = make_inputs(logits, None) @ without_score
    result[known] = make_inputs(logits[known], scores[known]) @ with_score
    return np.asarray(result)
