"""Calibration: from the logits of the network, and the score of the detector, to logits of probabilities.

The network sees one crop. The score of the detector `mangaface` depends on two scales and on more of the page, so both
together are better. For each output, the coefficients are those of two logistic regressions (Platt 1999), with and
without the score. `mangagan.quality_training.fit_calibration` fits them.
"""

import numpy as np

SCORE_LIMIT = 1e-4  # scores are clipped to [SCORE_LIMIT, 1 - SCORE_LIMIT], so that their logit is finite


def make_inputs(logits: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """Return the inputs of the regression, float64 (N, 3) or, with scores, (N, 4).

    Args:
        logits: float (N, 2): face, usable.
        scores: float (N,): scores of the detector (0, 1), or None.
    """
    columns = [logits[:, 0], logits[:, 1]]
    if scores is not None:
        clipped = np.clip(scores, SCORE_LIMIT, 1 - SCORE_LIMIT)
        columns.append(np.log(clipped / (1 - clipped)))
    return np.stack([*columns, np.ones(len(logits))], axis=1).astype(np.float64)


def apply_calibration(
    logits: np.ndarray, scores: np.ndarray, with_score: np.ndarray, without_score: np.ndarray
) -> np.ndarray:
    """Return calibrated logits, float64 (N, 2): face, usable.

    Args:
        logits: float (N, 2): logits of the network.
        scores: float (N,): scores of the detector; where they are NaN, `without_score` is used.
        with_score: (2, 4): for each output, the coefficients of both logits and of the score's logit, and the constant.
        without_score: (2, 3): the same without the score.
    """
    known = np.isfinite(scores)
    result = make_inputs(logits, None) @ without_score.T
    result[known] = make_inputs(logits[known], scores[known]) @ with_score.T
    return np.asarray(result)
