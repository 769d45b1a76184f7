"""Whether anybody speaks: a curve fitted on real speech and on sound without words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from models.asr.core.confidence import IDENTITY, ConfidenceCurve
from models.log_odds import logit
from training.measuring.logistic import MIN_SLOPE, logistic_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.asr.core.hypothesis import Hypothesis

MIN_SILENT = 30  # fewer hypotheses without speech give no curve


class SpeechCheck(msgspec.Struct, frozen=True):
    """How well a curve tells speech from other sound, at even odds.

    Attributes:
        speech: Share of the hypotheses of speech that it takes for speech.
        silent: Share of the hypotheses of other sound that it takes for that; nan of none.
        silent_count: How many those are.
    """

    speech: float
    silent: float
    silent_count: int


def fit_speech_curve(spoken: Sequence[Hypothesis], silent: Sequence[Hypothesis]) -> ConfidenceCurve:
    """Return the curve of the probability of speech at even odds.

    Args:
        spoken: Of speech.
        silent: With words, of sound that has none; too few of them give no curve.
    """
    if len(silent) < MIN_SILENT or not spoken:
        return IDENTITY
    inputs = np.array(
        [
            (logit(1 - one.no_speech_probability), one.avg_log_probability, 1.0)
            for one in (*spoken, *silent)
        ]
    )
    targets = np.repeat((1.0, 0.0), (len(spoken), len(silent)))
    slope, utterance_slope, intercept = logistic_line(inputs, targets)
    if utterance_slope < 0:
        slope, intercept = logistic_line(inputs[:, [0, 2]], targets)
        utterance_slope = 0.0
    odds = float(np.log(len(spoken) / len(silent)))
    return ConfidenceCurve(
        slope=max(slope, MIN_SLOPE),
        intercept=round(intercept - odds, 4),
        utterance_slope=utterance_slope,
    )


def check_speech_curve(
    curve: ConfidenceCurve, spoken: Sequence[Hypothesis], silent: Sequence[Hypothesis]
) -> SpeechCheck:
    """Return how many hypotheses of each sort a curve takes for what they are."""

    def share_of_speech(hypotheses: Sequence[Hypothesis]) -> float:
        found = [
            curve(1 - one.no_speech_probability, one.avg_log_probability) > 1 / 2
            for one in hypotheses
        ]
        return float(np.mean(found)) if found else float("nan")

    return SpeechCheck(
        speech=round(share_of_speech(spoken), 4),
        silent=round(1 - share_of_speech(silent), 4),
        silent_count=len(silent),
    )
