"""Confidences as probabilities: a curve fitted on words that are known to be right or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.asr.core.confidence import ConfidenceCurve, logit
from training.asr.evaluation.decoding import matched_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.asr.evaluation.decoding import Decoded

ECE_BINS = 10
NEWTON_STEPS = 30
RIDGE = 1e-3  # keeps the regression finite where a line separates right from wrong
MIN_SLOPE = 1e-3
MIN_STEP = 1e-6


class HeardWord(NamedTuple):
    """A word's confidence, its utterance's mean log-probability, and whether it is right."""

    confidence: float
    avg_log_probability: float
    is_right: bool


def heard_words(decoded: Decoded) -> list[HeardWord]:
    """Return every heard word; those of the least edits are right."""
    right = {heard for heard, _ in matched_words(decoded)}
    given = [
        (word.confidence, hypothesis.avg_log_probability)
        for _, hypothesis in decoded.pieces
        for word in hypothesis.words
    ]
    return [HeardWord(*one, n in right) for n, one in enumerate(given)]


def fit_curve(fitted: Sequence[HeardWord]) -> ConfidenceCurve:
    """Return the curve of greatest likelihood, with Platt's targets against overconfidence.

    Raises:
        ValueError: No word right or none wrong: nothing to fit.
    """
    is_right = np.array([one.is_right for one in fitted], dtype=bool)
    right, wrong = int(is_right.sum()), int((~is_right).sum())
    if not right or not wrong:
        raise ValueError("a curve needs words that are right and words that are wrong")
    targets = np.where(is_right, (right + 1) / (right + 2), 1 / (wrong + 2))
    inputs = np.array([(logit(one.confidence), one.avg_log_probability, 1.0) for one in fitted])
    slope, utterance_slope, intercept = logistic_line(inputs, targets)
    if utterance_slope < 0:
        slope, intercept = logistic_line(inputs[:, [0, 2]], targets)
        utterance_slope = 0.0
    return ConfidenceCurve(
        slope=max(slope, MIN_SLOPE), intercept=intercept, utterance_slope=utterance_slope
    )


def logistic_line(inputs: NDArray[np.float64], targets: NDArray[np.float64]) -> list[float]:
    """Return the weights of a logistic regression, by Newton's method.

    Args:
        inputs: Shape (items, inputs), a column of ones for the intercept among them.
        targets: Shape (items,), 0 to 1.
    """
    weights = np.zeros(inputs.shape[1])
    weights[0] = 1.0
    for _ in range(NEWTON_STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        curvature = probabilities * (1 - probabilities)
        hessian = (inputs * curvature[:, None]).T @ inputs + RIDGE * np.eye(len(weights))
        gradient = inputs.T @ (probabilities - targets) + RIDGE * weights
        step = np.linalg.solve(hessian, gradient)
        before = _loss(inputs, targets, weights)
        while _loss(inputs, targets, weights - step) > before and np.abs(step).max() > MIN_STEP:
            step /= 2  # a whole step may overshoot where many sure words are wrong
        weights -= step
    return [round(float(weight), 4) for weight in weights]


def _loss(
    inputs: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    odds = inputs @ weights
    return float((np.logaddexp(0, odds) - targets * odds).sum() + RIDGE / 2 * weights @ weights)


def calibration_error(checked: Sequence[HeardWord], curve: ConfidenceCurve) -> float:
    """Return the expected calibration error, 0 to 1, over ten bins of equal width."""
    confidences = np.array([curve(one.confidence, one.avg_log_probability) for one in checked])
    is_right = np.array([one.is_right for one in checked], dtype=float)
    bins = np.minimum((confidences * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [
        abs(float((confidences[bins == n] - is_right[bins == n]).sum())) for n in range(ECE_BINS)
    ]
    return sum(gaps) / max(len(checked), 1)
