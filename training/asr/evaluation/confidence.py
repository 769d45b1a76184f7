"""Confidences as probabilities: a curve fitted on words that are known to be right or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.asr.core.confidence import ConfidenceCurve
from models.log_odds import logit
from training.asr.evaluation.decoding import matched_words
from training.measuring.logistic import MIN_SLOPE, logistic_line, platt_targets
from training.measuring.reliability import calibration_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.asr.evaluation.decoding import Decoded

ECE_BINS = 10


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
    targets = platt_targets(is_right)
    inputs = np.array([(logit(one.confidence), one.avg_log_probability, 1.0) for one in fitted])
    slope, utterance_slope, intercept = logistic_line(inputs, targets)
    if utterance_slope < 0:
        slope, intercept = logistic_line(inputs[:, [0, 2]], targets)
        utterance_slope = 0.0
    return ConfidenceCurve(
        slope=max(slope, MIN_SLOPE), intercept=intercept, utterance_slope=utterance_slope
    )


def curve_error(checked: Sequence[HeardWord], curve: ConfidenceCurve) -> float:
    """Return the expected calibration error of a curve, 0 to 1, over ten bins of equal width."""
    confidences = np.array([curve(one.confidence, one.avg_log_probability) for one in checked])
    is_right = np.array([one.is_right for one in checked], dtype=bool)
    return calibration_error(confidences, is_right, bins=ECE_BINS)
