"""A linear classifier of usable faces, the baseline of the network: logistic regression with an L2 penalty.

Its inputs are the mean activations of the detector's encoder on the crop, and the measures of the detection.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.purity import USABLE
from mangagan.core.errors import UserError

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)  # L2, for each training row
MAX_ITERATIONS = 50
TOLERANCE = 1e-7  # largest change of a weight in the last iteration
MIN_DEVIATION = 1e-6  # of an input; a constant input has no influence
MEASURES = ("score", "usable", "pad_fraction", "sharpness", "contrast")


def make_inputs(detections: pd.DataFrame, features: np.ndarray) -> np.ndarray:
    """Return the inputs of the classifier, float64 (N, D + 6).

    Args:
        detections: With `MEASURES` and the columns w and h [px].
        features: (N, D), features of the crops; D may be 0.
    """
    sizes = np.log(detections[["w", "h"]].max(axis=1).to_numpy(float))
    return np.column_stack([features.astype(float), detections[list(MEASURES)].to_numpy(float), sizes])


def rate_unseen_titles(
    detections: pd.DataFrame, encode: Callable[[str], np.ndarray], min_score: float
) -> tuple[np.ndarray, dict[str, float]]:
    """Rate the detections of each title with a classifier that was trained on the other titles.

    Args:
        detections: All titles, with the column `kind`.
        encode: Returns the features (N, D) of all detections by the encoder that was trained without a title.
        min_score: Minimum score of a detection for training [0, 1].

    Returns:
        Probabilities of a usable face, float64 (N,), rounded to 4 digits, and the L2 penalty of each title.

    Raises:
        UserError: The other titles have no detection.
    """
    titles, usable = detections["title"].to_numpy(str), detections["kind"].to_numpy() == USABLE
    ratings, penalties = np.zeros(len(detections)), {}
    for title in dict.fromkeys(titles.tolist()):
        inputs = make_inputs(detections, encode(title))
        train = (titles != title) & (detections["score"].to_numpy() >= min_score)
        if not train.any():
            raise UserError(f"no detection of another title than {title}. Label pages of more titles")
        penalties[title] = choose_penalty(inputs[train], usable[train], titles[train])
        test = titles == title
        ratings[test] = fit_and_predict(inputs[train], usable[train], inputs[test], penalties[title])
    return ratings.round(4), penalties


def choose_penalty(inputs: np.ndarray, targets: np.ndarray, titles: np.ndarray) -> float:
    """Return the L2 penalty with the lowest log loss on one of the training titles, left out in turn."""

    def measure_loss(penalty: float) -> float:
        losses = []
        for title in np.unique(titles):
            test = titles == title
            predicted = fit_and_predict(inputs[~test], targets[~test], inputs[test], penalty).clip(1e-6, 1 - 1e-6)
            losses.append(-np.log(np.where(targets[test], predicted, 1 - predicted)))
        return float(np.concatenate(losses).mean())

    return min(PENALTIES, key=measure_loss) if len(np.unique(titles)) > 1 else PENALTIES[len(PENALTIES) // 2]


def fit_and_predict(train: np.ndarray, targets: np.ndarray, test: np.ndarray, penalty: float) -> np.ndarray:
    """Standardise the inputs, fit the classifier and return the probabilities of the test rows, float64 (M,).

    Args:
        train: (N, D), inputs of the training rows.
        targets: bool (N,).
        test: (M, D).
        penalty: See `fit_logistic`.
    """
    mean, deviation = train.mean(axis=0), np.maximum(train.std(axis=0), MIN_DEVIATION)
    weights = fit_logistic((train - mean) / deviation, targets, penalty)
    return compute_logistic(((test - mean) / deviation) @ weights[:-1] + weights[-1])


def fit_logistic(inputs: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Fit logistic regression by Newton's method.

    The minimum of the mean log loss + `penalty` / 2 · ‖w‖² over the weights w; the bias has no penalty.

    Args:
        inputs: float64 (N, D), standardised.
        targets: bool (N,).
        penalty: L2 penalty, above 0.

    Returns:
        float64 (D + 1,): the weights, then the bias.
    """
    design = np.column_stack([inputs, np.ones(len(inputs))])
    ridge = np.append(np.full(inputs.shape[1], penalty), 1e-9)
    weights = np.zeros(design.shape[1])
    for _ in range(MAX_ITERATIONS):
        predicted = compute_logistic(design @ weights)
        gradient = design.T @ (predicted - targets) / len(design) + ridge * weights
        curvature = (design * (predicted * (1 - predicted))[:, None]).T @ design / len(design) + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < TOLERANCE:
            break
    return weights


def compute_logistic(logits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(−logits)) without overflow."""
    return 0.5 * (1 + np.tanh(logits / 2))
